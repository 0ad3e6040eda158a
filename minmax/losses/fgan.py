"""The f-divergences, as games."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from minmax.lazy import torch
from minmax.registry import check_known
from minmax.types import GanLoss

if TYPE_CHECKING:
    from torch import Tensor

STEEP = 20.0
"""Beyond it eˣ goes on along its tangent."""


class Divergence(NamedTuple):
    """Of a divergence E_q f(p/q): ``activation`` g(v), which brings a logit into the domain of the convex conjugate f*,
    and ``conjugate`` f*(g(v)), written out so that nothing in it overflows."""

    activation: Callable[[Tensor], Tensor]
    conjugate: Callable[[Tensor], Tensor]


def fgan(divergence: str = "jensen_shannon", saturating: bool = True) -> GanLoss:
    """F = E g(V(x)) − E f*(g(V(G(z)))) ≤ D_f(P‖Q), V the logit: the discriminator raises F, the generator lowers it.

    ``saturating=False``: the generator minimises −E g(V(G(z))) instead (section 3.2 there). No longer zero-sum.

    =====================  ===================  =====================  ===================  ==================
    divergence             f(u)                 g(v)                   f*(g(v))             best V, u = p/q
    =====================  ===================  =====================  ===================  ==================
    ``forward_kl``         u log u              v                      eᵛ⁻¹                 1 + log u
    ``reverse_kl``         −log u               −e⁻ᵛ                   v − 1                log u
    ``pearson``            (u − 1)²             v                      v²/4 + v             2(u − 1)
    ``squared_hellinger``  (√u − 1)²            1 − e⁻ᵛ                eᵛ − 1               ½ log u
    ``jensen_shannon``     −(u+1) log((u+1)/2)  log 2 − log(1 + e⁻ᵛ)   log(1 + eᵛ) − log 2  log u
                           + u log u
    ``total_variation``    ½|u − 1|             ½ tanh v               ½ tanh v             ±∞
    =====================  ===================  =====================  ===================  ==================

    (This ``jensen_shannon`` is twice the usual one.) eˣ goes on along its tangent beyond x = 20, so that every logit
    has a finite loss and slope; F bounds the divergence where no logit is beyond.

    Nowozin, Cseke, Tomioka 2016, arXiv 1606.00709, tables 2 and 6.

    Raises:
        ValueError: an unknown divergence.
    """
    check_known("divergence", divergence, DIVERGENCES)
    activation, conjugate = DIVERGENCES[divergence]

    def generator(fake: Tensor) -> Tensor:
        return -(conjugate(fake) if saturating else activation(fake)).mean(-1)

    def discriminator(real: Tensor, fake: Tensor) -> Tensor:
        return conjugate(fake).mean(-1) - activation(real).mean(-1)

    return GanLoss(generator, discriminator)


def _exp(x: Tensor) -> Tensor:
    """eˣ up to ``STEEP``, its tangent beyond: convex, and finite in float32 at any logit."""
    return x.clamp(max=STEEP).exp() + math.exp(STEEP) * torch.relu(x - STEEP)


def _identity(v: Tensor) -> Tensor:
    return v


def _half_tanh(v: Tensor) -> Tensor:
    return torch.tanh(v) / 2


def _softplus_less_log2(v: Tensor) -> Tensor:
    return torch.nn.functional.softplus(v) - math.log(2)


DIVERGENCES = {
    "forward_kl": Divergence(_identity, lambda v: _exp(v - 1)),
    "reverse_kl": Divergence(lambda v: -_exp(-v), lambda v: v - 1),
    "pearson": Divergence(_identity, lambda v: v.square() / 4 + v),
    "squared_hellinger": Divergence(lambda v: 1 - _exp(-v), lambda v: _exp(v) - 1),
    "jensen_shannon": Divergence(lambda v: -_softplus_less_log2(-v), _softplus_less_log2),
    "total_variation": Divergence(_half_tanh, _half_tanh),
}
