"""The checks find what they are for: each passes the real optimizer and fails one with a fault planted in it.

These are the faults of hasty hands; those of released code are in ``test_traps_*``. The same functions check the real
optimizers in ``test_theory_*``, ``test_contract`` and ``test_imports``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contract import check_cost, check_every_batch_matters
from faults import Fault, assert_found, path, purity, spectrum
from import_rules import violations

import minmax
from minmax import tree
from minmax.field import field
from minmax.optimizers.play import rate
from minmax.types import Optimizer


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
    assert_found(fault)


def test_a_planted_import_is_found(tmp_path: Path) -> None:
    """In a copy of minmax's own tree: nothing, and then one line more."""
    copy = tmp_path / "minmax" / "train.py"
    copy.parent.mkdir()
    copy.write_text(Path(minmax.__file__).with_name("train.py").read_text(encoding="utf-8"))
    assert violations(tmp_path) == []
    copy.write_text(copy.read_text() + "\n\ndef track() -> None:\n    import mlflow\n")
    (found,) = violations(tmp_path)
    assert found.startswith("minmax/train.py:") and found.endswith(": imports mlflow")
