"""Ways through the plane of a game of two numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minmax.plots.history import History, labels, path
from minmax.plots.style import INK, axes, colours, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray


@styled
def orbit(
    past: History,
    *,
    members: Sequence[int] | None = None,
    colour: str | Sequence[str] | None = None,
    label: str | None = None,
    dots: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """The way of each member (all, or those named): a ring where it starts, a dot where it ends, an arrow between.

    ``dots`` marks every time; ``label`` names the first way in a legend.

    Raises:
        ValueError: players of more or fewer than two numbers.
    """
    ax = axes(ax, size=(4.6, 4.4))
    names = labels(past.of(0))
    if len(names) != 2:
        raise ValueError(f"history: players of {len(names)} numbers given; a plane shows 2")
    chosen = range(past.members) if members is None else members
    for index, (member, own) in enumerate(zip(chosen, colours(colour, len(chosen)), strict=True)):
        _way(ax, path(past, member), own, label if index == 0 else None, dots)
    ax.set(xlabel=names[0], ylabel=names[1], title=f"the way of ({names[0]}, {names[1]})")
    ax.set_aspect("equal")
    return ax


@styled
def mark_solution(ax: Axes, point: Sequence[float], label: str = "solution") -> Axes:
    """A star at the solution."""
    ax.plot(*point, marker="*", markersize=11, color=INK, markeredgecolor="white", linestyle="", label=label, zorder=6)
    return ax


def _way(ax: Axes, points: NDArray[np.float64], colour: str, label: str | None, dots: bool) -> None:
    ax.plot(
        *points.T, color=colour, label=label, linewidth=1.3, marker="." if dots else "", markersize=4, zorder=3,
    )  # fmt: skip
    ax.plot(*points[0], marker="o", markersize=6, markerfacecolor="white", markeredgecolor=colour, zorder=5)
    ax.plot(*points[-1], marker="o", markersize=6, color=colour, zorder=5)
    _arrow(ax, points, colour)


def _arrow(ax: Axes, points: NDArray[np.float64], colour: str) -> None:
    """Halfway along, in the direction of travel; none on a way that stands still."""
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    if not lengths.sum() > 0:
        return
    middle = int(np.searchsorted(lengths.cumsum(), lengths.sum() / 2))
    head, tail = points[middle + 1], points[middle]
    ax.annotate(
        "", xy=head, xytext=tail, arrowprops={"arrowstyle": "-|>", "color": colour, "mutation_scale": 13}, zorder=4
    )
