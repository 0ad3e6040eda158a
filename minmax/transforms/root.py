"""The square root of an average of squares, also where one differentiates through a transform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


def root(squares: Tensor) -> Tensor:
    """√s, with the derivative 0 at s = 0 instead of ∞ (which times s's own derivative, 0, would be NaN).

    A coordinate that never had a gradient has s = 0. Near g = 0 its direction g/(√s + ε) is g/(c·|g| + ε) of slope 1/ε,
    which is what the derivative 0 gives. Where nothing is differentiated this is the plain root.
    """
    if not squares.requires_grad:
        return squares.sqrt()
    nothing = squares == 0
    return torch.where(nothing, 0.0, torch.where(nothing, 1.0, squares).sqrt())
