"""Games of two numbers over their plane: the points of a grid are the members of one evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minmax import field, tree
from minmax.field.points import players_at, shared
from minmax.lazy import torch
from minmax.plots.history import labels
from minmax.streams import generator
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

Limits = tuple[float, float]
Vectors = Callable[[Game, Players, Batch], Players]
"""A vector field over a game's players, such as ``minmax.field.field``."""


class Plane(NamedTuple):
    """A grid: coordinates ``[n, n]``, the same points as stacked players (lifted game, ``n²`` members), their names."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    game: Game
    players: Players
    batch: Batch
    labels: list[str]

    def value(self) -> NDArray[np.float64]:
        """f, ``[n, n]``."""
        return self._square(field.value(self.game, self.players, self.batch))

    def motion(self, vectors: Vectors = field.field) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both components of −F, ``[n, n]`` each: where the players go."""
        moves = -tree.flat(vectors(self.game, self.players, self.batch))
        return self._square(moves[:, 0]), self._square(moves[:, 1])

    def _square(self, values: Tensor) -> NDArray[np.float64]:
        return values.detach().cpu().numpy().reshape(self.x.shape)


def plane(game: Game, x: Limits, y: Limits, count: int) -> Plane:
    """``count`` × ``count`` points of a game of two numbers: the first along x, the second along y.

    A game with chance is looked at on one minibatch, the same for all points.

    Raises:
        ValueError: a game of more or fewer than two numbers.
    """
    across, up = np.meshgrid(np.linspace(*x, count), np.linspace(*y, count))
    points = torch.as_tensor(np.stack([across.ravel(), up.ravel()], axis=1))
    players = players_at(game, points)
    batch = {} if game.sample is None else game.sample(generator(0, "batch"))
    return Plane(across, up, field.lift(game), players, shared(batch, len(points)), labels(players))
