"""The one-centred penalty between real and generated samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.losses.penalties.weights import checked
from minmax.types import Penalty

if TYPE_CHECKING:
    from torch import Tensor


def gradient_penalty(weight: float = 10.0, target: float = 1.0) -> Penalty:
    """λ·E(‖∇ₓD(x)‖ − target)², x = u·real + (1 − u)·fake with u uniform a pair, λ = ``weight`` (no ½ here).

    Gulrajani et al. 2017, arXiv 1704.00028. Where ∇ₓD = 0 the norm's gradient is taken to be 0.

    Raises:
        ValueError: ``weight`` is not positive, or ``target`` is negative.
    """
    checked(weight)
    if not target >= 0:
        raise ValueError(f"target: {target} given; a number >= 0 is allowed")

    def of(squared: Tensor) -> Tensor:
        steep = squared > 0
        norm = torch.where(steep, torch.where(steep, squared, 1.0).sqrt(), 0.0)  # √ has no slope at 0
        return weight * (norm - target).square().mean(-1)

    return Penalty(of, share=None)
