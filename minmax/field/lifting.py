"""From a game of one member to the same game of M members side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from minmax import tree
from minmax.lazy import torch

if TYPE_CHECKING:
    from minmax.types import Game


def lift(game: Game) -> Game:
    """The game over stacked players: ``torch.func.vmap`` of the forward passes, none at one member.

    Randomness hidden in a user's module is drawn member by member from the global generator, so such a run depends on
    how many members share it. The project's own networks are native and have none.
    """
    if game.native:
        return game
    return replace(
        game,
        native=True,
        losses=None if game.losses is None else {name: over_members(loss) for name, loss in game.losses.items()},
        joint=over_members(game.joint),
        field=over_members(game.field),
        value=over_members(game.value),
        nearest=over_members(game.nearest),
        project=over_members(game.project),
        renew=over_members(game.renew),
    )


def over_members(function: Any) -> Any:
    """A function of one member's trees over stacked ones: by ``vmap``, or as it is where there is one member."""
    if function is None:
        return None
    many = torch.func.vmap(function, randomness="different")

    def lifted(*stacked: Any) -> Any:
        if tree.members(stacked[0]) > 1:
            return many(*stacked)
        return tree.map(lambda x: x.unsqueeze(0), function(*(tree.member(argument, 0) for argument in stacked)))

    return lifted
