"""What metrics of generated samples share: the samples, real ones beside them, and which mode or class each is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.games.gan import Gan
from minmax.lazy import torch
from minmax.types import Data, Game, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

FAIR_PART = 8
"""A mode or class is covered from an eighth of its fair share of the samples."""


def enough(count: int, least: int = 1) -> None:
    """Raises ``ValueError`` where ``count`` samples are too few."""
    if count < least:
        raise ValueError(f"count: {count} given; at least {least} is allowed")


def as_gan(game: Game) -> Gan:
    """The game as one that makes samples.

    Raises:
        ValueError: the game generates nothing.
    """
    if not isinstance(game, Gan):
        raise ValueError("this metric looks at generated samples, and this game has no generator; give it a gan")
    return game


def samples(game: Game, players: Players, generator: Generator, count: int) -> Tensor:
    """``[M, count, *shape]``, every member from the same latent vectors.

    Raises:
        ValueError: the game generates nothing.
    """
    gan = as_gan(game)
    first = tree.leaves(players)[0]
    latents = torch.randn(1, count, gan.latent, generator=generator, device=generator.device).to(first.dtype)
    return gan.generate(players, latents.expand(len(first), -1, -1))


def reals(points: Tensor, generator: Generator, count: int, like: Tensor) -> Tensor:
    """``count`` of the points ``[N, *shape]``, none twice (all where there are no more), of the dtype of ``like``."""
    chosen = torch.randperm(len(points), generator=generator, device=generator.device)[:count]
    return points[chosen.to(points.device)].to(like)


def shares(data: Data, made: Tensor) -> Tensor | None:
    """Of samples ``[M, n, *shape]``, the share in each of the data's K modes or classes and, last, in none,
    ``[M, K + 1]``.

    A sample is in the mode whose centre is nearest, within the data set's own radius; else in the class that the data
    set's classifier names. None where the data set has neither.
    """
    if "centres" in data.facts:
        nearest, owner = torch.cdist(made, data.facts["centres"].to(made).expand(len(made), -1, -1)).min(-1)
        kinds = len(data.facts["centres"])
        return _shares(owner.where(nearest <= data.facts["near"], kinds), kinds)
    if data.classifier is not None and data.labels is not None:
        return _shares(data.classifier().classes(made), int(data.labels.max()) + 1)
    return None


def covered(share: Tensor) -> Tensor:
    """Which of K modes or classes are covered, bool ``[M, K]``, from ``shares``."""
    kinds = share.shape[-1] - 1
    return share[:, :kinds] >= 1 / (FAIR_PART * kinds)


def _shares(owner: Tensor, kinds: int) -> Tensor:
    return torch.nn.functional.one_hot(owner, kinds + 1).double().mean(1)
