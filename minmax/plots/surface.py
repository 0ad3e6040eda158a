"""f over the plane: as a surface, and from above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.ticker import MaxNLocator

from minmax.plots.plane import Limits, plane
from minmax.plots.style import DIVERGING, INK, axes, styled
from minmax.types import Game

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def surface(
    game: Game,
    x: Limits = (-5.0, 5.0),
    y: Limits = (-5.0, 5.0),
    *,
    elevation: float = 28.0,
    azimuth: float = -60.0,
    count: int = 41,
    ax: Any = None,
) -> Any:
    """The surface f over ``x`` × ``y``, seen from ``elevation`` and ``azimuth`` (degrees); its solution as a dot.

    Raises:
        ValueError: a game of more or fewer than two numbers, or without f.
    """
    ax = axes(ax, projection="3d")
    grid = plane(game, x, y, count)
    height = grid.value()
    span = abs(height).max()
    ax.plot_surface(
        grid.x, grid.y, height, cmap=DIVERGING, vmin=-span, vmax=span, rcount=count, ccount=count,
        linewidth=0.2, edgecolor="#00000022", antialiased=True, alpha=0.95,
    )  # fmt: skip
    ax.view_init(elev=elevation, azim=azimuth)
    ax.set(xlabel=grid.labels[0], ylabel=grid.labels[1], zlabel="f", xlim=x, ylim=y)
    ax.set_box_aspect((1, 1, 0.75), zoom=0.86)
    ax.set_title(f"f seen from {azimuth:g}°".replace("-", "−"))
    return ax


@styled
def contour(
    game: Game,
    x: Limits = (-5.0, 5.0),
    y: Limits = (-5.0, 5.0),
    *,
    gradients: int = 11,
    count: int = 121,
    levels: int = 21,
    bar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """f from above in colours, blue low and red high, with ``gradients``² arrows along ∇f (0 for none), beside
    a ``bar`` of the colours.

    Raises:
        ValueError: a game of more or fewer than two numbers, or without f.
    """
    ax = axes(ax)
    grid = plane(game, x, y, count)
    height = grid.value()
    span = abs(height).max()
    filled = ax.contourf(grid.x, grid.y, height, levels=levels, cmap=DIVERGING, vmin=-span, vmax=span)
    if bar:
        ax.figure.colorbar(filled, ax=ax, label="f", shrink=0.85, ticks=MaxNLocator(7))
    if gradients:
        ax.quiver(*_ascent(game, x, y, gradients), color=INK, alpha=0.8, pivot="mid", width=0.004)
    ax.set(xlabel=grid.labels[0], ylabel=grid.labels[1], aspect="equal")
    ax.set_title("f, and the directions in which it grows" if gradients else "f")
    ax.grid(False)
    return ax


def _ascent(game: Game, x: Limits, y: Limits, count: int) -> tuple[Any, Any, Any, Any]:
    """The arrows: where, and ∇f there. The first player descends f, the second ascends it, so ∇f = (−v₁, v₂)."""
    margin = (x[1] - x[0]) / (2 * count), (y[1] - y[0]) / (2 * count)
    grid = plane(game, (x[0] + margin[0], x[1] - margin[0]), (y[0] + margin[1], y[1] - margin[1]), count)
    first, second = grid.motion()
    return grid.x, grid.y, -first, second
