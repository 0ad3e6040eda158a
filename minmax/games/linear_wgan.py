"""The linear Wasserstein GAN, which learns a mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minmax.games.zero_sum import Start, around, at, zero_sum
from minmax.lazy import torch
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor


def linear_wgan(
    mean: Sequence[float] = (3.0, 4.0),
    batch: int = 0,
    clip: float | None = None,
    start: Start = (1.7, 1.4),
    spread: float = 0.0,
) -> Game:
    """f(θ, w) = E⟨w, x⟩ − E⟨w, θ + z⟩, x ~ N(v, I), z ~ N(0, I): the generator θ + z learns the mean v.

    In expectation f = ⟨w, v − θ⟩, which is bilinear: F = (−w, θ − v), eigenvalues ±i. The solution is θ = v, w = 0;
    simultaneous steps leave it, optimistic ones reach it.
    Daskalakis et al. 2018, arXiv 1711.00141.

    Args:
        mean: v, of any dimension.
        batch: samples a minibatch, of x and of z; 0 takes the expectation.
        clip: the projection clamps w to [−clip, clip]; left out, w is free.
        start, spread: the mean and standard deviation of (θ, w) at the start, for each a number or one a coordinate;
            left out, they start as published.

    Raises:
        ValueError: a batch below 0 or a clip that is not positive.
    """
    if batch < 0:
        raise ValueError(f"batch: {batch} given; at least 1, or 0 for the expectation, is allowed")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip: {clip} given; a positive number is allowed")
    names, bound = ("theta", "w"), clip or 0.0
    v = torch.as_tensor(mean, dtype=torch.float64)

    def sample(generator: Generator) -> Batch:
        shape, device = (batch, len(v)), generator.device
        real, latent = (torch.randn(shape, generator=generator, device=device) for _ in range(2))
        return {"real": real + v.to(real), "latent": latent}

    def value(players: Players, minibatch: Batch) -> Tensor:
        theta, w = players["theta"], players["w"]
        if not minibatch:
            return (w * (v.to(theta) - theta)).sum(-1)
        return (w * (minibatch["real"].mean(-2) - minibatch["latent"].mean(-2) - theta)).sum(-1)

    def project(players: Players) -> Players:
        return {**players, "w": players["w"].clamp(-bound, bound)}

    return zero_sum(
        names,
        value,
        around(names, start, spread, tuple(v.shape)),
        sample=sample if batch else None,
        solution=at(names, (v, torch.zeros_like(v))),
        project=None if clip is None else project,
    )
