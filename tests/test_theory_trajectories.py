"""Started on an eigenvector, the training loop follows it: ``linear_maps.check_trajectory`` for every linear method."""

from __future__ import annotations

import pytest
from closed_forms import KNOWN_QUADRATIC, ROWS, Row, of_game
from linear_maps import bilinear_of, by_modulus, check_spectrum, check_trajectory, predicted, random_bilinear

from minmax.games.quadratic import quadratic

SIGMAS = [0.1, 0.25, 0.4, 0.8, 1.2, 1.6]
POINTS = [(name, sigma) for name, row in ROWS.items() for sigma in SIGMAS if sigma <= row.reach]
GAMES = [(2.0, 0.3, 0.4), (0.5, 0.7, 1.1), (3.0, 2.0, 2.5)]
"""Of coefficients (a, b, s): real eigenvalues, complex ones, and steps that are too long for some."""


def within_reach(row: Row, coefficients: tuple[float, float, float]) -> bool:
    return max(abs(m) for m in of_game(*coefficients, *row.rates)) <= row.reach


every_row = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)


@pytest.mark.parametrize("which", [0, 3, 6])
@every_row
def test_eigenvectors_are_followed(row: Row, which: int) -> None:
    """Of the seven directions that a 3×4 game has: six in which it turns, and one that no singular value moves."""
    game = random_bilinear(3, 4, top=row.largest, seed=1)
    check_trajectory(row.optimizer, row, game, by_modulus(predicted(row, game))[which])


@pytest.mark.parametrize(("name", "sigma"), POINTS)
def test_inside_and_outside(name: str, sigma: float) -> None:
    """One rotation at a time: matrix, training and closed form agree where it converges and where it does not."""
    row = ROWS[name]
    game = bilinear_of(sigma, row)
    check_spectrum(row.optimizer, row, game)
    check_trajectory(row.optimizer, row, game, by_modulus(predicted(row, game))[0])


@pytest.mark.parametrize(
    ("name", "coefficients"),
    [(name, own) for name, row in KNOWN_QUADRATIC.items() for own in GAMES if within_reach(row, own)],
)
def test_where_attraction_is_part_of_the_game(name: str, coefficients: tuple[float, float, float]) -> None:
    """f = a/2·x² + s·xy − b/2·y²."""
    row = ROWS[name]
    assert row.quadratic is not None
    values = row.quadratic(*coefficients, *row.rates, row.hypers)
    check_trajectory(row.optimizer, row, quadratic(*coefficients), by_modulus(values)[0])
