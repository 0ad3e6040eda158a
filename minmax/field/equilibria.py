"""Where a field rests, and what kind of rest it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from minmax.field.lifting import lift
from minmax.field.newton import newton, residuals
from minmax.field.points import dimension, players_at, shared
from minmax.field.relaxation import relaxed
from minmax.field.spectrum import eigenvalues
from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import Batch, Game

STABLE, UNSTABLE, SADDLE, CENTRE, DEGENERATE = "stable", "unstable", "saddle", "centre", "degenerate"
MADE_STABLE, NEW_ZERO = "made stable", "new zero"
NEAR = 1000  # tolerances: points so close are one
NOTHING = 1e-6  # a part of an eigenvalue is zero below this share of the largest modulus


class Equilibrium(NamedTuple):
    """A zero of G = F + γ∇½‖F‖² (of F itself where γ = 0).

    ``point`` ``[P]``: the players' parameters side by side. ``kind`` follows from the eigenvalues ``[P]`` of G's
    Jacobian (players move along −G): ``stable`` if all Re λ > 0, ``unstable`` if all Re λ < 0, ``saddle`` if there are
    both, ``centre`` if all Re λ = 0 ≠ Im λ, ``degenerate`` if they do not decide. ``spurious``: ``made stable`` where G
    is stable and F a saddle or unstable, ``new zero`` where F ≠ 0, None elsewhere. ``residual``: ‖G‖ at the point.
    """

    point: Tensor
    kind: str
    spurious: str | None
    eigenvalues: Tensor
    residual: float


def find_equilibria(
    game: Game,
    low: Any,
    high: Any,
    gamma: float = 0.0,
    batch: Batch | None = None,
    starts: int = 256,
    tolerance: float = 1e-9,
) -> list[Equilibrium]:
    """The equilibria of F + γ∇½‖F‖² in the box [low, high] (numbers, or ``[P]``: one a parameter), in order of place.

    By Newton's method with line search from ``starts`` points of a Sobol sequence in the box, as members side by side,
    in float64. A point counts where the residual is at most ``tolerance``; points within 1000 tolerances of each other
    count once, every copy of a periodic equilibrium for itself, also on the box's faces. What no start reaches is
    missed: raise ``starts`` and see whether more come. Where zeros are not isolated, the points where starts arrived
    come. A feasible set is not regarded. ``batch``: one member's minibatch. Cost: about P + 15 fields an iteration and
    start, for small games.

    Raises:
        ValueError: a side of the box that does not fit the players.
    """
    native, minibatch = lift(game), {} if batch is None else batch
    whole = relaxed(native, gamma) if gamma else native
    low, high = (_side(name, given, dimension(game)) for name, given in (("low", low), ("high", high)))
    unit = torch.quasirandom.SobolEngine(len(low), scramble=True, seed=0).draw(starts, dtype=torch.float64)
    points = low + (high - low) * unit
    if gamma:  # a zero of F is one of G, whose own basin there may be tiny
        points = torch.cat([newton(native, points, minibatch), points])
    points = newton(whole, points, minibatch)
    near = NEAR * tolerance
    inside = ((points >= low - near) & (points <= high + near)).all(1)
    points = _distinct(points[inside & (residuals(whole, points, minibatch) <= tolerance)], near)
    return _classified(native, whole, points, minibatch, near) if len(points) else []


def kind(values: Tensor) -> str:
    """What a rest with these eigenvalues ``[P]`` of J is: ``stable``, ``unstable``, ``saddle``, ``centre`` or
    ``degenerate``.

    >>> kind(torch.tensor([0.1 + 2j, 0.1 - 2j])), kind(torch.tensor([2j, -2j])), kind(torch.tensor([0.0, 1.0]))
    ('stable', 'centre', 'degenerate')
    """
    nothing = NOTHING * values.abs().max()
    attracts, repels = values.real > nothing, values.real < -nothing
    if bool(attracts.any() and repels.any()):
        return SADDLE
    if bool(attracts.all()):
        return STABLE
    if bool(repels.all()):
        return UNSTABLE
    turns = values.is_complex() and bool((values.imag.abs() > nothing).all())
    return CENTRE if turns and not bool(attracts.any() or repels.any()) else DEGENERATE


def _side(name: str, given: Any, size: int) -> Tensor:
    side = torch.as_tensor(given, dtype=torch.float64)
    if side.shape not in {(), (size,)}:
        raise ValueError(
            f"{name}: shape {tuple(side.shape)} given; a number, or {size} of them, one a parameter, is allowed"
        )
    return side.expand(size)


def _distinct(points: Tensor, apart: float) -> Tensor:
    """One of all points that are within ``apart`` of each other, sorted by their coordinates."""
    close = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist") <= apart
    kept: list[int] = []
    for index in range(len(points)):
        if not bool(close[index, kept].any()):
            kept.append(index)
    kept.sort(key=lambda index: torch.round(points[index] / apart).tolist())
    return points[kept]


def _classified(native: Game, whole: Game, points: Tensor, batch: Batch, tolerance: float) -> list[Equilibrium]:
    players, minibatch = players_at(native, points), shared(batch, len(points))
    values, own_values = (eigenvalues(game, players, minibatch) for game in (whole, native))
    norms, own_norms = (residuals(game, points, batch).tolist() for game in (whole, native))
    found = []
    for index, (point, norm, own_norm) in enumerate(zip(points, norms, own_norms, strict=True)):
        here, spurious = kind(values[index]), None
        if own_norm > tolerance:
            spurious = NEW_ZERO
        elif here == STABLE and kind(own_values[index]) in (SADDLE, UNSTABLE):
            spurious = MADE_STABLE
        found.append(Equilibrium(point, here, spurious, values[index], norm))
    return found
