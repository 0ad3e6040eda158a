"""How the plots look: one palette that colour-blind readers can tell apart, a light grid, legible type.

Settings hold while a plot is drawn (``matplotlib.rc_context``) and are put back afterwards. Figures are made without
pyplot, so none is kept alive anywhere: ``ax.figure.savefig("orbit.png")`` writes one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

BLUE, ORANGE, GREEN, PINK, SKY, AMBER, INK, GREY = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#222222", "#8A8A8A",
)  # fmt: skip
"""The palette of Okabe and Ito (2008) without its yellow, which is too light for lines."""

FIRST, SECOND, VALUE = BLUE, ORANGE, GREEN
"""The first player, the second player, and f."""

CYCLE = (BLUE, ORANGE, GREEN, PINK, AMBER, SKY, INK)
DIVERGING, SEQUENTIAL = "RdBu_r", "viridis"
DPI = 110

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlepad": 8,
    "axes.labelsize": 10.5,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=list(CYCLE)),
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": True,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "#DDDDDD",
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "figure.constrained_layout.use": True,
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """``draw`` under the project's settings."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **options: P.kwargs) -> R:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **options)

    return drawn


def axes(ax: Axes | None, size: tuple[float, float] = (5.2, 4.2), projection: str | None = None) -> Any:
    """The given axes, or those of a new figure of ``size`` inches."""
    return Figure(figsize=size).add_subplot(projection=projection) if ax is None else ax


@styled
def panels(
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float] = (4.2, 3.6),
    projection: str | None = None,
    **options: Any,
) -> list[Any]:
    """The axes of a new figure with ``rows`` × ``columns`` panels of ``size`` inches each, row by row.

    ``options`` are those of ``Figure.subplots`` (``sharex``, ``width_ratios``, …).
    """
    figure = Figure(figsize=(size[0] * columns, size[1] * rows))
    grid = figure.subplots(rows, columns, squeeze=False, subplot_kw={"projection": projection}, **options)
    return list(grid.flat)


def legend(ax: Axes, **options: Any) -> None:
    """A legend where the axes have two labelled things or more."""
    handles, labels = ax.get_legend_handles_labels()
    if len(handles) > 1:
        ax.legend(handles, labels, **options)


def colours(given: Sequence[str] | str | None, count: int) -> list[str]:
    """One colour each: those given, or the palette's in turn."""
    own = CYCLE if given is None else (given,) if isinstance(given, str) else given
    return [own[index % len(own)] for index in range(count)]
