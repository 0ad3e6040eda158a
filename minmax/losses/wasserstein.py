"""The critic's loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.types import GanLoss

if TYPE_CHECKING:
    from torch import Tensor


def wasserstein(clip: float | None = 0.01) -> GanLoss:
    """f = E D(x) − E D(G(z)) with every weight of the critic clipped to [−clip, clip] after each of its steps; with
    ``clip=None`` nothing bounds the critic, unless the game has a penalty.

    Arjovsky, Chintala, Bottou 2017, arXiv 1701.07875.

    Raises:
        ValueError: ``clip`` is not positive.
    """
    if clip is not None and not clip > 0:
        raise ValueError(f"clip: {clip} given; a positive number is allowed, or None")

    def generator(fake: Tensor) -> Tensor:
        return -fake.mean(-1)

    def discriminator(real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean(-1) - real.mean(-1)

    return GanLoss(generator, discriminator, clip=clip)
