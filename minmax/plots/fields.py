"""Vector fields over the plane. What is drawn is the motion −F: where the players go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minmax import field
from minmax.plots.plane import Limits, Plane, Vectors, plane
from minmax.plots.style import BLUE, SEQUENTIAL, axes, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from minmax.types import Game


@styled
def quiver(
    game: Game,
    x: Limits = (-2.0, 2.0),
    y: Limits = (-2.0, 2.0),
    *,
    vectors: Vectors = field.field,
    count: int = 17,
    directions: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Arrows along −F at ``count``² points, their length and colour ‖F‖ relative to the longest; with
    ``directions`` all of one length, so that a field of very different speeds can be read.

    ``vectors(game, players, batch)`` is the field F: that of the game, or another over its players
    (``minmax.field.conservative``, …).

    Raises:
        ValueError: a game of more or fewer than two numbers.
    """
    ax = axes(ax, size=(4.6, 4.4))
    grid = plane(game, x, y, count)
    across, up = grid.motion(vectors)
    speed = np.hypot(across, up)
    longest = speed.max() or 1.0
    spacing = min(x[1] - x[0], y[1] - y[0]) / (count - 1)
    shown = np.where(speed > 0, speed, 1.0) / longest if directions else 1.0
    ax.quiver(
        grid.x, grid.y, across / shown, up / shown, speed, cmap=SEQUENTIAL, clim=(0, 1.2 * longest), angles="xy",
        scale_units="xy", scale=longest / ((0.8 if directions else 1.35) * spacing), pivot="mid", width=0.0045,
        headwidth=4.5,
    )  # fmt: skip
    return _frame(ax, grid, x, y)


@styled
def stream(
    game: Game,
    x: Limits = (-2.0, 2.0),
    y: Limits = (-2.0, 2.0),
    *,
    vectors: Vectors = field.field,
    count: int = 61,
    density: float = 1.1,
    colour: str = BLUE,
    ax: Axes | None = None,
) -> Axes:
    """Streamlines of −F; faster is wider.

    Raises:
        ValueError: a game of more or fewer than two numbers.
    """
    ax = axes(ax, size=(4.6, 4.4))
    grid = plane(game, x, y, count)
    across, up = grid.motion(vectors)
    speed = np.hypot(across, up)
    width = 0.4 + 1.4 * speed / (speed.max() or 1.0)
    ax.streamplot(
        grid.x[0], grid.y[:, 0], across, up, density=density, color=colour, linewidth=width, arrowsize=0.9,
    )  # fmt: skip
    return _frame(ax, grid, x, y)


def _frame(ax: Axes, grid: Plane, x: Limits, y: Limits) -> Axes:
    ax.set(xlabel=grid.labels[0], ylabel=grid.labels[1], xlim=x, ylim=y, title="the motion −F")
    ax.set_aspect("equal")
    return ax
