"""How well the discriminator tells real samples from generated ones, and ones it never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.metrics.generated import as_gan, enough, reals, samples
from minmax.types import Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from minmax.games.gan import Gan

OUTPUTS = {
    "accuracy_real": Goal("minimize", best=0.5, worst=1.0),
    "accuracy_fake": Goal("minimize", best=0.5, worst=1.0),
    "accuracy_held_out": Goal("maximize", best=1.0, worst=0.0),
}


def discriminator(count: int = 1000, threshold: float | None = None) -> Metric:
    """The discriminator's accuracy on training samples, on generated ones, and on held-out real ones.

    A real sample is recognised by a logit above ``threshold``, a generated one by a logit up to it. By default that
    lies midway between the median logits of the two, so that a critic, whose zero means nothing, is measured as well:
    both accuracies are near 1 where they are told apart, and 1/2 where they look alike; 0 is the threshold of the
    logistic losses. ``accuracy_held_out`` is there where the data set has held-out samples: far below ``accuracy_real``
    the discriminator has learned the training samples by heart.

    Raises:
        ValueError: a count below 1.
    """

    enough(count)

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        made = samples(game, players, generator, count)
        return accuracies(as_gan(game), players, made, generator, threshold)

    return Metric(measure, OUTPUTS)


def accuracies(
    gan: Gan, players: Players, made: Tensor, generator: Generator, threshold: float | None = None
) -> dict[str, Tensor]:
    """The outputs for generated samples ``[M, n, *shape]`` and as many real ones."""

    def logits(points: Tensor) -> Tensor:
        real = reals(points, generator, made.shape[1], made)
        return gan.judge(players, real.expand(len(made), *real.shape))

    real, fake = logits(gan.data.points), gan.judge(players, made)
    middle = (real.median(1).values + fake.median(1).values).unsqueeze(1) / 2
    split = middle if threshold is None else torch.full_like(middle, threshold)
    found = {"accuracy_real": real > split, "accuracy_fake": fake <= split}
    if gan.data.held_out is not None:
        found["accuracy_held_out"] = logits(gan.data.held_out) > split
    return {name: right.double().mean(1) for name, right in found.items()}
