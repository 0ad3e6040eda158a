"""The minibatch at which metrics of the field look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor


def minibatch(game: Game, players: Players, generator: Generator) -> Batch:
    """One minibatch, the same for every member, ``[M, ...]``; ``{}`` for a game without chance."""
    count, first = tree.members(players), tree.leaves(players)[0]
    drawn = {} if game.sample is None else game.sample(generator)
    return tree.map(lambda x: _like(x, first).expand(count, *x.shape), drawn)


def _like(leaf: Tensor, first: Tensor) -> Tensor:
    """On the players' device, and of their dtype unless it holds integers (labels, indices)."""
    return leaf.to(first) if leaf.is_floating_point() else leaf.to(first.device)
