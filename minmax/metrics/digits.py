"""Whether a generator makes both digits, and only digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.metrics.generated import as_gan, enough, samples
from minmax.types import Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

OUTPUTS = {
    "zeros": Goal("maximize", best=0.5, worst=0.0),
    "ones": Goal("maximize", best=0.5, worst=0.0),
    "other": Goal("minimize", best=0.0, worst=1.0),
    "balance": Goal("maximize", best=1.0, worst=0.0),
    "success": Goal("maximize", best=1.0, worst=0.0),
}
AT_LEAST, AT_MOST_OTHER = 0.2, 0.3


def digits(count: int = 1000) -> Metric:
    """Shares of zeros, ones and *other* among generated pictures, by the data set's classifier.

    ``balance``: 2·min(zeros, ones). ``success``: at least 20% of each digit and at most 30% other.

    Raises:
        ValueError: a count below 1, or the game's data has no classifier of two classes and *other*.
    """

    enough(count)

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        pictures, data = samples(game, players, generator, count), as_gan(game).data
        if data.classifier is None or data.facts.get("classes") != 2:
            raise ValueError("digits: this data set has no classifier of zeros and ones; digits01 and mnist01 have")
        return judge(data.classifier().classes(pictures))

    return Metric(measure, OUTPUTS)


def judge(classes: Tensor) -> dict[str, Tensor]:
    """The outputs from classes ``[M, n]`` (0, 1, 2 = other)."""
    zeros, ones, other = ((classes == k).double().mean(-1) for k in range(3))
    fewer = torch.minimum(zeros, ones)
    success = (fewer >= AT_LEAST) & (other <= AT_MOST_OTHER)
    return {"zeros": zeros, "ones": ones, "other": other, "balance": 2 * fewer, "success": success.double()}
