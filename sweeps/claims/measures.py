"""What the claims about small games look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.types import Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

FAR = Goal("minimize", best=0.0, worst=1e6)


def coordinates() -> Metric:
    """Where two players of one number each are: ``first`` and ``second``."""

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        first, second = (tree.flat(own)[:, 0].double() for own in players.values())
        return {"first": first, "second": second}

    return Metric(measure, {"first": FAR, "second": FAR})


def favourite() -> Metric:
    """Which action the first player of a matrix game plays most: its index."""

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        first = next(iter(players.values()))
        return {"favourite": tree.rows(first).argmax(-1).double()}

    return Metric(measure, {"favourite": FAR})
