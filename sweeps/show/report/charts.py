"""What the page's charts have in common, as the JSON that plotly.js draws.

Colours are names of the page's style sheet (``var(--arm-1)``), which the page's script looks up, so that a chart
follows the reader's light or dark scheme. An arm is told by its colour, its dashes and its marks, so no chart rests on
colour.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

from sweeps.show.wording import brief, inert

Figure = dict[str, Any]

COLOURS = 8
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "8px,3px", "2px,4px")
MARKS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "triangle-down", "star")
LEVELS = [[k / 4, f"var(--level-{k})"] for k in range(5)]
"""From low to high: after cividis (Nuñez, Anderton, Renslow 2018), which colour-blind readers see as others do."""


def plain(text: str) -> str:
    """A user's text where plotly reads a little HTML."""
    return html.escape(inert(text))


def short(value: float) -> float:
    """Six digits are more than a screen shows, and a third of the bytes."""
    return float(f"{value:.6g}")


def axis(title: str, **more: Any) -> Figure:
    """An axis in the page's colours."""
    lines = {"gridcolor": "var(--grid)", "linecolor": "var(--grid)", "zeroline": False, "automargin": True}
    return {**lines, "title": {"text": plain(brief(title)), "standoff": 6}, **more}


def layout(x: Figure, y: Figure, height: int = 380, **more: Any) -> Figure:
    """A chart of two axes, its legend below."""
    return {
        "height": height, "margin": {"l": 56, "r": 10, "t": 10, "b": 48}, "hovermode": "closest",
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "var(--quiet)"},
        "legend": {"orientation": "h", "y": -0.22, "yanchor": "top", "x": 0, "font": {"color": "var(--ink)"}},
        "xaxis": x, "yaxis": y, **more,
    }  # fmt: skip


def level(share: float) -> str:
    """The colour of ``share`` in fifths."""
    return f"var(--level-{min(4, int(5 * share))})"


def share_axis(title: str) -> Figure:
    """An axis of rates from 0 to 1."""
    return axis(title, range=[-0.03, 1.03], tickformat=".0%", dtick=0.25)


def log_axis(title: str, values: Sequence[float]) -> Figure:
    """A logarithmic axis where all values are positive and span more than a factor of 30, else an even one."""
    known = [value for value in values if math.isfinite(value)]
    if not known or min(known) <= 0 or max(known) / min(known) <= 30:
        return axis(title)
    return axis(title, type="log", exponentformat="power", dtick=1)


def turn(index: int) -> int:
    """Which dashes and marks an arm has: arms of one colour differ in them."""
    return (index + index // COLOURS) % COLOURS


def line(name: str, x: Sequence[float], y: Sequence[float], index: int, **more: Any) -> Figure:
    """An arm's line."""
    return {
        "type": "scatter", "mode": "lines+markers", "name": plain(name), "x": list(map(short, x)),
        "y": list(map(short, y)), "legendgroup": str(index),
        "line": {"color": f"var(--arm-{index % COLOURS})", "width": 2.5, "dash": DASHES[turn(index)]},
        "marker": {"symbol": MARKS[turn(index)], "size": 7}, **more,
    }  # fmt: skip


def band(x: Sequence[float], low: Sequence[float], high: Sequence[float], index: int) -> Figure:
    """What lies around an arm's line."""
    return {
        "type": "scatter", "mode": "lines", "x": [*map(short, x), *map(short, reversed(x))],
        "y": [*map(short, high), *map(short, reversed(low))], "fill": "toself", "line": {"width": 0},
        "fillcolor": f"var(--band-{index % COLOURS})", "hoverinfo": "skip", "showlegend": False,
        "legendgroup": str(index),
    }  # fmt: skip
