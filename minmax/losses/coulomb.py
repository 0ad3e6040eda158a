"""The potential field of real and generated samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.types import GanLoss

if TYPE_CHECKING:
    from torch import Tensor


def coulomb(dimension: float = 3.0, epsilon: float = 1.0) -> GanLoss:
    """The discriminator regresses the potential that real samples y and generated x make, the generator climbs it.

    Φ(a) = mean_y k(a, y) − mean_x k(a, x) with Plummer's kernel k(a, b) = (‖a − b‖² + ε²)^(−(d−2)/2); D minimises
    E(D(y) − Φ(y))² + E(D(x) − Φ(x))², G minimises −E D(x). The minibatch makes the potential, a sample's own term
    included. ``dimension`` is the kernel's d, not that of the samples. Cost beside the networks: the distances of all
    pairs in a minibatch.

    Unterthiner et al. 2018, arXiv 1708.08819. (Released code has Φ and D with the opposite sign.)

    Raises:
        ValueError: ``dimension`` of 2 or less, or ``epsilon`` that is not positive.
    """
    for name, given, least in (("dimension", dimension, 2), ("epsilon", epsilon, 0)):
        if not given > least:
            raise ValueError(f"{name}: {given} given; a number above {least} is allowed")

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (squared_distances(a, b) + epsilon**2) ** (1 - dimension / 2)

    def targets(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        across = kernel(real, fake)
        at_real = kernel(real, real).mean(-1) - across.mean(-1)
        at_fake = across.mean(-2) - kernel(fake, fake).mean(-1)
        return at_real, at_fake

    def generator(fake: Tensor) -> Tensor:
        return -fake.mean(-1)

    def discriminator(real: Tensor, fake: Tensor) -> Tensor:
        return real.square().mean(-1) + fake.square().mean(-1)

    return GanLoss(generator, discriminator, targets=targets)


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """‖aᵢ − bⱼ‖², ``[..., n, d], [..., m, d] -> [..., n, m]``, without a tensor of all differences."""
    lengths = a.square().sum(-1).unsqueeze(-1) + b.square().sum(-1).unsqueeze(-2)
    return torch.relu(lengths - 2 * a @ b.mT)
