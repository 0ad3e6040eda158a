"""Fidelity and variety apart: are generated samples like real ones, and is everything real among them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.metrics.features import extractor
from minmax.metrics.generated import as_gan, reals, samples
from minmax.types import Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

OUTPUTS = {
    "precision": Goal("maximize", best=1.0, worst=0.0),
    "recall": Goal("maximize", best=1.0, worst=0.0),
    "density": Goal("maximize", best=1.0, worst=0.0),
    "coverage": Goal("maximize", best=1.0, worst=0.0),
}


def precision_recall(count: int = 1000, k: int = 5, features: str | None = None) -> Metric:
    """Precision, recall, density and coverage of ``count`` generated samples beside as many real ones, in features.

    A sample's ball reaches to its k-th nearest neighbour of its own kind, the rim included. ``precision``: the share of
    generated samples in any real ball; ``recall``: of real samples in any generated ball (Kynkäänniemi et al. 2019,
    arXiv 1904.06991, with k = 3). ``density``: the real balls around a generated sample over k, on average, which may
    exceed 1; ``coverage``: the share of real balls with a generated sample inside (Naeem et al. 2020, arXiv 2002.09797,
    with k = 5). Features as in ``frechet``. Cost: 3·count² distances a member.

    Raises:
        ValueError: a k that is not from 1 to count − 1, or a data set of at most k samples.
    """
    if not 1 <= k < count:
        raise ValueError(f"k: {k} given; 1 to count - 1 = {count - 1} is allowed")

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        made, data = samples(game, players, generator, count), as_gan(game).data
        if len(data.points) <= k:
            raise ValueError(f"k: {k} given, with {len(data.points)} real samples; fewer than these are allowed")
        describe = extractor(data, features)
        real = describe(reals(data.points, generator, count, made))
        found = [compare(own, real, k) for own in describe(made)]
        return {name: torch.stack([own[name] for own in found]) for name in OUTPUTS}

    return Metric(measure, OUTPUTS)


def compare(made: Tensor, real: Tensor, k: int) -> dict[str, Tensor]:
    """The outputs for features ``[n, d]`` and ``[m, d]``."""
    made, real = made.double(), real.double()
    apart = _distances(made, real)
    in_real = apart <= _radii(real, k)
    in_made = apart <= _radii(made, k).unsqueeze(1)
    found = {
        "precision": in_real.any(1),
        "recall": in_made.any(0),
        "density": in_real.sum(1) / k,
        "coverage": in_real.any(0),
    }
    return {name: own.double().mean() for name, own in found.items()}


def _radii(points: Tensor, k: int) -> Tensor:
    """Each point's distance to its k-th nearest neighbour, ``[n]``."""
    return _distances(points, points).fill_diagonal_(-1.0).kthvalue(k + 1, dim=1).values


def _distances(one: Tensor, other: Tensor) -> Tensor:
    """``[n, m]``, exact where points coincide."""
    return torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist")
