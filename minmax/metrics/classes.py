"""Which classes of a data set a generator makes, and how evenly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.metrics.generated import as_gan, covered, enough, samples, shares
from minmax.types import Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

OUTPUTS = {
    "classes": Goal("maximize", best=1.0, worst=0.0),
    "class_entropy": Goal("maximize", best=1.0, worst=0.0),
    "class_smallest": Goal("maximize", best=1.0, worst=0.0),
    "class_other": Goal("minimize", best=0.0, worst=1.0),
}


def classes(count: int = 1000) -> Metric:
    """Coverage and balance of a data set's K classes among generated samples, by its classifier.

    ``classes``: the share of classes that hold at least 1/8 of their fair share (count/8K samples). Of the samples
    that are of any class: ``class_entropy`` H/log K, 1 where all are equally frequent (of a single class, K = 1, it is
    1), and ``class_smallest`` K times the rarest class's share. ``class_other``: the share of samples of no class.
    Where no sample is of any class, balance is 0.

    Raises:
        ValueError: a count below 1, or the game's data has no classifier.
    """

    enough(count)

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        made, data = samples(game, players, generator, count), as_gan(game).data
        share = None if data.classifier is None or "centres" in data.facts else shares(data, made)
        if share is None:
            raise ValueError("classes: this data set has no classifier; digits01 has")
        return judge(share)

    return Metric(measure, OUTPUTS)


def judge(share: Tensor) -> dict[str, Tensor]:
    """The outputs from shares ``[M, K + 1]``, the last of them *other*."""
    own, other = share[:, :-1], share[:, -1]
    kinds = own.shape[1]
    among = own / own.sum(1, keepdim=True).clamp(min=torch.finfo(own.dtype).tiny)
    entropy = -torch.xlogy(among, among).sum(1) / math.log(kinds) if kinds > 1 else among.sum(1)
    return {
        "classes": covered(share).double().mean(1),
        "class_entropy": entropy.clamp(0, 1),
        "class_smallest": kinds * among.amin(1),
        "class_other": other,
    }
