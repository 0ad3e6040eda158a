"""The linear-quadratic Wasserstein GAN, which learns a variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.games.zero_sum import Start, around, at, zero_sum
from minmax.lazy import torch
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor


def lq_wgan(sigma: float = 1.0, batch: int = 0, start: Start = (0.5, 0.5), spread: float = 0.1) -> Game:
    """f(a, w) = E w·x² − E w·(az)², x ~ N(0, σ²), z ~ N(0, 1): the generator az learns the variance σ².

    In expectation f = w(σ² − a²), F = (−2aw, a² − σ²). The solutions are a = ±σ, w = 0 (the distance is to the nearer);
    there J has the eigenvalues ±2iσ. The flow circles them along w² + a²/2 − σ²·ln|a|, which it conserves, and
    simultaneous steps spiral outwards; a never changes its sign along the flow.
    Nagarajan, Kolter 2017, arXiv 1706.04156.

    Args:
        sigma: the data's standard deviation.
        batch: samples a minibatch, of x and of z; 0 takes the expectation.
        start, spread: the mean and standard deviation of (a, w) at the start.

    Raises:
        ValueError: a sigma that is not positive or a batch below 0.
    """
    if not sigma > 0:
        raise ValueError(f"sigma: {sigma} given; a positive number is allowed")
    if batch < 0:
        raise ValueError(f"batch: {batch} given; at least 1, or 0 for the expectation, is allowed")
    names = ("a", "w")

    def sample(generator: Generator) -> Batch:
        real, latent = (torch.randn(batch, generator=generator, device=generator.device) for _ in range(2))
        return {"real": sigma * real, "latent": latent}

    def value(players: Players, minibatch: Batch) -> Tensor:
        a, w = players["a"], players["w"]
        if not minibatch:
            return w * (sigma**2 - a * a)
        return w * ((minibatch["real"] ** 2).mean(-1) - a * a * (minibatch["latent"] ** 2).mean(-1))

    def nearest(players: Players) -> Players:
        a, w = players["a"], players["w"]
        return {"a": sigma * torch.where(a < 0, -torch.ones_like(a), 1.0), "w": torch.zeros_like(w)}

    return zero_sum(
        names,
        value,
        around(names, start, spread),
        sample=sample if batch else None,
        solution=at(names, (sigma, 0.0)),
        nearest=nearest,
    )
