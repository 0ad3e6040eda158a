"""The bilinear game, where every linear method has a closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minmax.games.zero_sum import zero_sum
from minmax.lazy import torch
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

Matrix = Any  # a nested sequence, or a Tensor [n, m]


def bilinear(
    matrix: Matrix = ((1.0,),), x_offset: Sequence[float] | None = None, y_offset: Sequence[float] | None = None
) -> Game:
    """f(x, y) = (x − x*)ᵀ A (y − y*): x ∈ ℝⁿ minimises, y ∈ ℝᵐ maximises; A is any n×m matrix.

    The field is linear, F = (A(y − y*), −Aᵀ(x − x*)), with eigenvalues ±iσ for A's singular values σ. The solution is
    (x*, y*), zero where no offset is given. Players start standard normal around zero.

    Raises:
        ValueError: the matrix is not two-dimensional, or an offset does not fit it.
    """
    a = torch.as_tensor(matrix, dtype=torch.float64)
    if a.dim() != 2 or not a.numel():
        raise ValueError(f"matrix: shape {tuple(a.shape)} given; a non-empty n×m matrix is allowed")
    solution = {"x": _offset("x_offset", x_offset, a.shape[0]), "y": _offset("y_offset", y_offset, a.shape[1])}

    def init(generator: Generator) -> Players:
        return {name: torch.randn(centre.shape, generator=generator) for name, centre in solution.items()}

    def value(players: Players, batch: Batch) -> Tensor:
        x, y = (players[name] - solution[name].to(players[name]) for name in ("x", "y"))
        return ((x @ a.to(x)) * y).sum(-1)

    return zero_sum(("x", "y"), value, init, solution=solution)


def _offset(name: str, given: Sequence[float] | None, size: int) -> Tensor:
    offset = torch.zeros(size, dtype=torch.float64) if given is None else torch.as_tensor(given, dtype=torch.float64)
    if offset.shape != (size,):
        raise ValueError(f"{name}: {tuple(offset.shape)} values given; {size} fit the matrix")
    return offset
