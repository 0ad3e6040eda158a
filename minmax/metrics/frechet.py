"""The Fréchet distance between generated and real samples."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from minmax.data.cache import cached
from minmax.lazy import torch
from minmax.metrics.features import Features, extractor
from minmax.metrics.generated import as_gan, enough, samples
from minmax.types import Data, Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

OUTPUTS = {"frechet": Goal("minimize", best=0.0, worst=1e4)}
VERSION, FEW = 1, 16  # of the moments that are cached; samples that tell a network from another


def frechet(count: int = 1000, features: str | None = None) -> Metric:
    """|μ₁−μ₂|² + tr(C₁ + C₂ − 2(C₁C₂)^½) between Gaussians fitted to features of generated and of all real samples.

    Features: the last hidden layer of the data set's classifier; the points themselves where it has none; or what a
    ``module:function`` of the user's gives (``features``), which with an Inception network makes it the published FID.
    Fréchet 1957; Heusel et al. 2017, arXiv 1706.08500. A diverged member counts 10⁴, more than any sample in range.
    The real samples' moments are kept in the cache where a network looks at them.

    Raises:
        ValueError: a count below 2.
    """
    enough(count, 2)
    known: dict[int, tuple[Data, tuple[Tensor, Tensor]]] = {}  # holds the data, so that no other gets its id

    def reference(game: Game) -> tuple[Tensor, Tensor]:
        data = as_gan(game).data
        if id(data) not in known:
            looked_at = features is not None or data.classifier is not None
            known[id(data)] = data, (_kept if looked_at else _of_all)(data.points, extractor(data, features))
        return known[id(data)][1]

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        made, describe = samples(game, players, generator, count), extractor(as_gan(game).data, features)
        real = (part.to(made.device) for part in reference(game))
        return {"frechet": distance(*moments(describe(made)), *real)}

    return Metric(measure, OUTPUTS, prepare=reference)


def _of_all(points: Tensor, describe: Features) -> tuple[Tensor, Tensor]:
    """``moments`` of the real samples, ``[1, k]`` and ``[1, k, k]``."""
    return moments(describe(points).unsqueeze(0))


def _kept(points: Tensor, describe: Features) -> tuple[Tensor, Tensor]:
    """The same, from the cache, under a digest of the samples and of what the network says of a few of them: another
    network, or other weights, have moments of their own."""
    digest = hashlib.sha256()
    for part in (points, describe(points[:FEW])):
        digest.update(part.float().cpu().contiguous().numpy().data)

    def make() -> dict[str, Tensor]:
        mean, covariance = _of_all(points, describe)
        return {"mean": mean.cpu(), "covariance": covariance.cpu()}

    found = cached(f"moments-v{VERSION}-{digest.hexdigest()[:16]}", make)
    return found["mean"], found["covariance"]


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Means ``[M, k]`` and covariances ``[M, k, k]`` of features ``[M, n, k]``, in float64."""
    features = features.double()
    mean = features.mean(1)
    centred = features - mean.unsqueeze(1)
    return mean, centred.mT @ centred / (features.shape[1] - 1)


def distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> Tensor:
    """The distance of two Gaussians, ``[M]``; tr (C₁C₂)^½ from the eigenvalues of C₂^½ C₁ C₂^½."""
    finite = cov1.isfinite().all(-1).all(-1)  # eigvalsh refuses the rest; they come out as nan
    values, vectors = torch.linalg.eigh(cov2)
    root = vectors * values.clamp(min=0).sqrt().unsqueeze(-2) @ vectors.mT
    middle = root @ torch.where(finite[:, None, None], cov1, 0.0) @ root
    cross = torch.linalg.eigvalsh(middle).clamp(min=0).sqrt().sum(-1)
    trace = cov1.diagonal(dim1=-2, dim2=-1).sum(-1) + cov2.diagonal(dim1=-2, dim2=-1).sum(-1)
    squared = ((mean1 - mean2) ** 2).sum(-1) + trace - 2 * cross
    return torch.where(finite, squared.clamp(min=0), torch.nan)
