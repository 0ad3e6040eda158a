"""The margin loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.types import GanLoss

if TYPE_CHECKING:
    from torch import Tensor


def hinge() -> GanLoss:
    """The discriminator minimises E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))), the generator −E D(G(z)).

    Lim & Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957.
    """

    def generator(fake: Tensor) -> Tensor:
        return -fake.mean(-1)

    def discriminator(real: Tensor, fake: Tensor) -> Tensor:
        return torch.relu(1 - real).mean(-1) + torch.relu(1 + fake).mean(-1)

    return GanLoss(generator, discriminator)
