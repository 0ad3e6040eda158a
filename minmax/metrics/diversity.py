"""How much variety generated samples have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.metrics.generated import as_gan, enough, reals, samples
from minmax.types import Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

OUTPUTS = {"diversity": Goal("maximize", best=1.0, worst=0.0)}


def diversity(count: int = 256) -> Metric:
    """The mean Euclidean distance between two generated samples, relative to that between two real ones.

    1: as varied as the data; 0: one point. Noise may exceed 1. Cost: count² distances a member.

    Raises:
        ValueError: a count below 2.
    """
    enough(count, 2)

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        made = samples(game, players, generator, count)
        return {"diversity": relative(made, reals(as_gan(game).data.points, generator, count, made))}

    return Metric(measure, OUTPUTS)


def relative(made: Tensor, real: Tensor) -> Tensor:
    """Spread of ``[M, n, *shape]`` over that of ``[N, *shape]``, ``[M]``."""
    return torch.stack([spread(own) for own in made]) / spread(real)


def spread(points: Tensor) -> Tensor:
    """The mean distance between two of ``[n, *shape]``, not counting a point and itself."""
    return torch.pdist(points.flatten(1)).double().mean()
