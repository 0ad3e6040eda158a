"""How far the players are from a known equilibrium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.field import lift
from minmax.types import Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

OUTPUTS = {
    "distance": Goal("minimize", best=0.0, worst=1e6),
    "success": Goal("maximize", best=1.0, worst=0.0),
}


def distance(tolerance: float = 1e-2) -> Metric:
    """‖z − z*‖, Euclidean over all players; ``success``: at most ``tolerance``.

    z* is the game's solution, or of several the one nearest to the member.

    Raises:
        ValueError: the game does not know its solution.
    """

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        if game.solution is None:
            raise ValueError("distance: this game does not know its solution")
        params, nearest = tree.parameters(players), lift(game).nearest
        solution = nearest(params) if nearest is not None else game.solution
        away = tree.norm(tree.map(lambda z, s: (z - s.to(z)).double(), params, solution))
        return {"distance": away, "success": (away <= tolerance).double()}

    return Metric(measure, OUTPUTS)
