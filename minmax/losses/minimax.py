"""The saddle loss of the first GAN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.losses.logistic import cross_entropy
from minmax.types import GanLoss

if TYPE_CHECKING:
    from torch import Tensor


def minimax() -> GanLoss:
    """f = E log D(x) + E log(1 − D(G(z))), D = σ(logit): the generator minimises f, the discriminator −f.

    Goodfellow et al. 2014, arXiv 1406.2661. Zero-sum, and saturating: its gradient vanishes where D wins.
    """

    def generator(fake: Tensor) -> Tensor:
        return -torch.nn.functional.softplus(fake).mean(-1)

    return GanLoss(generator, cross_entropy)
