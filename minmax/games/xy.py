"""f = xy in a box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.games.zero_sum import at, within, zero_sum
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Tensor


def xy(bound: float = 5.0) -> Game:
    """f(x, y) = xy on the box [−B, B]², B = ``bound``: x minimises, y maximises.

    F = (y, −x), J = [[0, 1], [−1, 0]] with eigenvalues ±i. The solution is (0, 0): max_y f = B|x|. Players start
    uniform in the box; the projection clamps each to [−B, B].
    Keswani, Mangoubi, Sachdeva, Vishnoi 2022, arXiv 2006.12376.

    Raises:
        ValueError: a bound that is not positive.
    """
    if not bound > 0:
        raise ValueError(f"bound: {bound} given; a positive number is allowed")
    names = ("x", "y")

    def value(players: Players, batch: Batch) -> Tensor:
        return players["x"] * players["y"]

    def project(players: Players) -> Players:
        return tree.map(lambda z: z.clamp(-bound, bound), players)

    return zero_sum(names, value, within(names, bound), solution=at(names, (0.0, 0.0)), project=project)
