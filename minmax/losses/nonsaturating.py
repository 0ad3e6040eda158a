"""The generator's loss that people use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.losses.logistic import cross_entropy
from minmax.types import GanLoss

if TYPE_CHECKING:
    from torch import Tensor


def nonsaturating() -> GanLoss:
    """The generator minimises −E log D(G(z)), the discriminator its cross-entropy. Not zero-sum.

    Goodfellow et al. 2014, arXiv 1406.2661, section 3.
    """

    def generator(fake: Tensor) -> Tensor:
        return torch.nn.functional.softplus(-fake).mean(-1)

    return GanLoss(generator, cross_entropy)
