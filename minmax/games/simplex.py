"""The probability simplex: drawing from it, and projecting onto it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor


def uniform(size: int, generator: Generator) -> Tensor:
    """A point ``[size]`` of the simplex, uniform: standard exponentials over their sum."""
    drawn = torch.empty(size).exponential_(generator=generator)
    return drawn / drawn.sum()


def onto_simplex(z: Tensor) -> Tensor:
    """The nearest points (Euclidean) with coordinates ≥ 0 that sum to 1, along the last axis: max(z − τ, 0).

    With u = z in falling order, τ = (u₁ + … + u_k − 1)/k for the largest k that leaves u_k > τ.
    Held, Wolfe, Crowder 1974. Cost: a sort.
    """
    falling = z.sort(dim=-1, descending=True).values
    count = torch.arange(1, z.shape[-1] + 1, dtype=z.dtype, device=z.device)
    levels = (falling.cumsum(-1) - 1) / count
    kept = (falling > levels).sum(-1, keepdim=True).clamp(min=1)  # none where a coordinate is not finite
    return (z - levels.gather(-1, kept - 1)).clamp(min=0)
