"""Closed forms on f = a/2·x² + s·xy − b/2·y², where attraction is part of the game (eigenvalues with real parts)."""

from __future__ import annotations

import pytest
import torch
from closed_forms import KNOWN_QUADRATIC, ROWS, Row
from linear_maps import check_eigenvalues, iteration_matrix, spectral_radius

from minmax.games.quadratic import quadratic

GAMES = {"real": (2.0, 0.3, 0.4), "diagonal": (1.3, 0.6, 0.0), "complex": (0.5, 0.7, 1.1)}


@pytest.mark.parametrize("coefficients", GAMES.values(), ids=GAMES)
@pytest.mark.parametrize("row", KNOWN_QUADRATIC.values(), ids=KNOWN_QUADRATIC)
def test_eigenvalues_are_the_closed_form(row: Row, coefficients: tuple[float, float, float]) -> None:
    assert row.quadratic is not None
    matrix = iteration_matrix(row.optimizer, row, quadratic(*coefficients))
    check_eigenvalues(matrix, row.quadratic(*coefficients, *row.rates, row.hypers))


def test_consensus_on_a_symmetric_jacobian() -> None:
    """1 − m(1 + γμ), m = hμ, one rate."""
    row = ROWS["consensus"].at(lr=0.2, lr_ratio=1.0)
    matrix = iteration_matrix(row.optimizer, row, quadratic(1.3, 0.6, 0.0))
    expected = [1 - 0.2 * mu * (1 + 0.37 * mu) for mu in (1.3, 0.6)]
    assert torch.linalg.eigvals(matrix).real.sort().values.tolist() == pytest.approx(sorted(expected), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "edge"), [("gda", 2.0), ("extragradient", 1.0), ("optimistic", 2 / 3), ("past_extragradient", 2 / 3)]
)
def test_edges(name: str, edge: float) -> None:
    """Real m: gda converges iff m < 2, extragradient iff m < 1, optimistic and past_extragradient iff m < 2/3."""
    for h, converges in ((edge * (1 - 1e-6), True), (edge * (1 + 1e-6), False)):
        row = ROWS[name].at(lr=h, lr_ratio=1.0)
        assert (spectral_radius(row, quadratic(1.0, 1.0, 0.0)) < 1) == converges, (name, h)


def test_extragradient_is_never_faster_than_three_quarters() -> None:
    """1 − m + m² is least at m = 1/2."""
    game = quadratic(1.0, 1.0, 0.0)
    radii = [spectral_radius(ROWS["extragradient"].at(lr=h, lr_ratio=1.0), game) for h in (0.45, 0.5, 0.55)]
    assert min(radii) == radii[1] == pytest.approx(0.75, rel=1e-9)
