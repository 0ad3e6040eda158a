"""The Jacobian of a game's field: dense for games of a few parameters, its leading eigenvalues for networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minmax import tree
from minmax.field.derivatives import Linearization, linearize
from minmax.lazy import torch
from minmax.registry import check_known

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import Batch, Game, Players

SMALL = 64
"""Up to so many parameters all eigenvalues are computed: P products cost no more than an iteration that restarts."""


def jacobian(game: Game, players: Players, batch: Batch) -> Tensor:
    """J = ∂F/∂z as dense matrices ``[M, P, P]``, a row a reverse pass: for games of a few parameters."""
    at = linearize(game, players, batch)
    point = tree.flat(at.field)
    rows = []
    for index in range(point.shape[1]):
        basis = torch.zeros_like(point)
        basis[:, index] = 1.0
        rows.append(tree.flat(at.transposed(tree.unflat(basis, at.field))))
    return torch.stack(rows, dim=1)


def symmetric(matrices: Tensor) -> Tensor:
    """S = (J + Jᵀ)/2 of ``[..., P, P]``: the part of a potential, which attracts or repels (Balduzzi et al. 2018,
    arXiv 1802.05642)."""
    return (matrices + matrices.mT) / 2


def antisymmetric(matrices: Tensor) -> Tensor:
    """A = (J − Jᵀ)/2 of ``[..., P, P]``: the part that rotates. J = S + A; a bilinear zero-sum game is all A."""
    return (matrices - matrices.mT) / 2


def eigenvalues(game: Game, players: Players, batch: Batch) -> Tensor:
    """The eigenvalues of J, ``[M, P]`` complex: rotation is |Im|, attraction is Re > 0. NaN where J is not finite."""
    matrices = jacobian(game, players, batch)
    finite = matrices.isfinite().all(-1).all(-1)[:, None]
    values = torch.linalg.eigvals(torch.where(finite[:, None], matrices, 0.0))  # LAPACK refuses what is not finite
    return torch.where(finite, values, complex(math.nan, math.nan))


def leading_eigenvalues(
    game: Game, players: Players, batch: Batch, count: int, which: str = "LM", restarts: int | None = None
) -> Tensor:
    """``count`` eigenvalues of J for each member, ``[M, count]`` complex, the leading one first; a pair's + Im first.

    ``which`` says what leads: the ``LM`` largest or ``SM`` smallest |λ|, ``LR``, ``SR`` Re λ, ``LI``, ``SI`` |Im λ|.
    The implicitly restarted Arnoldi method (ARPACK, by ``scipy.sparse.linalg.eigs``) over the products Jᵀu (the same
    eigenvalues, at half the cost of Ju), in float64, from a starting vector that is always the same; up to 64
    parameters, or fewer than ``count`` + 3, by the dense matrix. Cost: a product (2 fields) a vector,
    max(2·count + 3, 20) of them before the first restart.

    After ``restarts`` (10·P where none is given) what has converged comes (not always the leading ones), and
    NaN for the rest, last; all are NaN where the products are not finite. Eigenvalues inside the spectrum's hull
    (``SM``, ``SI``) converge slowly or not at all.

    Raises:
        ValueError: a ``which`` that does not exist, or a count that is not from 1 to P.
    """
    check_known("which", which, LEADS)
    size = tree.flat(tree.parameters(players)).shape[1]
    if not 1 <= count <= size:
        raise ValueError(f"count: {count} given; 1 to {size} is allowed, the number of the players' parameters")
    players, batch = (tree.map(_double, both) for both in (players, batch))
    if size <= max(SMALL, count + 2):
        found = list(eigenvalues(game, players, batch))
    else:
        found = []
        for member in range(tree.members(players)):
            one, own = (tree.map(lambda x, m=member: x[m : m + 1], both) for both in (players, batch))
            found.append(_arnoldi(linearize(game, one, own), count + 1, which, restarts))  # not half a pair at the end
    leading = torch.stack([_ordered(values, which)[:count] for values in found])
    return leading.to(tree.leaves(players)[0].device)


LEADS: dict[str, Callable[[Tensor], Tensor]] = {
    "LM": lambda values: -values.real.square() - values.imag.square(),
    "SM": lambda values: values.real.square() + values.imag.square(),
    "LR": lambda values: -values.real,
    "SR": lambda values: values.real,
    "LI": lambda values: -values.imag.abs(),
    "SI": lambda values: values.imag.abs(),
}
"""What sorts eigenvalues so that the leading one comes first; the same to the bit for both of a conjugate pair."""


def _arnoldi(at: Linearization, count: int, which: str, restarts: int | None) -> Tensor:
    """``count`` values of one member's J by ARPACK, NaN in place of those that did not converge."""
    import numpy as np
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

    like = tree.flat(at.field)
    size = like.shape[1]

    def product(vector: Any) -> Any:
        u = torch.as_tensor(vector.reshape(1, size)).to(like)
        return tree.flat(at.transposed(tree.unflat(u, at.field)))[0].cpu().numpy()

    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(size)
    first = product(start)
    if not np.isfinite(first).all():
        return torch.full((count,), complex(math.nan, math.nan), dtype=torch.complex128)
    if not first.any():  # then J = 0, which ARPACK refuses
        return torch.zeros(count, dtype=torch.complex128)
    try:
        values = eigs(operator, count, which=which, v0=start, maxiter=restarts, return_eigenvectors=False, rng=0)
    except ArpackNoConvergence as error:
        values = np.append(error.eigenvalues, [complex(np.nan, np.nan)] * count)[:count]
    return torch.as_tensor(values)


def _ordered(values: Tensor, which: str) -> Tensor:
    """The leading first, + Im before − Im, NaN last."""
    values = values[values.imag.argsort(descending=True, stable=True)]
    return values[LEADS[which](values).argsort(stable=True)]


def _double(x: Tensor) -> Tensor:
    return x.double() if x.is_floating_point() else x
