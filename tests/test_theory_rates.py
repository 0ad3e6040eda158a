"""Every linear method's iteration matrix on random bilinear games has the eigenvalues of its closed form.

float64, non-zero solutions, two learning rates, γ away from 0 and 1: no coefficient is neutral, so none can be wrong
unseen. The closed forms are in ``closed_forms``; sources in each optimizer's docstring.
"""

from __future__ import annotations

import math

import pytest
import torch
from closed_forms import RATES, ROWS, Row
from linear_maps import (
    check_spectrum,
    iteration_matrix,
    predicted,
    radius,
    random_bilinear,
    singular_values,
    spectral_radius,
)

import minmax


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 2)])
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_eigenvalues_are_the_closed_form(row: Row, shape: tuple[int, int], seed: int) -> None:
    check_spectrum(row.optimizer, row, random_bilinear(*shape, top=row.largest, seed=seed))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["optimistic", "extragradient", "consensus"])
def test_spectral_radius_is_the_closed_form(name: str, seed: int) -> None:
    """One rate: the radii ρ of the table themselves, which the slowest singular value gives, and all below 1."""
    row = ROWS[name].at(lr_ratio=1.0)
    game = random_bilinear(4, 4, top=row.largest, seed=seed)

    def rho(s: float) -> float:
        sigma, pull = row.mean_rate * s, row.mean_rate * row.hypers.get("gamma", 0.0) * s * s
        return {
            "optimistic": math.sqrt((1 + math.sqrt(1 - 4 * sigma**2)) / 2),
            "extragradient": math.sqrt(1 - sigma**2 + sigma**4),
            "consensus": math.sqrt((1 - pull) ** 2 + sigma**2),
        }[name]

    found = spectral_radius(row, game)
    assert found == pytest.approx(max(map(rho, singular_values(game))), rel=1e-9)
    assert found < 1


def test_the_edge_of_convergence_of_consensus() -> None:
    """h < 2γ/(1 + γ²s²), one rate."""
    s, gamma = 1.4, 0.6
    edge = 2 * gamma / (1 + gamma**2 * s**2)
    game = minmax.games.get("bilinear", [[s]], [1.0], [-2.0])
    for h, converges in ((edge * (1 - 1e-6), True), (edge * (1 + 1e-6), False)):
        row = ROWS["consensus"].at(lr=h, lr_ratio=1.0, gamma=gamma)
        assert (spectral_radius(row, game) < 1) == converges


@pytest.mark.parametrize("seed", range(3))
def test_gda_grows_by_its_factor_in_every_singular_direction(seed: int) -> None:
    """From a singular vector, (x, y) turns in one plane, and √(‖x‖²/hx + ‖y‖²/hy) grows by √(1 + σ²) every step."""
    game = random_bilinear(4, 4, top=1.3, seed=seed)
    matrix = iteration_matrix(ROWS["gda"].optimizer, ROWS["gda"], game)
    hx, hy = RATES["lr"], RATES["lr"] * RATES["lr_ratio"]
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
    row = ROWS["alternating_gda"]
    below = random_bilinear(4, 4, top=1.95 / row.mean_rate, seed=seed)
    moduli = torch.linalg.eigvals(iteration_matrix(row.optimizer, row, below)).abs()
    torch.testing.assert_close(moduli, torch.ones_like(moduli), rtol=1e-9, atol=0)

    beyond = random_bilinear(4, 4, top=2.05 / row.mean_rate, seed=seed)
    found = spectral_radius(row, beyond)
    t = 1 - 2.05**2 / 2
    assert found == pytest.approx(-t + math.sqrt(t * t - 1), rel=1e-9)
    assert radius(predicted(row, beyond)) == pytest.approx(found, rel=1e-9)


def _alone(players: minmax.types.Players) -> minmax.types.Players:
    return {name: own.double().unsqueeze(0) for name, own in players.items()}
