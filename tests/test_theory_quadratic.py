"""Closed forms on f = a/2·x² + s·xy − b/2·y², where attraction is part of the game (eigenvalues with real parts).

With m an eigenvalue of HJ: gda 1 − m; extragradient 1 − m + m²; optimistic λ² − (1 − 2m)λ − m = 0. Consensus is
I − H(J + γJᵀJ) with JᵀJ = [[a² + s², (a−b)s], [(a−b)s, b² + s²]].
"""

from __future__ import annotations

import pytest
import torch
from linear_maps import iteration_matrix, roots

import minmax
from minmax.field import lift
from minmax.games.quadratic import quadratic

HYPERS = {"lr": 0.2, "lr_ratio": 1.6}
GAMMA = 0.37
GAMES = {"real": (2.0, 0.3, 0.4), "diagonal": (1.3, 0.6, 0.0), "complex": (0.5, 0.7, 1.1)}


def drift(a: float, b: float, s: float) -> torch.Tensor:
    """J."""
    return torch.tensor([[a, s], [-s, b]], dtype=torch.float64)


def rates() -> torch.Tensor:
    """H."""
    return torch.tensor([HYPERS["lr"], HYPERS["lr"] * HYPERS["lr_ratio"]], dtype=torch.float64).diag()


def of_eigenvalue(name: str, m: complex) -> list[complex]:
    return {"gda": [1 - m], "extragradient": [1 - m + m * m], "optimistic": roots(1 - 2 * m, -m)}[name]


@pytest.mark.parametrize("coefficients", GAMES.values(), ids=GAMES)
@pytest.mark.parametrize("name", ["gda", "extragradient", "optimistic"])
def test_eigenvalues_follow_those_of_the_game(name: str, coefficients: tuple[float, float, float]) -> None:
    m = torch.linalg.eigvals(rates() @ drift(*coefficients)).tolist()
    expected = sorted((root for value in m for root in of_eigenvalue(name, complex(value))), key=_order)
    matrix = iteration_matrix(minmax.optimizers.get(name), lift(quadratic(*coefficients)), HYPERS)
    found = sorted(torch.linalg.eigvals(matrix).tolist(), key=_order)
    assert len(found) == len(expected)
    assert all(abs(f - e) <= 1e-9 * max(1.0, abs(e)) for f, e in zip(found, expected, strict=True)), (found, expected)


@pytest.mark.parametrize("coefficients", GAMES.values(), ids=GAMES)
def test_consensus_is_its_matrix(coefficients: tuple[float, float, float]) -> None:
    a, b, s = coefficients
    square = torch.tensor([[a * a + s * s, (a - b) * s], [(a - b) * s, b * b + s * s]], dtype=torch.float64)
    expected = torch.eye(2) - rates() @ (drift(a, b, s) + GAMMA * square)
    found = iteration_matrix(minmax.optimizers.get("consensus"), lift(quadratic(a, b, s)), {**HYPERS, "gamma": GAMMA})
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-15)


def test_consensus_on_a_symmetric_jacobian() -> None:
    """1 − m(1 + γμ), m = hμ, one rate."""
    hypers = {"lr": 0.2, "lr_ratio": 1.0, "gamma": GAMMA}
    matrix = iteration_matrix(minmax.optimizers.get("consensus"), lift(quadratic(1.3, 0.6, 0.0)), hypers)
    expected = [1 - 0.2 * mu * (1 + GAMMA * mu) for mu in (1.3, 0.6)]
    assert torch.linalg.eigvals(matrix).real.sort().values.tolist() == pytest.approx(sorted(expected), rel=1e-12)


def test_extragradient_and_optimistic_edges() -> None:
    """Real m: extragradient converges iff m < 1, optimistic iff m < 2/3, gda iff m < 2."""
    for name, edge in (("extragradient", 1.0), ("optimistic", 2 / 3), ("gda", 2.0)):
        for h, converges in ((edge * (1 - 1e-6), True), (edge * (1 + 1e-6), False)):
            game = lift(quadratic(1.0, 1.0, 0.0))
            matrix = iteration_matrix(minmax.optimizers.get(name), game, {"lr": h, "lr_ratio": 1.0})
            assert (torch.linalg.eigvals(matrix).abs().max().item() < 1) == converges, (name, h)


def _order(value: complex) -> tuple[float, float]:
    return round(value.real, 9), value.imag
