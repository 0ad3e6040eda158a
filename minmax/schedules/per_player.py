"""From what a user says of schedules to each player's factor, and to the hyperparameters of a step."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from minmax.schedules import SCHEDULES
from minmax.types import Hypers, Optimizer, Schedule


def built(given: Any) -> Schedule:
    """A name, ``{"name": …}`` with its options, or a schedule of one's own.

    Raises:
        ValueError: an unknown name or option, a missing one, or nothing of the kind.
    """
    if callable(given):
        return given
    said = {"name": given} if isinstance(given, str) else given
    if not _is_named(said):
        raise ValueError(
            f"schedule: {given!r} given; a name, {{'name': …}} with its options, or (step, steps) -> factor is allowed"
        )
    name, options = said["name"], {key: value for key, value in said.items() if key != "name"}
    builder, takes = SCHEDULES[name], inspect.signature(SCHEDULES[name]).parameters
    for option in sorted(set(options) - set(takes)):
        raise ValueError(f"schedule: {name} has no option {option!r}; allowed: {', '.join(takes) or 'none'}")
    for option, declared in takes.items():
        if declared.default is declared.empty and option not in options:
            raise ValueError(f"schedule: {name} needs its option {option!r}")
    schedule: Schedule = builder(**options)
    return schedule


def per_player(given: Any, players: Sequence[str], optimizer: Optimizer) -> dict[str, Schedule]:
    """Each player's schedule: the one for all, or its own of ``{player: …}``; who is left out keeps the rate.

    Raises:
        ValueError: what ``built`` refuses; a player that the game has not; an optimizer without the learning rates
            that a schedule multiplies.
    """
    for name in ("lr", "lr_ratio")[: len(players)]:
        if name not in optimizer.hypers:
            raise ValueError(f"schedule: {optimizer.name} has no hyperparameter {name!r}, which it would multiply")
    if not isinstance(given, Mapping) or _is_named(given):
        return dict.fromkeys(players, built(given))
    for name in given:
        if name not in players:
            raise ValueError(f"schedule: {name!r} is no player; allowed: {', '.join(players)}")
    return {name: built(given.get(name, "constant")) for name in players}


def scaled(hypers: Hypers, schedules: Mapping[str, Schedule], step: int, steps: int) -> Hypers:
    """``hypers`` in which each player's learning rate is multiplied by its factor at ``step`` of ``steps``; as they are
    where there are no schedules.

    Raises:
        ValueError: a factor that is not positive.
    """
    factors = [schedule(step, steps) for schedule in schedules.values()]
    for name, factor in zip(schedules, factors, strict=True):
        if not (math.isfinite(factor) and factor > 0):
            raise ValueError(f"schedule: {factor} for {name} at step {step} of {steps}; a positive number is allowed")
    match factors:
        case [one]:
            return {**hypers, "lr": hypers["lr"] * one}
        case [first, second]:
            return {**hypers, "lr": hypers["lr"] * first, "lr_ratio": hypers["lr_ratio"] * (second / first)}
    return hypers


def _is_named(given: Any) -> bool:
    return isinstance(given, Mapping) and isinstance(given.get("name"), str)
