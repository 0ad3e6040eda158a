"""The discriminator's cross-entropy, which two losses share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


def cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """−E log σ(real) − E log(1 − σ(fake)) from logits ``[..., B]``, through softplus: finite at any logit."""
    softplus = torch.nn.functional.softplus
    return softplus(-real).mean(-1) + softplus(fake).mean(-1)
