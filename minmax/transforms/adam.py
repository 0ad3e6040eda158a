"""Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.lazy import torch
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
        count = torch.zeros(len(flat), dtype=torch.float64, device=flat.device)
        return {"mean": torch.zeros_like(flat), "square": torch.zeros_like(flat), "count": count}

    def update(gradient: Tree, state: State, hypers: Hypers) -> tuple[Tree, State]:
        g = tree.flat(gradient)
        count = state["count"] + 1
        mean = torch.lerp(state["mean"], g, _column(1 - hypers["beta1"], g))
        square = torch.addcmul(state["square"] * _column(hypers["beta2"], g), g, g * _column(1 - hypers["beta2"], g))
        # the corrections in float64, as torch.optim computes them: 1 − 0.999 has three digits fewer in float32
        step = 1 / (1 - hypers["beta1"] ** count)
        root = (1 - hypers["beta2"] ** count).sqrt()
        denominator = square.sqrt().mul_(_column(1 / (root * step), g)).add_(_column(hypers["eps"] / step, g))
        return tree.unflat(mean / denominator, gradient), {"mean": mean, "square": square, "count": count}

    return Transform(init, update, HYPERS)


def _column(coefficient: Tensor, like: Tensor) -> Tensor:
    return coefficient.to(like.dtype).unsqueeze(1)
