"""The Fréchet distance between generated and real samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.metrics.features import extractor
from minmax.metrics.generated import as_gan, samples
from minmax.types import Data, Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

OUTPUTS = {"frechet": Goal("minimize", best=0.0, worst=1e4)}


def frechet(count: int = 1000, features: str | None = None) -> Metric:
    """|μ₁−μ₂|² + tr(C₁ + C₂ − 2(C₁C₂)^½) between Gaussians fitted to features of generated and of all real samples.

    Features: the last hidden layer of the data set's classifier; the points themselves where it has none; or what a
    ``module:function`` of the user's gives (``features``), which with an Inception network makes it the published FID.
    Fréchet 1957; Heusel et al. 2017, arXiv 1706.08500. A diverged member counts 10⁴, more than any sample in range.
    """
    reference: dict[int, tuple[Data, tuple[Tensor, Tensor]]] = {}  # holds the data, so that no other gets its id

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        made, data = samples(game, players, generator, count), as_gan(game).data
        describe = extractor(data, features)
        if id(data) not in reference:
            reference[id(data)] = data, moments(describe(data.points).unsqueeze(0))
        real = (part.to(made.device) for part in reference[id(data)][1])
        return {"frechet": distance(*moments(describe(made)), *real)}

    return Metric(measure, OUTPUTS)


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
