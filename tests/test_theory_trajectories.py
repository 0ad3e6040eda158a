"""Started on an eigenvector, the training loop follows it: ``linear_maps.check_trajectory`` for every linear method."""

from __future__ import annotations

import pytest
from closed_forms import KNOWN_QUADRATIC, ROWS, Row, of_game
from linear_maps import bilinear_of, by_modulus, check_spectrum, check_trajectory, predicted, random_bilinear

from minmax.games.quadratic import quadratic

every_row = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)


@pytest.mark.parametrize("which", [0, 3, 6])
@every_row
def test_eigenvectors_are_followed(row: Row, which: int) -> None:
    """Of the seven directions that a 3×4 game has: six in which it turns, and one that no singular value moves."""
    game = random_bilinear(3, 4, top=row.largest, seed=1)
    check_trajectory(row.optimizer, row, game, by_modulus(predicted(row, game))[which])


@pytest.mark.parametrize("sigma", [0.1, 0.25, 0.4, 0.8, 1.2, 1.6])
@every_row
def test_inside_and_outside(row: Row, sigma: float) -> None:
    """One rotation at a time: matrix, training and closed form agree where it converges and where it does not."""
    if sigma > row.reach:
        pytest.skip("here the step is not found")
    game = bilinear_of(sigma, row)
    check_spectrum(row.optimizer, row, game)
    check_trajectory(row.optimizer, row, game, by_modulus(predicted(row, game))[0])


@pytest.mark.parametrize("coefficients", [(2.0, 0.3, 0.4), (0.5, 0.7, 1.1), (3.0, 2.0, 2.5)])
@pytest.mark.parametrize("row", KNOWN_QUADRATIC.values(), ids=KNOWN_QUADRATIC)
def test_where_attraction_is_part_of_the_game(row: Row, coefficients: tuple[float, float, float]) -> None:
    """f = a/2·x² + s·xy − b/2·y²: real eigenvalues, complex ones, and steps that are too long for some."""
    assert row.quadratic is not None
    values = row.quadratic(*coefficients, *row.rates, row.hypers)
    if max(abs(m) for m in of_game(*coefficients, *row.rates)) > row.reach:
        pytest.skip("here the step is not found")
    check_trajectory(row.optimizer, row, quadratic(*coefficients), by_modulus(values)[0])
