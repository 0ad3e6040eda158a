"""The quadratic game of two numbers: attraction, rotation, and how they mix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.games.zero_sum import Start, around, at, zero_sum
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Tensor


def quadratic(a: float = 1.0, b: float = 1.0, s: float = 1.0, start: Start = (0.0, 0.0), spread: float = 1.0) -> Game:
    """f(x, y) = a/2·x² + s·xy − b/2·y²: x minimises, y maximises.

    F = (ax + sy, by − sx), J = [[a, s], [−s, b]] with eigenvalues (a + b)/2 ± √((a − b)²/4 − s²): a and b attract, s
    rotates. F is zero at (0, 0), a min-max point for a, b ≥ 0. Players start normal around ``start`` with standard
    deviation ``spread``.
    """
    names = ("x", "y")

    def value(players: Players, batch: Batch) -> Tensor:
        x, y = players["x"], players["y"]
        return a / 2 * x * x + s * x * y - b / 2 * y * y

    return zero_sum(names, value, around(names, start, spread), solution=at(names, (0.0, 0.0)))
