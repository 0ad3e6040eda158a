"""How hard each player is being pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.field import field, lift
from minmax.lazy import torch
from minmax.metrics.minibatch import minibatch
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
        batch = minibatch(game, players, generator)
        own = [tree.norm(player) for player in field(lift(game), players, batch).values()]
        one, other = own if len(own) == 2 else (own[0], torch.zeros_like(own[0]))
        return {"field_norm": torch.hypot(one, other), "gradient_norm_1": one, "gradient_norm_2": other}

    return Metric(measure, OUTPUTS)
