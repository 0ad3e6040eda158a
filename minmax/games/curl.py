"""The curl field: nothing but rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.games.zero_sum import Start, around, at, zero_sum
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Tensor


def curl(start: Start = (0.0, 0.0), spread: float = 1.0) -> Game:
    """Players move along v(θ, φ) = (−φ, θ), a field that is no gradient: f = θφ, θ minimises, φ maximises.

    F = −v = (φ, −θ), J = [[0, 1], [−1, 0]] with eigenvalues ±i. The solution is (0, 0), which the flow circles for ever
    and simultaneous steps leave. Players start normal around ``start`` with standard deviation ``spread``.
    Mescheder, Nowozin, Geiger 2017, arXiv 1705.10461.
    """
    names = ("theta", "phi")

    def value(players: Players, batch: Batch) -> Tensor:
        return players["theta"] * players["phi"]

    return zero_sum(names, value, around(names, start, spread), solution=at(names, (0.0, 0.0)))
