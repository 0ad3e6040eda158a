"""The conservative relaxation of a field, and the field combined with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from minmax import tree
from minmax.field.derivatives import linearize, with_relaxation
from minmax.field.lifting import lift

if TYPE_CHECKING:
    from minmax.tree import Coefficient
    from minmax.types import Batch, Game, Players


def conservative(game: Game, players: Players, batch: Batch) -> Players:
    """∇½‖F‖² = JᵀF: the gradient of a scalar, which no player cycles along; it rests wherever F does, saddles too.

    Mescheder, Nowozin, Geiger 2017, arXiv 1705.10461. Cost: 2.9 fields.
    """
    at = linearize(game, players, batch)
    return at.transposed(at.field)


def combined(game: Game, players: Players, batch: Batch, gamma: Coefficient) -> Players:
    """F + γ∇½‖F‖², the field that consensus optimization descends; γ is a number, or ``[M]``. Cost: 2.9 fields."""
    at = linearize(game, players, batch)
    return tree.add(at.field, at.transposed(at.field), gamma)


def relaxed(game: Game, gamma: Coefficient) -> Game:
    """The game whose field is F + γ∇½‖F‖², so that its Jacobian, eigenvalues, equilibria and flow can be looked at.

    γ is a number, or ``[M]`` for M members. The game comes back lifted and without losses: its field is in general
    nobody's gradient. A value f that the game declares stays. Where F = 0 the Jacobian is J + γJᵀJ.

    This Jacobian takes third derivatives of the losses, which torch gets wrong, without a word, in BatchNorm (while
    training) and LayerNorm modules (pytorch/pytorch#186256). Fields, and the Jacobian of F, are right there too.
    """
    native = lift(game)

    def field(players: Players, batch: Batch) -> Players:
        leaves = tree.map(lambda x: x if x.requires_grad else x.detach().requires_grad_(), tree.parameters(players))
        own, uphill = with_relaxation(native, tree.with_buffers_of(leaves, players), batch)
        return tree.add(own, uphill, gamma)

    return replace(native, losses=None, joint=None, field=field)
