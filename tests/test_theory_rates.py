"""Every linear method's iteration matrix on random bilinear games has the eigenvalues of its closed form.

float64, non-zero solutions, two learning rates, γ away from 0 and 1: no coefficient is neutral, so none can be wrong
unseen. The closed forms are derived in ``linear_maps``; sources in each optimizer's docstring.
"""

from __future__ import annotations

import math

import pytest
import torch
from linear_maps import (
    EIGENVALUES,
    check_spectrum,
    iteration_matrix,
    predicted,
    radius,
    random_bilinear,
    singular_values,
)

import minmax

HYPERS = {"lr": 0.3, "lr_ratio": 1.7}
MEAN_RATE = HYPERS["lr"] * math.sqrt(HYPERS["lr_ratio"])  # σ = s·√(hx·hy) = s·MEAN_RATE


def hypers_of(name: str) -> dict[str, float]:
    return {**HYPERS, "gamma": 0.37} if name == "consensus" else HYPERS


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 2)])
@pytest.mark.parametrize("name", EIGENVALUES)
def test_eigenvalues_are_the_closed_form(name: str, shape: tuple[int, int], seed: int) -> None:
    """Largest σ = 0.45: inside every method's region, and below the double root of optimistic at σ = 1/2."""
    game = random_bilinear(*shape, top=0.45 / MEAN_RATE, seed=seed)
    check_spectrum(minmax.optimizers.get(name), game, hypers_of(name))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["optimistic", "extragradient", "consensus"])
def test_spectral_radius_is_the_closed_form(name: str, seed: int) -> None:
    """One rate: the radii ρ of the table themselves, which the slowest singular value gives, and all below 1."""
    hypers = {"lr": 0.3, "lr_ratio": 1.0, "gamma": 0.37}
    game = random_bilinear(4, 4, top=0.45 / hypers["lr"], seed=seed)

    def rho(s: float) -> float:
        sigma, pull = hypers["lr"] * s, hypers["lr"] * hypers["gamma"] * s * s
        return {
            "optimistic": math.sqrt((1 + math.sqrt(1 - 4 * sigma**2)) / 2),
            "extragradient": math.sqrt(1 - sigma**2 + sigma**4),
            "consensus": math.sqrt((1 - pull) ** 2 + sigma**2),
        }[name]

    optimizer = minmax.optimizers.get(name)
    own = {key: value for key, value in hypers.items() if key in optimizer.hypers}
    found = radius(torch.linalg.eigvals(iteration_matrix(optimizer, game, own)).tolist())
    assert found == pytest.approx(max(map(rho, singular_values(game))), rel=1e-9)
    assert found < 1


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [("optimistic", 1 / math.sqrt(3) - 1e-6, 1 / math.sqrt(3) + 1e-6), ("extragradient", 1 - 1e-6, 1 + 1e-6)],
)
def test_the_edge_of_convergence(name: str, inside: float, outside: float) -> None:
    """optimistic converges iff σ < 1/√3, extragradient iff σ < 1."""
    for sigma, converges in ((inside, True), (outside, False)):
        game = minmax.games.get("bilinear", [[sigma / MEAN_RATE]], [1.0], [-2.0])
        matrix = iteration_matrix(minmax.optimizers.get(name), game, HYPERS)
        assert (radius(torch.linalg.eigvals(matrix).tolist()) < 1) == converges


def test_the_edge_of_convergence_of_consensus() -> None:
    """h < 2γ/(1 + γ²s²), one rate."""
    s, gamma = 1.4, 0.6
    edge = 2 * gamma / (1 + gamma**2 * s**2)
    game = minmax.games.get("bilinear", [[s]], [1.0], [-2.0])
    for h, converges in ((edge * (1 - 1e-6), True), (edge * (1 + 1e-6), False)):
        hypers = {"lr": h, "lr_ratio": 1.0, "gamma": gamma}
        matrix = iteration_matrix(minmax.optimizers.get("consensus"), game, hypers)
        assert (radius(torch.linalg.eigvals(matrix).tolist()) < 1) == converges


@pytest.mark.parametrize("seed", range(3))
def test_gda_grows_by_its_factor_in_every_singular_direction(seed: int) -> None:
    """From a singular vector, (x, y) turns in one plane, and √(‖x‖²/hx + ‖y‖²/hy) grows by √(1 + σ²) every step."""
    game = random_bilinear(4, 4, top=1.3, seed=seed)
    matrix = iteration_matrix(minmax.optimizers.get("gda"), game, HYPERS)
    hx, hy = HYPERS["lr"], HYPERS["lr"] * HYPERS["lr_ratio"]
    left, values, _ = torch.linalg.svd(minmax.field.jacobian(game, _alone(game.solution), {})[0][:4, 4:])
    weight = torch.tensor([hx] * 4 + [hy] * 4, dtype=torch.float64).rsqrt()
    for direction, s in zip(left.T, values.tolist(), strict=True):
        z = torch.cat([direction, torch.zeros(4, dtype=torch.float64)])
        for _ in range(5):
            after = matrix @ z
            growth = ((weight * after).norm() / (weight * z).norm()).item()
            assert growth == pytest.approx(math.sqrt(1 + s * s * hx * hy), rel=1e-12)
            z = after


@pytest.mark.parametrize("seed", range(3))
def test_alternating_gda_turns_on_the_unit_circle_below_two_and_leaves_it_beyond(seed: int) -> None:
    """σ < 2 for all singular values: all moduli are 1. Beyond, λ = t ± √(t²−1) with t = 1 − σ²/2: one is off."""
    optimizer = minmax.optimizers.get("alternating_gda")
    below = random_bilinear(4, 4, top=1.95 / MEAN_RATE, seed=seed)
    moduli = torch.linalg.eigvals(iteration_matrix(optimizer, below, HYPERS)).abs()
    torch.testing.assert_close(moduli, torch.ones_like(moduli), rtol=1e-9, atol=0)

    beyond = random_bilinear(4, 4, top=2.05 / MEAN_RATE, seed=seed)
    found = radius(torch.linalg.eigvals(iteration_matrix(optimizer, beyond, HYPERS)).tolist())
    t = 1 - 2.05**2 / 2
    assert found == pytest.approx(-t + math.sqrt(t * t - 1), rel=1e-9)
    assert radius(predicted("alternating_gda", beyond, HYPERS)) == pytest.approx(found, rel=1e-9)


def _alone(players: minmax.types.Players) -> minmax.types.Players:
    return {name: own.double().unsqueeze(0) for name, own in players.items()}
