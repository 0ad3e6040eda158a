"""The quadratic loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.types import GanLoss

if TYPE_CHECKING:
    from torch import Tensor


def least_squares() -> GanLoss:
    """The discriminator minimises ½E(D(x) − 1)² + ½E D(G(z))², the generator ½E(D(G(z)) − 1)².

    Mao et al. 2017, arXiv 1611.04076, with the labels 0 and 1. The logit is D itself.
    """

    def generator(fake: Tensor) -> Tensor:
        return (fake - 1).square().mean(-1) / 2

    def discriminator(real: Tensor, fake: Tensor) -> Tensor:
        return ((real - 1).square().mean(-1) + fake.square().mean(-1)) / 2

    return GanLoss(generator, discriminator)
