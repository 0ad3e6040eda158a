"""The Jacobian of a game's field: dense, for games of a few parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.field.derivatives import linearize
from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import Batch, Game, Players


def jacobian(game: Game, players: Players, batch: Batch) -> Tensor:
    """J = ∂F/∂z as dense matrices ``[M, P, P]``, a row a reverse pass: for games of a few parameters."""
    at = linearize(game, players, batch)
    point = tree.flat(at.field)
    rows = []
    for index in range(point.shape[1]):
        basis = torch.zeros_like(point)
        basis[:, index] = 1.0
        rows.append(tree.flat(at.transposed(tree.unflat(basis, at.field))))
    return torch.stack(rows, dim=1)


def eigenvalues(game: Game, players: Players, batch: Batch) -> Tensor:
    """The eigenvalues of J, ``[M, P]`` complex: rotation is |Im|, attraction is Re > 0."""
    return torch.linalg.eigvals(jacobian(game, players, batch))
