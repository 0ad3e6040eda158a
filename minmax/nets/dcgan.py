"""The deep convolutional GAN."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.nets.pictures import channels_of, halved
from minmax.types import Pair

if TYPE_CHECKING:
    from torch import nn


def dcgan(shape: tuple[int, ...], latent: int, features: int = 64, batch_norm: bool = True, std: float = 0.02) -> Pair:
    """Strided convolutions (4×4) between the picture and 4×4 pixels (7×7 for a side of 28): a generator of ReLUs and
    tanh, a discriminator of leaky ReLUs (0.2); ``features`` channels next to the picture, twice as many each halving.

    BatchNorm everywhere but at the picture and before the logit. Weights are normal of deviation ``std``, biases zero.
    Radford, Metz, Chintala 2016, arXiv 1511.06434.

    Raises:
        ValueError: the data are no square pictures, their side cannot be halved, or a size is not positive.
    """
    if features < 1:
        raise ValueError(f"features: {features} given; at least 1 is allowed")
    if not 0 < std < math.inf:
        raise ValueError(f"std: {std} given; a positive number is allowed")
    channels, (base, depth) = channels_of("dcgan", shape), halved("dcgan", shape[-1])
    widths = [features << level for level in range(depth)]
    return Pair(
        partial(_generator, shape, latent, base, [*widths[::-1], channels], batch_norm, std),
        partial(_discriminator, shape[-1], base, [channels, *widths], batch_norm, std),
    )


def _generator(shape: tuple[int, ...], latent: int, base: int, widths: list[int], norm: bool, std: float) -> nn.Module:
    nn = torch.nn
    first = nn.ConvTranspose2d(latent, widths[0], base, bias=not norm)
    layers: list[nn.Module] = [nn.Unflatten(1, (latent, 1, 1)), first]
    for index, (width, out) in enumerate(pairwise(widths), start=2):
        bias = not norm or index == len(widths)  # the picture is not normed
        layers += [*_normed(width, norm), nn.ReLU(), nn.ConvTranspose2d(width, out, 4, 2, 1, bias=bias)]
    return _drawn(nn.Sequential(*layers, nn.Tanh(), nn.Flatten(), nn.Unflatten(1, shape)), std)


def _discriminator(side: int, base: int, widths: list[int], norm: bool, std: float) -> nn.Module:
    nn = torch.nn
    layers: list[nn.Module] = [nn.Flatten(), nn.Unflatten(1, (widths[0], side, side))]
    for index, (width, out) in enumerate(pairwise(widths)):
        normed = norm and index > 0
        layers += [nn.Conv2d(width, out, 4, 2, 1, bias=not normed), *_normed(out, normed), nn.LeakyReLU(0.2)]
    return _drawn(nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, base), nn.Flatten()), std)


def _normed(width: int, norm: bool) -> list[nn.Module]:
    return [torch.nn.BatchNorm2d(width)] if norm else []


def _drawn(net: nn.Module, std: float) -> nn.Module:
    """Weights from the global generator, which the engine seeds; BatchNorm's scales around 1."""
    for name, leaf in net.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.zeros_(leaf)
        else:
            torch.nn.init.normal_(leaf, 1.0 if leaf.dim() == 1 else 0.0, std)
    return net
