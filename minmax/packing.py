"""One vector a player: the form in which players are trained.

A step's arithmetic then takes one operation a player instead of one a leaf, which is most of the time of a small
network. Optimizers can't tell: a packed player is a tree like any other, ``{"vector": [M, P]}`` (and its buffers).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from minmax import tree
from minmax.types import Game, Players, Tree


class Packing:
    """Packs players shaped like these stacked ones, and games that play them.

    A player whose parameters are of several dtypes, or who has none, stays the tree it is.
    """

    def __init__(self, players: Players) -> None:
        shapes = tree.map(lambda x: x[:1].to("meta"), tree.parameters(players))
        self._names = list(players)
        self._templates = {name: own for name, own in shapes.items() if len({x.dtype for x in tree.leaves(own)}) == 1}

    def pack(self, players: Players) -> Players:
        """Every player's parameters side by side; buffers as they are. In whatever order a game's function gives."""
        return {name: self._pack(name, players[name]) for name in self._names}

    def unpack(self, packed: Players) -> Players:
        """The players again, as views into their vectors."""
        return {name: self._unpack(name, own) for name, own in packed.items()}

    def game(self, game: Game) -> Game:
        """The game between packed players; the given one must be lifted."""
        return replace(
            game,
            losses=None if game.losses is None else {name: self._reads(loss) for name, loss in game.losses.items()},
            joint=self._reads(game.joint),
            value=self._reads(game.value),
            field=self._moves(game.field),
            nearest=self._moves(game.nearest),
            project=self._moves(game.project),
            renew=self._moves(game.renew),
        )

    def _reads(self, function: Any) -> Any:
        return function and (lambda packed, *batch: function(self.unpack(packed), *batch))

    def _moves(self, function: Any) -> Any:
        return function and (lambda packed, *batch: self.pack(function(self.unpack(packed), *batch)))

    def _pack(self, name: str, player: Tree) -> Tree:
        if name not in self._templates:
            return player
        vector = tree.flat(tree.ordered(player, self._templates[name]))
        return _with_buffers({"vector": vector}, player)

    def _unpack(self, name: str, player: Tree) -> Tree:
        if name not in self._templates:
            return player
        return _with_buffers(tree.unflat(player["vector"], self._templates[name]), player)


def _with_buffers(parameters: Tree, player: Tree) -> Tree:
    if isinstance(player, dict) and "buffers" in player:
        return {**parameters, "buffers": player["buffers"]}
    return parameters
