"""The bugs of released first-order code, each planted and caught; the real optimizers pass the same checks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from closed_forms import RATES, ROWS
from contract import check_resumed, registered_gan
from faults import Fault, assert_found, path, purity, spectrum
from linear_maps import bilinear_of, iteration_matrix, measured_rate, planar_path, radius, random_bilinear, stacked

import minmax
from minmax import transforms, tree
from minmax.field import field
from minmax.hypers import hypers_over_members
from minmax.optimizers.play import direct, move
from minmax.types import Optimizer

ADAM = {"beta1": 0.5, "beta2": 0.9, "eps": 1e-3}


def stale(base: Optimizer) -> Optimizer:
    """optimistic with 2·d_t − d_{t−2}, as in the code of Daskalakis et al.: both updates read the old values."""

    def init(players: Any) -> Any:
        state = base.init(players)
        return {**state, "older": tree.zeros_like(state["previous"])}

    def step(game: Any, players: Any, state: Any, *rest: Any) -> Any:
        players, after, info = base.step(game, players, {**state, "previous": state["older"]}, *rest)
        return players, {**after, "older": state["previous"]}, info

    return base._replace(init=init, step=step)


def aliased(base: Optimizer) -> Optimizer:
    """optimistic that remembers the gradient's buffer, not its value, as in the code of Gidel et al.: the next
    gradient overwrites it."""
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


def corrected_now(base: Optimizer) -> Optimizer:
    """Optimistic Adam whose previous direction is divided by the current bias corrections, as released."""

    def step(game: Any, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
        previous = {}
        for name, own in state["transform"].items():
            unbias1, unbias2 = ((1 - hypers[beta] ** (own["count"] + 1)).unsqueeze(1) for beta in ("beta1", "beta2"))
            direction = own["mean"] / unbias1 / ((own["square"] / unbias2).sqrt() + hypers["eps"].unsqueeze(1))
            previous[name] = tree.unflat(direction, state["previous"][name])
        return base.step(game, players, {**state, "previous": previous}, batches, noise, hypers)

    return base._replace(step=step)


def no_snapshot(base: Optimizer) -> Optimizer:
    """extragradient that steps on from the extrapolated point: two steps of gda."""
    gda = minmax.optimizers.get("gda")

    def step(game: Any, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
        for batch in batches:
            players, state, info = gda.step(game, players, state, (batch,), noise, hypers)
        return players, state, info

    return base._replace(step=step)


def half_a_state(base: Optimizer) -> Optimizer:
    """Extra-Adam whose moments forget the second half-step."""
    adam = transforms.get("adam")

    def step(game: Any, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
        _, first = direct(adam, field(game, players, batches[0]), state, hypers)
        players, _, info = base.step(game, players, state, batches, noise, hypers)
        return players, first, info

    return base._replace(step=step)


def lazy(base: Optimizer) -> Optimizer:
    """lookahead whose slow weights are copied at the first synchronisation, which then does nothing, as released."""

    def step(game: Any, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
        begun = state["count"] >= 5
        hypers = {**hypers, "slow_step": torch.where(begun, hypers["slow_step"], 1.0)}
        return base.step(game, players, state, batches, noise, hypers)

    return base._replace(step=step)


def apart(base: Optimizer) -> Optimizer:
    """A lookahead for each player: the second goes back two steps before the first."""

    def step(game: Any, players: Any, state: Any, *rest: Any) -> Any:
        moved, after, info = base.step(game, players, state, *rest)
        early, before, _ = base.step(game, players, {**state, "count": state["count"] + 2}, *rest)
        second = list(players)[1]
        slow = {**after["slow"], second: before["slow"][second]}
        return {**moved, second: early[second]}, {**after, "slow": slow}, info

    return base._replace(step=step)


def outside(key: str) -> Callable[[Optimizer], Optimizer]:
    """What an optimizer remembers under ``key`` is kept beside its state, where no checkpoint finds it."""

    def plant(base: Optimizer) -> Optimizer:
        held: Any = {}

        def init(players: Any) -> Any:
            state = base.init(players)
            held[key] = state.pop(key)
            return state

        def step(game: Any, players: Any, state: Any, *rest: Any) -> Any:
            players, after, info = base.step(game, players, {**state, key: held[key]}, *rest)
            held[key] = after.pop(key)
            return players, after, info

        return base._replace(init=init, step=step)

    return plant


def first_cycle(optimizer: Optimizer) -> None:
    """From where ``init`` puts the players: 1 − α + α(1 + iσ)⁵."""
    w = planar_path(optimizer, ROWS["lookahead"], 0.4, 5)
    np.testing.assert_allclose(w[5] / w[0], 0.6 + 0.4 * (1 + 0.4j) ** 5, rtol=1e-9)


def resumed(optimizer: Optimizer) -> None:
    check_resumed(optimizer, registered_gan())


class Adam:
    """Kingma & Ba's algorithm 1 on arrays, written down once more."""

    def __init__(self) -> None:
        self.mean = self.square = np.zeros(())
        self.count = 0

    def __call__(self, gradient: Any) -> Any:
        """m̂/(√v̂ + ε)."""
        self.count += 1
        self.mean = ADAM["beta1"] * self.mean + (1 - ADAM["beta1"]) * gradient
        self.square = ADAM["beta2"] * self.square + (1 - ADAM["beta2"]) * gradient**2
        mean, square = self.mean / (1 - ADAM["beta1"] ** self.count), self.square / (1 - ADAM["beta2"] ** self.count)
        return mean / (np.sqrt(square) + ADAM["eps"])


def check_adam(optimizer: Optimizer, reference: Callable[[Any, Any, Any], list[Any]]) -> None:
    """Six steps on a random game are those of ``reference(F, z, rates)``."""
    game = random_bilinear(3, 3, top=1.3)
    players = {name: own + 1.0 for name, own in stacked(game.solution, 1).items()}
    matrix = minmax.field.jacobian(game, players, {})[0].numpy()
    centre = tree.flat(stacked(game.solution, 1))[0].numpy()
    rates = np.repeat([RATES["lr"], RATES["lr"] * RATES["lr_ratio"]], 3)
    expected = reference(lambda z: matrix @ (z - centre), tree.flat(players)[0].numpy(), rates)
    state, values = optimizer.init(players), hypers_over_members(optimizer, {**RATES, **ADAM}, 1)
    for z in expected:
        players, state, _ = optimizer.step(game, players, state, ({},) * optimizer.batches, {}, values)
        np.testing.assert_allclose(tree.flat(players)[0].numpy(), z, rtol=1e-9)


def optimistic_adam(optimizer: Optimizer) -> None:
    """z ← z − 2h·m̂_t/(√v̂_t + ε) + h·m̂_{t−1}/(√v̂_{t−1} + ε)."""

    def reference(gradient: Any, z: Any, rates: Any) -> list[Any]:
        adam, previous, path = Adam(), None, []
        for _ in range(6):
            current = adam(gradient(z))
            z = z - rates * (2 * current - (current if previous is None else previous))
            previous = current
            path.append(z)
        return path

    check_adam(optimizer, reference)


def extra_adam(optimizer: Optimizer) -> None:
    """Gidel et al.'s algorithm 4: moments and their count advance in both half-steps."""

    def reference(gradient: Any, z: Any, rates: Any) -> list[Any]:
        adam, path = Adam(), []
        for _ in range(6):
            half = z - rates * adam(gradient(z))
            z = z - rates * adam(gradient(half))
            path.append(z)
        return path

    check_adam(optimizer, reference)


TRAPS = {
    "a direction two steps old": Fault("optimistic", {}, stale, spectrum),
    "a direction two steps old, in training": Fault("optimistic", {}, stale, path),
    "an aliased gradient, in training": Fault("optimistic", {}, aliased, path),
    "an aliased gradient, seen as a changed input": Fault("optimistic", {}, aliased, purity),
    "the old direction with the new bias correction": Fault(
        "optimistic", {"transform": "adam"}, corrected_now, optimistic_adam
    ),
    "no snapshot before the extrapolation": Fault("extragradient", {}, no_snapshot, spectrum),
    "moments of one half-step": Fault("extragradient", {"transform": "adam"}, half_a_state, extra_adam),
    "a first synchronisation that does nothing": Fault("lookahead", {}, lazy, first_cycle),
    "players that go back at different times": Fault("lookahead", {}, apart, spectrum),
    "slow weights that no checkpoint holds": Fault("lookahead", {}, outside("slow"), resumed),
    "a previous direction that no checkpoint holds": Fault("optimistic", {}, outside("previous"), resumed),
}


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_a_trap_is_found(trap: Fault) -> None:
    assert_found(trap)


def test_an_aliased_gradient_is_plain_gda() -> None:
    """The factor at σ = 0.1 is √1.01, where optimistic converges."""
    row = ROWS["optimistic"]
    for optimizer, factor in ((row.optimizer, 0.9949362), (aliased(row.optimizer), math.sqrt(1.01))):
        w = torch.tensor(planar_path(optimizer, row, 0.1, 80)[30:], dtype=torch.complex128)
        assert measured_rate(w.unsqueeze(1)) == pytest.approx(factor, abs=1e-7)


@pytest.mark.parametrize(
    ("plant", "edge", "rate"),
    [(lambda sound: sound, 1 / math.sqrt(3), 0.99494), (stale, 0.35268, 0.98435)],
    ids=["the previous one", "two steps old"],
)
def test_a_direction_two_steps_old_looks_fine_at_small_steps(
    plant: Callable[[Optimizer], Optimizer], edge: float, rate: float
) -> None:
    """It even damps faster, which is why nobody noticed; but it diverges beyond σ = 0.35268."""
    row = ROWS["optimistic"]

    def at(sigma: float) -> float:
        game = bilinear_of(sigma, row)
        return radius(torch.linalg.eigvals(iteration_matrix(plant(row.optimizer), row, game)).tolist())

    assert at(0.1) == pytest.approx(rate, abs=6e-6)
    assert at(edge - 1e-5) < 1 < at(edge + 1e-5)
