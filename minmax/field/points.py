"""Points of ℝᴾ as members of a game: many places looked at in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.lazy import torch
from minmax.streams import generator

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import Batch, Game, Players


def players_at(game: Game, points: Tensor) -> Players:
    """The players of N members whose parameters, side by side in the players' order, are ``points`` ``[N, P]``.

    Buffers are those a game begins with, the same for every member.

    Raises:
        ValueError: points of another shape than the game's players have.
    """
    begun = _begun(game)
    template = tree.parameters(begun)
    size = tree.flat(template).shape[1]
    if points.dim() != 2 or points.shape[1] != size:
        raise ValueError(f"points: shape {tuple(points.shape)} given; [N, {size}] is allowed, a coordinate a parameter")
    wide = tree.map(lambda x: x.to(points.device).expand(len(points), *x.shape[1:]), begun)
    return tree.with_buffers_of(tree.unflat(points, template), wide)


def dimension(game: Game) -> int:
    """P, the number of all players' parameters."""
    return int(tree.flat(tree.parameters(_begun(game))).shape[1])


def shared(batch: Batch, members: int) -> Batch:
    """One member's minibatch, for all of them."""
    return tree.map(lambda x: x.expand(members, *x.shape), batch)


def grid(low: float, high: float, count: int, dimensions: int = 2) -> Tensor:
    """``[countᴰ, D]`` float64: the points of an even grid over the box [low, high]ᴰ, ends included, the last coordinate
    fastest.

    >>> grid(-1, 1, 3)[:4].tolist()
    [[-1.0, -1.0], [-1.0, 0.0], [-1.0, 1.0], [0.0, -1.0]]
    """
    axis = torch.linspace(low, high, count, dtype=torch.float64)
    return torch.cartesian_prod(*[axis] * dimensions).view(-1, dimensions)


def _begun(game: Game) -> Players:
    return tree.stack([game.init(generator(0, "init"))])
