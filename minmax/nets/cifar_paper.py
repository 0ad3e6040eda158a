"""The small convolutional pair of the accept/reject paper's CIFAR-10."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.nets.pictures import channels_of
from minmax.types import Pair

if TYPE_CHECKING:
    from torch import nn


def cifar_paper(shape: tuple[int, ...], latent: int, dropout: float = 0.4) -> Pair:
    """A generator ``latent → 256·4·4``, three transposed convolutions of 128 (4×4, doubling the side), one to the
    picture (3×3, tanh); a discriminator of convolutions 64, 128, 128, 256 (3×3, all but the first halving the side),
    dropout and a logit. Leaky ReLUs of slope 0.2; no normalisation.

    Keswani et al. 2022, arXiv 2006.12376, there with a latent vector of 100. (The weights begin as PyTorch's do.)

    Raises:
        ValueError: the data are no square pictures of side 32, or ``dropout`` is not in [0, 1).
    """
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout: {dropout} given; a number >= 0 and < 1 is allowed")
    channels = channels_of("cifar_paper", shape)
    if shape[-1] != 32:
        raise ValueError(f"cifar_paper: pictures of side {shape[-1]}; 32 is allowed")
    return Pair(partial(_generator, shape, latent, channels), partial(_discriminator, channels, dropout))


def _generator(shape: tuple[int, ...], latent: int, channels: int) -> nn.Module:
    nn = torch.nn
    layers: list[nn.Module] = [nn.Linear(latent, 256 * 4 * 4), nn.LeakyReLU(0.2), nn.Unflatten(1, (256, 4, 4))]
    for width in (256, 128, 128):
        layers += [nn.ConvTranspose2d(width, 128, 4, 2, 1), nn.LeakyReLU(0.2)]
    layers += [nn.Conv2d(128, channels, 3, 1, 1), nn.Tanh(), nn.Flatten(), nn.Unflatten(1, shape)]
    return nn.Sequential(*layers)


def _discriminator(channels: int, dropout: float) -> nn.Module:
    from minmax.nets.blocks import Dropped

    nn = torch.nn
    layers: list[nn.Module] = [nn.Flatten(), nn.Unflatten(1, (channels, 32, 32))]
    for width, out, stride in ((channels, 64, 1), (64, 128, 2), (128, 128, 2), (128, 256, 2)):
        layers += [nn.Conv2d(width, out, 3, stride, 1), nn.LeakyReLU(0.2)]
    body, size = nn.Sequential(*layers, nn.Flatten()), 256 * 4 * 4
    return Dropped(body, size, nn.Linear(size, 1), dropout) if dropout else nn.Sequential(body, nn.Linear(size, 1))
