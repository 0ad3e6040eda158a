"""The figure of a map in the report, as the JSON that plotly.js draws: a cell a point, its values under the pointer."""

from __future__ import annotations

import html
from typing import Any

from sweeps.judge.maps import WORDS, ArmMap, Point, rows
from sweeps.search.lattice import Axis
from sweeps.show.ticks import ticks
from sweeps.show.wording import number, percent

Figure = dict[str, Any]
SIDE, STRIP, MARGINS = 420, 70, 76


def heatmap(shown: ArmMap) -> Figure:
    """Colours are names of the page's style sheet (``var(--word-converged)``), as those of curves are.

    Points lie at whole numbers, labelled with what they stand for: that is right for every kind of axis.
    """
    grid = rows(shown)[::-1]
    names = [axis.name for axis in shown.axes]
    trace = {
        "type": "heatmap", "showscale": False, "zmin": -0.5, "zmax": len(WORDS) - 0.5, "colorscale": _scale(),
        "z": [[None if point.word is None else WORDS.index(point.word) for point in row] for row in grid],
        "text": [[_told(point, names, shown.seeds) for point in row] for row in grid],
        "hovertemplate": "%{text}<extra></extra>", "hoverongaps": False, "xgap": 0.5, "ygap": 0.5,
    }  # fmt: skip
    return {"data": [trace], "layout": _layout(shown)}


def _scale() -> list[list[Any]]:
    """A step of one colour for each diagnosis."""
    steps = []
    for index, word in enumerate(WORDS):
        steps += [[index / len(WORDS), f"var(--word-{word})"], [(index + 1) / len(WORDS), f"var(--word-{word})"]]
    return steps


def _told(point: Point, names: list[str], seeds: int) -> str:
    lines = [f"<b>{point.word or 'not trained'}</b>"]
    lines += [f"{html.escape(name)} {number(value)}" for name, value in zip(names, point.at, strict=True)]
    if seeds > 1 and point.converged is not None:
        lines.append(f"{percent(point.converged)} of {seeds} seeds converged")
    if point.diverged_at is not None:
        lines.append(f"no longer finite at step {point.diverged_at:,}")
    lines += [f"{html.escape(name)} {number(value)}" for name, value in point.metrics.items()]
    return "<br>".join(lines)


def _layout(shown: ArmMap) -> Figure:
    upright = len(shown.axes) > 1
    layout: Figure = {
        "height": (SIDE if upright else STRIP) + MARGINS, "margin": {"l": 64, "r": 8, "t": 8, "b": 52},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "var(--quiet)"},
        "xaxis": _axis(shown.axes[0]),
        "yaxis": _axis(shown.axes[1]) if upright else {"visible": False, "fixedrange": True},
    }  # fmt: skip
    return layout


def _axis(axis: Axis) -> Figure:
    marks = ticks(axis, 7)
    return {
        "title": {"text": html.escape(axis.name), "standoff": 6}, "tickvals": [tick.place for tick in marks],
        "ticktext": [tick.label for tick in marks], "ticks": "outside", "showgrid": False, "zeroline": False,
        "linecolor": "var(--grid)", "range": [-0.5, len(axis.values) - 0.5],
    }  # fmt: skip
