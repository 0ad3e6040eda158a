"""What a generator once made and no longer makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.metrics.generated import as_gan, covered, enough, samples, shares
from minmax.types import Game, Goal, Metric, Players, Tree

if TYPE_CHECKING:
    from torch import Generator, Tensor

OUTPUTS = {
    "covered": Goal("maximize", best=1.0, worst=0.0),
    "learned": Goal("maximize", best=1.0, worst=0.0),
    "forgotten": Goal("minimize", best=0.0, worst=1.0),
}


def forgetting(count: int = 1000) -> Metric:
    """Modes or classes that a run has learned and lost, over its reports so far.

    A mode (by the data set's own radius) or a class (by its classifier) is covered from 1/8 of its fair share of the
    samples. ``covered``: the share of them now; ``learned``: the share covered at this report or an earlier one;
    ``forgotten``: of the learned ones the share not covered now, 0 where none was learned. It sees a run at its
    reports only: what came and went between two was never learned.

    Raises:
        ValueError: a count below 1, or the game's data has neither modes nor a classifier.
    """

    enough(count)

    def measure(game: Game, players: Players, generator: Generator) -> Tree:
        share = shares(as_gan(game).data, samples(game, players, generator, count))
        if share is None:
            raise ValueError("forgetting: this data set has neither modes nor a classifier; gaussians and digits01 do")
        return covered(share)

    return Metric(measure, OUTPUTS, recall)


def recall(now: Tensor, memory: Tree) -> tuple[dict[str, Tensor], Tree]:
    """The outputs from what is covered now, bool ``[M, K]``, and what was at earlier reports."""
    learned = now | memory["learned"] if memory else now
    lost = (learned & ~now).sum(1) / learned.sum(1).clamp(min=1)
    share = {"covered": now.double().mean(1), "learned": learned.double().mean(1), "forgotten": lost.double()}
    return share, {"learned": learned}
