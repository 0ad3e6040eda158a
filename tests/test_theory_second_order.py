"""The second-order methods beyond bilinear games: general-sum games in dense NumPy, networks against plain autograd.

Their closed forms are rows of ``closed_forms``; here are the thresholds of those, and all that is not a linear map.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from closed_forms import ROWS, unrolled
from contract import Begun, module_gan
from general_sum import (
    GeneralSum,
    Oracle,
    adaptive,
    check_path,
    competitive,
    preconditioned,
    regularized,
    symplectic,
)
from linear_maps import spectral_radius
from torch import Tensor, nn

import minmax
from minmax import tree
from minmax.hypers import hypers_over_members
from minmax.optimizers.cgls import cgls
from minmax.types import Batch, Players

RATES = {"lr": 0.3, "lr_ratio": 1.7}
EXACT = {"iterations": 60, "tolerance": 1e-14}
ACGD = {"squares_decay": 0.8, "squares_eps": 1e-3}

PATHS: dict[str, tuple[str, dict[str, Any], dict[str, float], Oracle]] = {
    "competitive": ("competitive", EXACT, RATES, competitive),
    "competitive with momentum": (
        "competitive",
        {**EXACT, "transform": "momentum"},
        {**RATES, "momentum": -0.4},
        competitive,
    ),
    "adaptive": ("competitive", {**EXACT, "adaptive": True}, {**RATES, "lr": 0.05, **ACGD}, adaptive),
    "gradient_regularized": ("gradient_regularized", {}, {**RATES, "lr": 0.05, "eta": 0.3}, regularized),
    "sga": ("sga", {}, {**RATES, "lr": 0.05, "adjustment": 0.6}, symplectic),
    "consensus through rmsprop": (
        "consensus",
        {"transform": "rmsprop"},
        {**RATES, "lr": 0.05, "gamma": 0.6, "decay": 0.8, "eps": 1e-3},
        preconditioned,
    ),
}


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (5, 1)])
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_general_sum_games_are_stepped_as_in_dense_algebra(
    path: tuple[str, dict[str, Any], dict[str, float], Oracle], shape: tuple[int, int]
) -> None:
    """One coordinate a player, several, and both."""
    name, options, hypers, oracle = path
    for seed in range(3):
        check_path(minmax.optimizers.get(name, **options), oracle, GeneralSum(*shape, seed), hypers)


def test_both_signs_of_the_adjustment_occur() -> None:
    """Else ``sga`` above would prove nothing of its sign rule."""
    signs = set()
    for seed in range(20):
        game = GeneralSum(3, 4, seed)
        z, j = game.start, game.jacobian
        (moved,) = islice(symplectic(game, {**RATES, "adjustment": 1.0}), 1)
        turn = (z - moved) / game.rates(RATES) - game.field(z)
        signs.add(float(np.sign(turn @ ((j - j.T).T @ game.field(z)))))
    assert signs == {1.0, -1.0}


@pytest.mark.parametrize("iterations", [1, 2, 4])
@pytest.mark.parametrize("options", [{}, {"adaptive": True}], ids=["competitive", "adaptive"])
def test_the_residual_is_that_of_the_equations(options: dict[str, Any], iterations: int) -> None:
    """Cut short: ‖R^½F − (I + S)e‖/‖R^½F‖ as said."""
    game = GeneralSum(3, 4)
    hypers = {**RATES, **(ACGD if options else {})}
    optimizer = minmax.optimizers.get("competitive", **options, iterations=iterations, tolerance=0.0)
    rates, squares, previous = game.rates(hypers), 0.0, game.start
    run = minmax.train(game.game, optimizer, hypers, steps=3, report_every=1, dtype="float64", device="cpu")
    for step, report in enumerate(run, start=1):
        gradient, own = game.field(previous), rates
        if options:
            beta = ACGD["squares_decay"]
            squares = beta * squares + (1 - beta) * gradient**2
            own = rates * np.sqrt(1 - beta**step) / (np.sqrt(squares) + ACGD["squares_eps"])
        now = torch.cat([report.players["x"], report.players["y"]], dim=1)[0].numpy()
        d, root = (previous - now) / own, np.sqrt(own)
        missing = root * (gradient - d - game.interaction @ (own * d))
        expected = np.linalg.norm(missing) / np.linalg.norm(root * gradient)
        assert report.info["residual"].item() == pytest.approx(expected, rel=1e-6, abs=1e-12)
        assert report.info["cost"].item() == pytest.approx(3.4 + 2.4 * iterations)
        previous = now


def test_a_member_stops_when_its_own_system_is_solved() -> None:
    """Of an easy system, a hard one and none at all (b = 0), each takes what it takes alone."""
    own = torch.Generator().manual_seed(0)
    matrices = torch.randn(3, 6, 6, generator=own, dtype=torch.float64)
    matrices[0] = 2 * torch.eye(6)
    target = torch.randn(3, 6, generator=own, dtype=torch.float64)
    target[2] = 0

    def solve(which: slice) -> Any:
        a = matrices[which]
        return cgls(
            lambda u: (a @ u.unsqueeze(-1)).squeeze(-1),
            lambda u: (a.mT @ u.unsqueeze(-1)).squeeze(-1),
            target[which],
            50,
            1e-12,
        )

    together = solve(slice(None))
    assert together.iterations.tolist()[::2] == [1, 0]
    assert together.iterations[1] >= 6
    torch.testing.assert_close(together.value, torch.linalg.solve(matrices, target), rtol=1e-8, atol=1e-12)
    for index in range(3):
        alone = solve(slice(index, index + 1))
        torch.testing.assert_close(alone.value[0], together.value[index], rtol=1e-12, atol=0)
        assert alone.iterations.item() == together.iterations[index].item()


def test_a_singular_system_says_so() -> None:
    """h² J_xy J_yx = I: no equilibrium of the local game; the residual stays, and nothing is NaN."""
    singular = torch.tensor([[[1.0, 1.0], [1.0, 1.0]]], dtype=torch.float64)

    def apply(u: Tensor) -> Tensor:
        return (singular @ u.unsqueeze(-1)).squeeze(-1)

    found = cgls(apply, apply, torch.tensor([[1.0, 0.0]], dtype=torch.float64), 10, 1e-12)
    assert found.value.tolist() == [[0.25, 0.25]]
    assert found.residual.item() == pytest.approx(math.sqrt(0.5))


# thresholds


def edge(converges: Callable[[float], bool], low: float, high: float) -> float:
    """Where ``converges`` ends between low (it does) and high (it does not), by bisection."""
    assert converges(low) and not converges(high)
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (middle, high) if converges(middle) else (low, middle)
    return low


def bounded(name: str, h: float, s: float, **hypers: float) -> bool:
    """Whether the row's method converges on f = s·xy with one rate h."""
    row = ROWS[name].at(lr=h, lr_ratio=1.0, **hypers)
    return spectral_radius(row, minmax.games.get("bilinear", [[s]], [1.0], [-2.0])) < 1


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_edge_of_unrolling(steps: int) -> None:
    """u = h: 4kσ² < 4 + σ², σ < √(4/(4k − 1)); with u = 0.7h beyond k = 1 also 4·0.7kσ² < 4 + σ²."""
    found = edge(lambda h: bounded(f"unrolled {steps}", h, 1.3, unroll_ratio=1.0), 0.1, 2.0)
    assert found * 1.3 == pytest.approx(math.sqrt(4 / (4 * steps - 1)), abs=1e-8)
    found = edge(lambda h: bounded(f"unrolled {steps}", h, 1.3), 0.1, 3.0)
    assert found * 1.3 == pytest.approx(math.sqrt(4 / (2.8 * steps - 1)), abs=1e-8)


def test_unrolling_without_differentiation_is_told_by_its_radius() -> None:
    """k = 1, u = h turns on a circle for ever; k = 2 has ρ² = 1 − σ²; both other than the real thing."""
    for sigma in (0.1, 0.5):
        game = minmax.games.get("bilinear", [[sigma / 0.25]], [1.0], [-2.0])
        for steps, expected in ((1, 1.0), (2, math.sqrt(1 - sigma**2))):
            row = unrolled(steps, differentiated=False).at(lr=0.25, lr_ratio=1.0, unroll_ratio=1.0)
            assert spectral_radius(row, game) == pytest.approx(expected, rel=1e-12)
            assert spectral_radius(unrolled(steps).at(**row.hypers), game) < expected - 1e-3
    assert math.sqrt(1 - 0.1**2) == pytest.approx(0.99499, abs=5e-6)
    assert math.sqrt(1 - 0.5**2) == pytest.approx(0.86603, abs=5e-6)


def test_the_edges_of_gradient_regularization() -> None:
    """h < 2η, and 4ηhs² < 4 + h²s² where that binds first."""
    found = edge(lambda h: bounded("gradient_regularized", h, 1.3, eta=0.2), 0.1, 1.0)
    assert found == pytest.approx(0.4, abs=1e-8)
    found = edge(lambda h: bounded("gradient_regularized", h, 1.3, eta=2.0), 0.1, 0.4)
    assert found == pytest.approx(4 - math.sqrt(16 - 4 / 1.3**2), abs=1e-8)


def test_the_edge_of_symplectic_adjustment() -> None:
    """h < 2λ/(1 + λ²s²), as consensus."""
    found = edge(lambda h: bounded("sga", h, 1.4, adjustment=0.6), 0.1, 1.0)
    assert found == pytest.approx(1.2 / (1 + 0.36 * 1.4**2), abs=1e-8)


@pytest.mark.parametrize("h", [0.1, 1.0, 100.0])
def test_competitive_converges_at_every_rate(h: float) -> None:
    row = ROWS["competitive"].at(lr=h, lr_ratio=1.0)
    radius = spectral_radius(row, minmax.games.get("bilinear", [[1.3]], [1.0], [-2.0]))
    assert radius == pytest.approx(1 / math.sqrt(1 + (1.3 * h) ** 2), rel=1e-9)


# unrolled through what is not linear


def silent(players: Players, batch: Batch) -> Tensor:
    """The second player's loss: its coordinate 0 is felt, 1 has the gradient x₁ (which is 0 here), 2 is not there."""
    x, y = players["x"], players["y"]
    return (torch.sin(x[0]) * y[0] + y[0] ** 2 + x[1] * y[1]).sum()


def heard(players: Players, batch: Batch) -> Tensor:
    """The first player's: all of y."""
    x, y = players["x"], players["y"]
    return x[0] * y[0] ** 2 + torch.cos(y[1]) + 3 * y[1] * (1 + x[0]) + y[2] * x[0]


def adam_path(x: Tensor, y: Tensor, steps: int, rate: float, eps: float) -> Tensor:
    """y after so many steps of Adam (β₁ = 0.5, β₂ = 0.9) from its first, as formulas on numbers."""
    mean, square = torch.zeros_like(y), torch.zeros_like(y)
    for step in range(1, steps + 1):
        g = torch.stack([torch.sin(x[0]) + 2 * y[0], x[1], torch.zeros_like(x[0])])
        mean, square = 0.5 * mean + 0.5 * g, 0.9 * square + 0.1 * g * g
        y = y - rate * (mean / (1 - 0.5**step)) / ((square / (1 - 0.9**step)).sqrt() + eps)
    return y


@pytest.mark.parametrize("steps", [1, 3])
def test_the_total_derivative_through_adam_is_that_of_finite_differences(steps: int) -> None:
    """Also through coordinates of the second player whose gradient is 0: always, or just here."""
    x, y = torch.tensor([0.4, 0.0], dtype=torch.float64), torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64)
    game = minmax.Game(lambda generator: {"x": x, "y": y}, {"x": heard, "y": silent})
    optimizer = minmax.optimizers.get("unrolled", transform="adam", unroll_steps=steps)
    given = {"lr": 0.05, "lr_ratio": 2.0, "unroll_ratio": 0.6, "beta1": 0.5, "beta2": 0.9, "eps": 0.05}
    (report,) = minmax.train(game, optimizer, given, steps=1, dtype="float64", device="cpu")
    found = report.state["optimizer"]["x"]["mean"][0] / 0.5

    def total(point: Tensor) -> Tensor:
        return heard({"x": point, "y": adam_path(point, y, steps, 0.05 * 2.0 * 0.6, 0.05)}, {})

    delta = 1e-6
    differences = [(total(x + delta * axis) - total(x - delta * axis)) / (2 * delta) for axis in torch.eye(2).double()]
    torch.testing.assert_close(found, torch.stack(differences), rtol=1e-4, atol=0)
    assert found[1].abs() > 0.1, "the coordinate that is 0 here matters"


def test_unrolled_networks_are_as_written_out_on_plain_modules() -> None:
    """The second of two steps of Adam (its state is not empty), k = 3: both players, every parameter."""
    k, beta1, beta2, eps = 3, 0.5, 0.99, 1e-5
    optimizer = minmax.optimizers.get("unrolled", transform="adam", unroll_steps=k)
    begun = Begun(optimizer, module_gan(), members=2)
    given = {"lr": 0.01, "lr_ratio": 1.7, "beta1": beta1, "beta2": beta2, "eps": eps, "unroll_ratio": 0.6}
    begun.hypers = hypers_over_members(optimizer, given, 2)
    begun.players, begun.state, _ = begun.step()
    _, after, _ = begun.step()

    generator = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    critic = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1)).double()
    entropy = nn.functional.binary_cross_entropy_with_logits
    for member in range(2):
        own = tree.member(begun.players, member)
        generator.load_state_dict(own["generator"])
        batch = tree.member(begun.batches[0], member)
        fake = generator(batch["latent"])
        weights = {name: value.clone().requires_grad_() for name, value in own["discriminator"].items()}
        state = tree.member(begun.state["discriminator"], member)
        mean, square, count = state["mean"], state["square"], state["count"].item()
        for _ in range(k):
            real, made = (torch.func.functional_call(critic, weights, (points,)) for points in (batch["real"], fake))
            loss = entropy(real, torch.ones_like(real)) + entropy(made, torch.zeros_like(made))
            gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            flat, count = torch.cat([g.flatten() for g in gradients]), count + 1
            mean, square = beta1 * mean + (1 - beta1) * flat, beta2 * square + (1 - beta2) * flat**2
            move = 0.01 * 1.7 * 0.6 * mean / (1 - beta1**count) / ((square / (1 - beta2**count)).sqrt() + eps)
            parts = move.split([value.numel() for value in weights.values()])
            weights = {
                name: value - part.view_as(value) for (name, value), part in zip(weights.items(), parts, strict=True)
            }
        made = torch.func.functional_call(critic, weights, (fake,))
        total = torch.autograd.grad(entropy(made, torch.ones_like(made)), list(generator.parameters()))
        was, now = (tree.member(own["generator"]["mean"], member) for own in (begun.state, after))
        fed = (now - beta1 * was) / (1 - beta1)
        torch.testing.assert_close(fed, torch.cat([g.flatten() for g in total]), rtol=1e-8, atol=1e-12)


def test_the_second_player_takes_its_ordinary_step() -> None:
    """Whatever the first looks through: as under gda, state and all."""
    hypers = {"lr": 0.01, "lr_ratio": 1.7, "unroll_ratio": 0.3}
    states = []
    for name in ("unrolled", "gda"):
        optimizer = minmax.optimizers.get(name, transform="adam")
        own = {key: value for key, value in hypers.items() if key in optimizer.hypers}
        (report,) = minmax.train(module_gan(), optimizer, own, [3], steps=1, dtype="float64", device="cpu")
        states.append((report.players["discriminator"], report.state["optimizer"]["discriminator"]))
    torch.testing.assert_close(states[0], states[1], rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("competitive", {"iterations": 0}, "iterations: 0 given; at least 1 is allowed"),
        ("competitive", {"tolerance": -1.0}, "tolerance: -1.0 given; at least 0 is allowed"),
        ("unrolled", {"unroll_steps": 0}, "unroll_steps: 0 given; at least 1 is allowed"),
    ],
)
def test_what_cannot_be_is_said(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        minmax.optimizers.get(name, **options)
