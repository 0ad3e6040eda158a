"""How hard each player is being pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.field import field, lift
from minmax.lazy import torch
from minmax.types import Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

OUTPUTS = {
    "field_norm": Goal("minimize", best=0.0, worst=1e6),
    "gradient_norm_1": Goal("minimize", best=0.0, worst=1e6),
    "gradient_norm_2": Goal("minimize", best=0.0, worst=1e6),
}


def gradients() -> Metric:
    """‖F‖ and the norm of each player's gradient of its own loss (first, second), on one minibatch.

    Of a game with one player the second norm is 0.
    """

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        count, first = tree.members(players), tree.leaves(players)[0]
        drawn = {} if game.sample is None else game.sample(generator)
        batch = tree.map(lambda x: _like(x, first).expand(count, *x.shape), drawn)
        own = [tree.norm(player) for player in field(lift(game), players, batch).values()]
        one, other = own if len(own) == 2 else (own[0], torch.zeros_like(own[0]))
        return {"field_norm": torch.hypot(one, other), "gradient_norm_1": one, "gradient_norm_2": other}

    return Metric(measure, OUTPUTS)


def _like(leaf: Tensor, first: Tensor) -> Tensor:
    """On the players' device, and of their dtype unless it holds integers (labels, indices)."""
    return leaf.to(first) if leaf.is_floating_point() else leaf.to(first.device)
