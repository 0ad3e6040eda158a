"""The minibatch at which metrics of the field look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.types import Batch, Game, Players, Tree

if TYPE_CHECKING:
    from torch import Generator, Tensor


def minibatch(game: Game, players: Players, generator: Generator) -> Batch:
    """One minibatch, the same for every member, ``[M, ...]``; ``{}`` for a game without chance."""
    return for_all({} if game.sample is None else game.sample(generator), players)


def for_all(drawn: Tree, players: Players) -> Tree:
    """One member's draw for every member, on the players' device, and of their dtype unless it holds integers (labels,
    indices)."""
    count, first = tree.members(players), tree.leaves(players)[0]

    def shared(leaf: Tensor) -> Tensor:
        cast = leaf.to(first) if leaf.is_floating_point() else leaf.to(first.device)
        return cast.expand(count, *leaf.shape)

    return tree.map(shared, drawn)
