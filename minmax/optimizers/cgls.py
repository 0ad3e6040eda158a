"""Linear systems known by their products, one a member, solved side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from minmax import tree
from minmax.lazy import torch
from minmax.types import Tree

if TYPE_CHECKING:
    from torch import Tensor


class Solution(NamedTuple):
    """``value`` x, its ``residual`` ‖b − Ax‖/‖b‖ and how many ``iterations`` it took, ``[M]`` each."""

    value: Tree
    residual: Tensor
    iterations: Tensor


def cgls(
    product: Callable[[Tree], Tree],
    transposed: Callable[[Tree], Tree],
    target: Tree,
    iterations: int,
    tolerance: float,
) -> Solution:
    """Ax = b by conjugate gradients on the normal equations AᵀAx = Aᵀb, which any A allows, symmetric or not.

    ``product(u)`` = Au, ``transposed(u)`` = Aᵀu, ``target`` = b, from x = 0. A member stops at
    ‖b − Ax‖ ≤ ``tolerance``·‖b‖ or after ``iterations``; the others go on without it.
    Hestenes & Stiefel 1952 (CGLS: AᵀA is never formed, and the residual followed is that of Ax = b).
    Cost: a transposed product, and a product and a transposed one each iteration.
    """
    residual, gradient = target, transposed(target)
    x = tree.zeros_like(gradient)
    search, slope = gradient, tree.dot(gradient, gradient)
    size = tree.dot(target, target)
    taken = torch.zeros_like(size, dtype=torch.float64)
    for _ in range(iterations):
        active = (tree.dot(residual, residual) > tolerance**2 * size) & (slope > 0)
        if not active.any():  # no member's result depends on it
            break
        image = product(search)
        length = torch.where(active, slope / tree.dot(image, image), 0.0)
        x = tree.add(x, search, length)
        residual = tree.add(residual, image, -length)
        gradient = transposed(residual)
        steeper = tree.dot(gradient, gradient)
        search = tree.add(gradient, search, torch.where(active, steeper / slope, 0.0))
        slope = torch.where(active, steeper, slope)
        taken = taken + active
    return Solution(x, torch.where(size > 0, tree.norm(residual) / size.sqrt(), tree.norm(residual)), taken)
