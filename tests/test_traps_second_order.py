"""The bugs of released second-order code, each planted here and caught by the oracle that the real optimizer passes.

What each was is said where it is planted. (Consensus of ‖F‖² in place of ½‖F‖² is in ``test_planted_faults``.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from closed_forms import ROWS
from general_sum import GeneralSum, adaptive, check_path, competitive, preconditioned, regularized, symplectic
from linear_maps import check_spectrum, random_bilinear
from pytest import MonkeyPatch
from torch import Tensor

import minmax
from minmax import transforms, tree
from minmax.field import linearize
from minmax.optimizers import competitive as competitive_module
from minmax.optimizers import sga as sga_module
from minmax.optimizers.cgls import Solution, cgls
from minmax.optimizers.play import direct, move
from minmax.transforms import adam as adam_module
from minmax.transforms import rmsprop as rmsprop_module
from minmax.types import Batch, Optimizer, Players

RATES = {"lr": 0.3, "lr_ratio": 1.7}
SLOW = {"lr": 0.05, "lr_ratio": 1.7}
EXACT = {"iterations": 60, "tolerance": 1e-14}
ACGD = {**SLOW, "squares_decay": 0.8, "squares_eps": 1e-3}
RMSPROP = {**SLOW, "gamma": 0.6, "decay": 0.8, "eps": 1e-3}

Plant = Callable[[MonkeyPatch, Optimizer], Optimizer]


class Trap(NamedTuple):
    """An optimizer, what a released code did to it, and the check that must notice."""

    name: str
    options: dict[str, Any]
    plant: Plant
    check: Callable[[Optimizer], None]


def spectrum_of(row: str) -> Callable[[Optimizer], None]:
    return lambda optimizer: check_spectrum(optimizer, ROWS[row], random_bilinear(3, 4, ROWS[row].largest))


def path_of(oracle: Any, hypers: dict[str, float], *shape: int, **given: Any) -> Callable[[Optimizer], None]:
    return lambda optimizer: check_path(optimizer, oracle, GeneralSum(*shape, **given), hypers)


def stepping(step: Callable[..., Any]) -> Plant:
    """Another step, made of the real optimizer's."""

    def plant(patch: MonkeyPatch, base: Optimizer) -> Optimizer:
        return base._replace(step=lambda *arguments: step(base, *arguments))

    return plant


def instead(options: dict[str, Any]) -> Plant:
    """The same optimizer with other options."""
    return lambda patch, base: minmax.optimizers.get(base.name, **options)


def patched(module: Any, name: str, value: Any) -> Plant:
    """One name of a module replaced."""

    def plant(patch: MonkeyPatch, base: Optimizer) -> Optimizer:
        patch.setattr(module, name, value)
        return base

    return plant


def halved(base: Optimizer, game: Any, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
    """½η‖F_y‖²: consensus's convention, which Nagarajan and Kolter do not have."""
    return base.step(game, players, state, batches, noise, {**hypers, "eta": hypers["eta"] / 2})


def for_both(base: Optimizer, game: Any, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
    """The discriminator gets a term too."""
    at = linearize(game, players, batches[0])
    second = list(players)[1]
    only = {name: tree.scale(float(name == second), own) for name, own in at.field.items()}
    gradient = tree.add(at.field, at.transposed(only), 2 * hypers["eta"])
    return move(game, players, gradient, hypers), state, {}


def sum_afterwards(base: Optimizer, game: Any, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
    """F is preconditioned and γJᵀF added to that."""
    at = linearize(game, players, batches[0])
    direction, state = direct(transforms.get("rmsprop"), at.field, state, hypers)
    return move(game, players, tree.add(direction, at.transposed(at.field), hypers["gamma"]), hypers), state, {}


def forgetful(base: Optimizer, game: Any, players: Any, state: Any, *rest: Any) -> Any:
    """The averages of momentum are computed and never stored."""
    return base.step(game, players, base.init(players), *rest)


def by_tensors(field: Players, descent: Players, turn: Players) -> Tensor:
    """The sign rule over the number of tensors: two, however many coordinates these have."""
    count = len(tree.leaves(field))
    return tree.dot(field, descent) * tree.dot(turn, descent) / count + sga_module.MARGIN > 0


def warm_with_a_cold_residual() -> Callable[..., Solution]:
    """Starts at the last solution, with the residual of a start at zero."""
    last: list[Any] = []

    def solve(*arguments: Any) -> Solution:
        found = cgls(*arguments)
        last.append(tree.add(last[-1], found.value) if last else found.value)
        return found._replace(value=last[-1])

    return solve


def symmetric_only(product: Any, transposed: Any, target: Any, iterations: int, tolerance: float) -> Solution:
    """Plain conjugate gradients for one player's eliminated system, (I − S_yx·S_xy)e_y = b_y − S_yx·b_x, which is
    symmetric in zero-sum games alone; the other by substitution."""
    first, second = target
    b = {name: tree.flat(own) for name, own in target.items()}

    def across(name: str, u: Tensor) -> Tensor:
        """S of one player's part: the other's."""
        whole = {**tree.zeros_like(target), name: tree.unflat(u, target[name])}
        return tree.flat(product(whole)[second if name == first else first])

    right = b[second] - across(first, b[first])
    x, residual, search, slope = torch.zeros_like(right), right, right, (right**2).sum(1, keepdim=True)
    for _ in range(iterations):
        image = search - across(first, across(second, search))
        length = torch.nan_to_num(slope / (search * image).sum(1, keepdim=True))
        x, residual = x + length * search, residual - length * image
        steeper = (residual**2).sum(1, keepdim=True)
        search, slope = residual + torch.nan_to_num(steeper / slope) * search, steeper
    value = {first: b[first] - across(second, x), second: x}
    return Solution(
        {name: tree.unflat(own, target[name]) for name, own in value.items()}, slope[:, 0], slope[:, 0] * 0 + iterations
    )


TRAPS = {
    "unrolled: y_k is a number, not a function of x": Trap(
        "unrolled",
        {"unroll_steps": 2},
        instead({"unroll_steps": 2, "differentiated": False}),
        spectrum_of("unrolled 2"),
    ),
    "unrolled: a step too many": Trap(
        "unrolled", {"unroll_steps": 2}, instead({"unroll_steps": 3}), spectrum_of("unrolled 2")
    ),
    "sga: no 0.1, so that nothing decides on a bilinear game": Trap(
        "sga", {}, patched(sga_module, "MARGIN", 0.0), spectrum_of("sga")
    ),
    "sga: alignment over the number of tensors": Trap(
        "sga",
        {},
        patched(sga_module, "_aligned", by_tensors),
        path_of(symplectic, {**SLOW, "adjustment": 0.6}, 20, 30, seed=4, strength=0.2),
    ),
    "competitive: momentum is never stored": Trap(
        "competitive",
        {**EXACT, "transform": "momentum"},
        stepping(forgetful),
        path_of(competitive, {**RATES, "momentum": 0.5}, 3, 4),
    ),
    "competitive: conjugate gradients of a system that is not symmetric": Trap(
        "competitive",
        EXACT,
        patched(competitive_module, "cgls", symmetric_only),
        path_of(competitive, RATES, 3, 4),
    ),
    "adaptive: a warm start whose residual is a cold one's": Trap(
        "competitive",
        {**EXACT, "adaptive": True},
        patched(competitive_module, "cgls", warm_with_a_cold_residual()),
        path_of(adaptive, ACGD, 3, 4),
    ),
    "consensus: preconditioned before the sum": Trap(
        "consensus", {"transform": "rmsprop"}, stepping(sum_afterwards), path_of(preconditioned, RMSPROP, 3, 4)
    ),
    "gradient_regularized: halved": Trap(
        "gradient_regularized", {}, stepping(halved), spectrum_of("gradient_regularized")
    ),
    "gradient_regularized: for both players": Trap(
        "gradient_regularized", {}, stepping(for_both), path_of(regularized, {**SLOW, "eta": 0.3}, 3, 4)
    ),
}


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_the_released_bug_is_caught(trap: Trap, monkeypatch: MonkeyPatch) -> None:
    trap.check(minmax.optimizers.get(trap.name, **trap.options))
    broken = trap.plant(monkeypatch, minmax.optimizers.get(trap.name, **trap.options))
    with pytest.raises(AssertionError):
        trap.check(broken)


def test_plain_conjugate_gradients_would_do_for_zero_sum_games(monkeypatch: MonkeyPatch) -> None:
    """Which is why the trap above is silent there: the planted solver is wrong for no other reason."""
    monkeypatch.setattr(competitive_module, "cgls", symmetric_only)
    spectrum_of("competitive")(minmax.optimizers.get("competitive", iterations=5, tolerance=1e-14))


@pytest.mark.parametrize(("transform", "module"), [("adam", adam_module), ("rmsprop", rmsprop_module)])
def test_a_gradient_of_zero_is_no_nan(transform: str, module: Any, monkeypatch: MonkeyPatch) -> None:
    """√s has an infinite slope at 0, times 0: one coordinate without a gradient, and the first player's is NaN."""

    def loss(players: Players, batch: Batch) -> Tensor:
        return (players["x"] * players["y"]).sum() + (players["x"] ** 2).sum() / 2

    start = {"x": torch.tensor([0.5, 0.0]), "y": torch.tensor([0.3, 0.7])}  # y[1]'s gradient is −x[1]
    game = minmax.Game(lambda generator: start, {"x": loss, "y": lambda players, batch: -loss(players, batch)})
    optimizer = minmax.optimizers.get("unrolled", transform=transform, unroll_steps=2)

    def diverged() -> bool:
        (report,) = minmax.train(game, optimizer, {"lr": 0.01}, steps=1, device="cpu")
        return bool(report.diverged)

    assert not diverged()
    monkeypatch.setattr(module, "root", torch.sqrt)
    assert diverged()


@pytest.mark.parametrize("shape", [(), (1,)])
def test_competitive_players_of_one_number(shape: tuple[int, ...]) -> None:
    """A parameter of one element crashed the released solver, with momentum another one."""

    def value(players: Players, batch: Batch) -> Tensor:
        return (2.0 * players["x"] * players["y"]).sum()

    start = {"x": torch.full(shape, 0.5), "y": torch.full(shape, -0.25)}
    game = minmax.Game(lambda generator: start, {"x": value, "y": lambda players, batch: -value(players, batch)})
    optimizer = minmax.optimizers.get("competitive", transform="momentum", **EXACT)
    hypers = {"lr": 0.25, "lr_ratio": 1.0, "momentum": 0.5}
    *_, report = minmax.train(game, optimizer, hypers, steps=2, dtype="float64", device="cpu")
    z, velocity = 0.5 - 0.25j, 0j
    for _ in range(2):  # F = −isz, d = F/(1 − ihs)
        velocity = 0.5 * velocity - 2j * z / (1 - 0.5j)
        z -= 0.25 * velocity
    assert report.players["x"].shape == (1, *shape)
    assert report.players["x"].item() == pytest.approx(z.real, rel=1e-12)
    assert report.players["y"].item() == pytest.approx(z.imag, rel=1e-12)
