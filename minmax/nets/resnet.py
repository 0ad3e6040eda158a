"""Residual networks, the discriminator under spectral normalisation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.nets.pictures import channels_of, halved
from minmax.types import Pair

if TYPE_CHECKING:
    from torch import nn


def resnet(
    shape: tuple[int, ...], latent: int, features: int = 128, batch_norm: bool = True, spectral: bool = True
) -> Pair:
    """Pre-activation residual blocks of ``features`` channels: a generator from 4×4 pixels (7×7 for a side of 28) that
    doubles the side in each block, with BatchNorm; a discriminator of two blocks that halve it and two that do not,
    with the sum over pixels before its logit and every layer W/σ(W).

    σ(W), the largest singular value, comes from one power iteration on a vector that the engine renews after each step.
    Miyato et al. 2018, arXiv 1802.05957, table 3 (32×32; there twice the channels in the generator).

    Raises:
        ValueError: the data are no square pictures, their side cannot be halved, or ``features`` is not positive.
    """
    if features < 1:
        raise ValueError(f"features: {features} given; at least 1 is allowed")
    channels, sides = channels_of("resnet", shape), halved("resnet", shape[-1])
    return Pair(
        partial(_generator, shape, latent, channels, features, sides, batch_norm),
        partial(_discriminator, shape, channels, features, spectral),
    )


def _generator(
    shape: tuple[int, ...], latent: int, channels: int, features: int, sides: tuple[int, int], norm: bool
) -> nn.Module:
    from minmax.nets.blocks import Residual, plain

    nn, (base, depth) = torch.nn, sides
    upward = [Residual(features, features, plain, norm=norm, scale="up") for _ in range(depth)]
    last: list[nn.Module] = [nn.BatchNorm2d(features)] if norm else []
    return nn.Sequential(
        nn.Linear(latent, features * base**2), nn.Unflatten(1, (features, base, base)), *upward, *last, nn.ReLU(),
        nn.Conv2d(features, channels, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Unflatten(1, shape),
    )  # fmt: skip


def _discriminator(shape: tuple[int, ...], channels: int, features: int, spectral: bool) -> nn.Module:
    from minmax.nets.blocks import Residual, SumPool, normalised, plain

    nn, wrap = torch.nn, normalised if spectral else plain
    return nn.Sequential(
        nn.Flatten(), nn.Unflatten(1, (channels, shape[-1], shape[-1])),
        Residual(channels, features, wrap, scale="down", first=True), Residual(features, features, wrap, scale="down"),
        Residual(features, features, wrap), Residual(features, features, wrap), nn.ReLU(), SumPool(),
        wrap(nn.Linear(features, 1)),
    )  # fmt: skip
