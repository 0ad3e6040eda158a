"""What the games of a formula share: one function f between two players, and where players start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minmax.lazy import torch
from minmax.types import Batch, Game, Loss, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

Start = Sequence[Any]  # for each player a number, or one for each of its coordinates
Init = Callable[["Generator"], Players]


def zero_sum(names: tuple[str, str], value: Loss, init: Init, **others: Any) -> Game:
    """A native game in which the first name minimises f = ``value`` and the second maximises it."""

    def minus_value(players: Players, batch: Batch) -> Tensor:
        return -value(players, batch)

    return Game(init, {names[0]: value, names[1]: minus_value}, value=value, native=True, **others)


def at(names: Sequence[str], values: Start) -> Players:
    """One member's players at these values, float64."""
    return {name: torch.as_tensor(own, dtype=torch.float64) for name, own in zip(names, values, strict=True)}


def around(names: Sequence[str], start: Start, spread: float, shape: tuple[int, ...] = ()) -> Init:
    """Players of one shape start normal around ``start``, every coordinate with standard deviation ``spread``.

    Raises:
        ValueError: a start without one value a player, or of another shape, or a negative spread.
    """
    if len(start) != len(names):
        raise ValueError(f"start: {len(start)} values given; one each for {', '.join(names)} is allowed")
    if spread < 0:
        raise ValueError(f"spread: {spread} given; at least 0 is allowed")
    centre = {name: own.float() for name, own in at(names, start).items()}
    for name, own in centre.items():
        if own.shape not in ((), shape):
            raise ValueError(f"start: shape {tuple(own.shape)} given for {name}; a number or {shape} is allowed")

    def init(generator: Generator) -> Players:
        return {name: own + spread * torch.randn(shape, generator=generator) for name, own in centre.items()}

    return init


def within(names: Sequence[str], bound: float) -> Init:
    """Players of one number each start uniform in [−bound, bound]."""

    def init(generator: Generator) -> Players:
        return {name: bound * (2 * torch.rand((), generator=generator) - 1) for name in names}

    return init
