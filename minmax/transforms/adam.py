"""Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minmax import tree
from minmax.lazy import torch
from minmax.transforms.root import root
from minmax.types import Hypers, Range, State, Transform, Tree

if TYPE_CHECKING:
    from torch import Tensor

HYPERS = {
    "beta1": Range(0.0, 0.9, default=0.5, searched=False, ge=0, lt=1),
    "beta2": Range(0.9, 0.9999, default=0.999, searched=False, ge=0, lt=1),
    "eps": Range(1e-10, 1e-4, log=True, default=1e-8, searched=False, gt=0),
}


def adam() -> Transform:
    """m ← β₁m + (1−β₁)g, s ← β₂s + (1−β₂)g², direction = m̂/(√ŝ + ε), hats dividing by 1−βᵗ: ``torch.optim.Adam``.

    Kingma & Ba 2015, arXiv 1412.6980. β₁ = 0.5 is what the GAN literature runs (torch's own default is 0.9).
    The moments are one flat ``[M, P]`` a player: a dozen operations a step however many layers there are.
    """

    def init(params: Tree) -> State:
        flat = tree.flat(params)
        return {"mean": torch.zeros_like(flat), "square": torch.zeros_like(flat), "count": tree.counter(flat)}

    def update(gradient: Tree, state: State, hypers: Hypers) -> tuple[Tree, State]:
        g, count = tree.flat(gradient), state["count"] + 1
        to_mean, to_square, slope, offset = _coefficients(hypers, count, g.dtype)
        mean = torch.lerp(state["mean"], g, to_mean)
        square = torch.lerp(state["square"], g * g, to_square)
        direction = mean / torch.addcmul(offset, root(square), slope)
        return tree.unflat(direction, gradient), {"mean": mean, "square": square, "count": count}

    return Transform(init, update, HYPERS)


def _coefficients(hypers: Hypers, count: Tensor, dtype: Any) -> tuple[Tensor, ...]:
    """Columns ``[M, 1]``: both averages' weights, and slope and offset of (1−β₁ᵗ)·(√ŝ + ε) as a function of √s.

    In float64 until the last line, as in torch.optim: 1 − 0.999 has three digits fewer in float32.
    """
    betas = torch.stack([hypers["beta1"], hypers["beta2"]])
    to_mean, to_square, unbias1, unbias2 = (1 - torch.cat([betas, betas**count])).unbind()
    columns = torch.stack([to_mean, to_square, unbias1 * unbias2.rsqrt(), unbias1 * hypers["eps"]])
    return columns.to(dtype).unsqueeze(2).unbind()
