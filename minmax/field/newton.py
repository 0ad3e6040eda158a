"""Newton's method for the zeros of a field, from many starting points as members side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.field.derivatives import field
from minmax.field.points import players_at, shared
from minmax.field.spectrum import jacobian
from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import Batch, Game

ITERATIONS = 100
HALVINGS = 12


def newton(game: Game, points: Tensor, batch: Batch) -> Tensor:
    """Where z ← z − t·J⁺F(z) ends from each of ``points`` ``[N, P]``; t ∈ {1, ½, ¼, …} makes ‖F‖ smallest.

    A point stays where no t lowers ‖F‖: at a zero, where it is stuck, or where F is not finite. ``batch`` is one
    member's.
    """
    lengths = 0.5 ** torch.arange(HALVINGS + 1, dtype=points.dtype, device=points.device)
    for _ in range(ITERATIONS):
        players, minibatch = players_at(game, points), shared(batch, len(points))
        values, matrices = tree.flat(field(game, players, minibatch)), jacobian(game, players, minibatch)
        inverses = torch.linalg.pinv(matrices.nan_to_num(0.0, 0.0, 0.0))
        steps = (inverses @ values.nan_to_num(0.0, 0.0, 0.0).unsqueeze(-1)).squeeze(-1)
        tried = points - lengths.view(-1, 1, 1) * steps  # [t, N, P]
        norms, best = residuals(game, tried.flatten(0, 1), batch).view(len(lengths), -1).min(0)
        lower = norms < residuals(game, points, batch)
        if not bool(lower.any()):
            break
        moved = tried[best, torch.arange(len(points), device=points.device)]
        points = torch.where(lower.unsqueeze(1), moved, points)
    return points


def residuals(game: Game, points: Tensor, batch: Batch) -> Tensor:
    """‖F‖ at each of ``points`` ``[N, P]``; infinite where it is not a number."""
    here = field(game, players_at(game, points), shared(batch, len(points)))
    return tree.norm(here).nan_to_num(torch.inf, torch.inf)
