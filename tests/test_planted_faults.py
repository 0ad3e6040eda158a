"""The checks find what they are for: each passes the real optimizer and fails one with a fault planted in it.

The faults are those of released code (a direction two steps old, an aliased gradient, the factor 2 in ½‖F‖²) and of
hasty hands. The same functions check the real optimizers in ``test_theory_*``, ``test_contract`` and ``test_imports``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from closed_forms import ROWS
from contract import check_cost, check_every_batch_matters, check_inputs_unchanged, registered_gan
from import_rules import violations
from linear_maps import by_modulus, check_spectrum, check_trajectory, predicted, random_bilinear

import minmax
from minmax import tree
from minmax.field import field
from minmax.optimizers.play import move, rate
from minmax.types import Optimizer


class Fault(NamedTuple):
    """An optimizer by name and options, what is done to it, and the check that must notice."""

    name: str
    options: dict[str, Any]
    plant: Callable[[Optimizer], Optimizer]
    check: Callable[[Optimizer], None]


def spectrum(optimizer: Optimizer) -> None:
    check_spectrum(optimizer, ROWS[optimizer.name], random_bilinear(3, 4, top=0.9))


def path(optimizer: Optimizer) -> None:
    row, game = ROWS[optimizer.name], random_bilinear(3, 4, top=0.9)
    check_trajectory(optimizer, row, game, by_modulus(predicted(row, game))[1])


def purity(optimizer: Optimizer) -> None:
    check_inputs_unchanged(optimizer, registered_gan())


def with_hypers(**changed: Callable[[Any], Any]) -> Callable[[Optimizer], Optimizer]:
    """A wrong coefficient: the step sees other hyperparameters."""

    def plant(base: Optimizer) -> Optimizer:
        def step(game: Any, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
            wrong = {name: change(hypers[name]) for name, change in changed.items()}
            return base.step(game, players, state, batches, noise, {**hypers, **wrong})

        return base._replace(step=step)

    return plant


def short_memory(base: Optimizer) -> Optimizer:
    """optimistic with 1.9·d_t − 0.9·d_{t−1}."""

    def step(game: Any, players: Any, state: Any, *rest: Any) -> Any:
        return base.step(game, players, {**state, "has_previous": 0.9 * state["has_previous"]}, *rest)

    return base._replace(step=step)


def stale(base: Optimizer) -> Optimizer:
    """optimistic with 2·d_t − d_{t−2}, as in the released code: what it remembers is a step too old."""

    def init(players: Any) -> Any:
        state = base.init(players)
        return {**state, "older": tree.zeros_like(state["previous"])}

    def step(game: Any, players: Any, state: Any, *rest: Any) -> Any:
        players, after, info = base.step(game, players, {**state, "previous": state["older"]}, *rest)
        return players, {**after, "older": state["previous"]}, info

    return base._replace(init=init, step=step)


def aliased(base: Optimizer) -> Optimizer:
    """optimistic that remembers the gradient's buffer, not its value: the next gradient overwrites it."""
    buffer: Any = {}

    def step(game: Any, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
        gradient = field(game, players, batches[0])
        if tree.leaves(buffer) == [] or tree.members(buffer) != tree.members(gradient):
            buffer.update(tree.zeros_like(gradient))
        tree.map(lambda own, new: own.copy_(new), buffer, gradient)
        change = tree.add(buffer, state["previous"], -1.0)
        direction = tree.add(buffer, change, state["has_previous"])
        after = {**state, "previous": buffer, "has_previous": state["has_previous"] * 0 + 1}
        return move(game, players, direction, hypers), after, {}

    return base._replace(step=step)


def first_batch_only(base: Optimizer) -> Optimizer:
    """Every minibatch is silently the first."""

    def step(game: Any, players: Any, state: Any, batches: Any, *rest: Any) -> Any:
        return base.step(game, players, state, (batches[0],) * len(batches), *rest)

    return base._replace(step=step)


def players_in_place(base: Optimizer) -> Optimizer:
    """gda that writes into the players it was given."""

    def step(game: Any, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
        for name, gradient in field(game, players, batches[0]).items():
            pace = rate(name, players, hypers)
            tree.map(lambda z, g, pace=pace: z.sub_(g * tree.per_member(pace, g)), players[name], gradient)
        return players, state, {}

    return base._replace(step=step)


def state_in_place(base: Optimizer) -> Optimizer:
    """An optimizer whose transform counts in its own input."""

    def step(game: Any, players: Any, state: Any, *rest: Any) -> Any:
        for own in state.values():
            own["count"].add_(1.0)
        return base.step(game, players, state, *rest)

    return base._replace(step=step)


def costing(cost: float) -> Callable[[Optimizer], Optimizer]:
    """A mis-declared cost."""
    return lambda base: base._replace(cost=cost)


FAULTS = {
    "coefficient: gamma twice (of ‖F‖², not ½‖F‖²)": Fault(
        "consensus", {}, with_hypers(gamma=lambda gamma: 2 * gamma), spectrum
    ),
    "coefficient: the learning-rate ratio upside down": Fault(
        "alternating_gda", {}, with_hypers(lr_ratio=lambda ratio: 1 / ratio, lr=lambda lr: lr), spectrum
    ),
    "coefficient: a learning rate off by a millionth": Fault(
        "extragradient", {}, with_hypers(lr=lambda lr: lr * (1 + 1e-6)), spectrum
    ),
    "coefficient: nine tenths of the previous direction": Fault("optimistic", {}, short_memory, spectrum),
    "the same on a trajectory": Fault("optimistic", {}, short_memory, path),
    "previous: two steps old": Fault("optimistic", {}, stale, spectrum),
    "previous: two steps old, on a trajectory": Fault("optimistic", {}, stale, path),
    "previous: aliased, on a trajectory": Fault("optimistic", {}, aliased, path),
    "previous: aliased, seen as a changed input": Fault("optimistic", {}, aliased, purity),
    "batch: the second is the first": Fault("extragradient", {}, first_batch_only, check_every_batch_matters),
    "batch: each answer on the first": Fault(
        "alternating_gda", {"ascent_steps": 3}, first_batch_only, check_every_batch_matters
    ),
    "batch: f not on the held-out one": Fault("accept_reject", {}, first_batch_only, check_every_batch_matters),
    "cost: extragradient as one field": Fault("extragradient", {}, costing(1.0), check_cost),
    "cost: answers for free": Fault("alternating_gda", {"ascent_steps": 3}, costing(1.2), check_cost),
    "cost: f for free": Fault("accept_reject", {}, costing(1.2), check_cost),
    "input: players changed in place": Fault("gda", {}, players_in_place, purity),
    "input: state changed in place": Fault("extragradient", {"transform": "adam"}, state_in_place, purity),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found(fault: Fault) -> None:
    sound = minmax.optimizers.get(fault.name, **fault.options)
    fault.check(sound)
    with pytest.raises(AssertionError):
        fault.check(fault.plant(sound))


def test_a_planted_import_is_found(tmp_path: Path) -> None:
    """In a copy of minmax's own tree: nothing, and then one line more."""
    copy = tmp_path / "minmax" / "train.py"
    copy.parent.mkdir()
    copy.write_text(Path(minmax.__file__).with_name("train.py").read_text(encoding="utf-8"))
    assert violations(tmp_path) == []
    copy.write_text(copy.read_text() + "\n\ndef track() -> None:\n    import mlflow\n")
    (found,) = violations(tmp_path)
    assert found.startswith("minmax/train.py:") and found.endswith(": imports mlflow")
