"""F1, F2, F3: the functions of two numbers on which accept/reject was compared with descent-ascent.

Keswani, Mangoubi, Sachdeva, Vishnoi 2022, arXiv 2006.12376. x minimises, y maximises; they start at (5.5, 5.5) there,
which is the default ``start`` (``spread``: standard deviation around it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.games.zero_sum import Start, around, at, zero_sum
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Tensor

NAMES = ("x", "y")
START = (5.5, 5.5)


def f1(start: Start = START, spread: float = 0.0) -> Game:
    """f(x, y) = −3x² − y² + 4xy: a min-max point that descent-ascent leaves.

    F = (4y − 6x, 2y − 4x), J = [[−6, 4], [−4, 2]] with the double eigenvalue −2: near (0, 0) simultaneous steps grow by
    1 + 2h. Yet max_y f = x² (at y = 2x), so (0, 0) is the global min-max point and the solution.
    """

    def value(players: Players, batch: Batch) -> Tensor:
        x, y = players["x"], players["y"]
        return -3 * x * x - y * y + 4 * x * y

    return zero_sum(NAMES, value, around(NAMES, start, spread), solution=at(NAMES, (0.0, 0.0)))


def f2(start: Start = START, spread: float = 0.0) -> Game:
    """f(x, y) = 3x² + y² + 4xy: descent-ascent converges to what is no min-max point.

    F = (6x + 4y, −4x − 2y), J = [[6, 4], [−4, −2]] with the double eigenvalue 2: simultaneous steps shrink by 1 − 2h
    and end in (0, 0). But f is convex in y: max_y f is infinite everywhere, and there is no solution.
    """

    def value(players: Players, batch: Batch) -> Tensor:
        x, y = players["x"], players["y"]
        return 3 * x * x + y * y + 4 * x * y

    return zero_sum(NAMES, value, around(NAMES, start, spread))


def f3(start: Start = START, spread: float = 0.0) -> Game:
    """f(x, y) = (4x² − (y − 3x + 0.05x³)² − 0.1y⁴)·exp(−0.01(x² + y²)): many hills and a min-max point in the middle.

    With u = y − 3x + 0.05x³, g the bracket and e the exponential, F = (e·(8x + 2u·(3 − 0.15x²) − 0.02x·g),
    e·(2u + 0.4y³ + 0.02y·g)). At (0, 0) J = [[−10, 6], [−6, 2]] with the double eigenvalue −4: simultaneous steps leave
    it by 1 + 4h. sup_y f ≥ 0, as f → 0 for large y, and it is 0 at x = 0: (0, 0) is a global min-max point and the
    solution.
    """

    def value(players: Players, batch: Batch) -> Tensor:
        x, y = players["x"], players["y"]
        ridge = y - 3 * x + 0.05 * x**3
        return (4 * x**2 - ridge**2 - 0.1 * y**4) * (-0.01 * (x**2 + y**2)).exp()

    return zero_sum(NAMES, value, around(NAMES, start, spread), solution=at(NAMES, (0.0, 0.0)))
