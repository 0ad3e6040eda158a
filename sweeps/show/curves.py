"""The curve figure of an arm, as the JSON that plotly.js draws: objective above, success rate below, over field units.

Colours are names of the page's style sheet (``var(--arm-1)``), which the page's script looks up, so that a figure
follows the reader's light or dark scheme.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sweeps.judge.stats import Interval, median, quantile, rate, wilson
from sweeps.search.trials import CONFIRM
from sweeps.show.view import ArmView, Curve
from sweeps.show.wording import brief, number, percent

COLOURS = 8
LOG_SPAN = 30.0
"""Objectives that are all positive and span more than this factor are drawn on a logarithmic axis."""

ROOM = 20  # letters of a name beside an axis

Figure = dict[str, Any]
Summary = Callable[[Sequence[float]], float]
Band = Callable[[Sequence[float]], Interval]


class Axes(NamedTuple):
    """The ranges that all arms share, so that figures side by side compare: ``y`` in log10 where ``log``."""

    x: tuple[float, float]
    y: tuple[float, float]
    log: bool
    rated: bool


def axes(arms: Iterable[ArmView]) -> Axes:
    """Ranges that hold every median and every band of every arm."""
    curves = [curve for arm in arms for curve in arm.curves]
    values = [median(members) for curve in curves for members in curve.objective]
    for curve in curves:
        if curve.kind == CONFIRM:
            values += [end for members in curve.objective for end in quartiles(members)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    log = low > 0 and high / low > LOG_SPAN
    if log:
        low, high = math.log10(low), math.log10(high)
    pad = 0.05 * (high - low) or 0.5
    last = max((curve.steps[-1] for curve in curves if curve.steps), default=1.0)
    return Axes((0.0, 1.02 * last), (low - pad, high + pad), log, any(curve.success for curve in curves))


def figure(arm: ArmView, index: int, shared: Axes, objective: str) -> Figure:
    """Every search trial as a thin line, the confirmation as a thick one with its band over seeds."""
    traces = _panel(arm, index, "y", [c.objective for c in arm.curves], median, quartiles)
    if shared.rated:
        traces += _panel(arm, index, "y2", [c.success for c in arm.curves], rate, rate_interval)
    return {"data": traces, "layout": _layout(shared, objective)}


def quartiles(values: Sequence[float]) -> Interval:
    """The middle half of the seeds."""
    return Interval(quantile(values, 0.25), quantile(values, 0.75))


def rate_interval(values: Sequence[float]) -> Interval:
    """Wilson's 95% interval of a success rate."""
    return wilson(int(sum(values)), len(values))


def in_words(arm: ArmView, objective: str) -> str:
    """What the figure shows, for those who do not see it."""
    searched = sum(curve.kind != CONFIRM and bool(curve.steps) for curve in arm.curves)
    words = f"{searched} search {'trial' if searched == 1 else 'trials'}"
    confirmed = [curve for curve in arm.curves if curve.kind == CONFIRM and curve.steps]
    if not confirmed:
        return f"{words}; not confirmed."
    last = confirmed[-1]
    first, end = number(median(last.objective[0])), number(median(last.objective[-1]))
    words += (
        f"; in the confirmation the median {objective} went from {first} at {number(last.steps[0])} field units to "
    )
    words += f"{end} at {number(last.steps[-1])}"
    if last.success:
        words += f" and the success rate from {percent(rate(last.success[0]))} to {percent(rate(last.success[-1]))}"
    return words + "."


def _panel(
    arm: ArmView, index: int, axis: str, series: Sequence[Sequence[Sequence[float]]], line: Summary, band: Band
) -> list[Figure]:
    pairs = [(c, values) for c, values in zip(arm.curves, series, strict=True) if values]
    colour = index % COLOURS
    traces = []
    if searched := [(c, values) for c, values in pairs if c.kind != CONFIRM]:
        traces.append(_thin(searched, axis, line, colour))
    for curve, values in pairs:
        if curve.kind == CONFIRM:
            traces += [_band(curve, values, axis, band, colour), _thick(curve, values, axis, line, colour)]
    return traces


def _thin(searched: Sequence[tuple[Curve, Sequence[Sequence[float]]]], axis: str, line: Summary, colour: int) -> Figure:
    """All search trials in one trace, parted by gaps: a thousand traces would take seconds to draw."""
    x: list[float | None] = []
    y: list[float | None] = []
    label: list[str] = []
    for curve, values in searched:
        x += [*curve.steps, None]
        y += [*(_short(line(members)) for members in values), None]
        label += [f"{curve.kind}-{curve.number:04d}"] * (len(curve.steps) + 1)
    return {
        "type": "scatter", "mode": "lines+markers", "x": x, "y": y, "text": label, "yaxis": axis, "opacity": 0.45,
        "connectgaps": False, "line": {"color": f"var(--arm-{colour})", "width": 1}, "marker": {"size": 2.5},
        "hovertemplate": "%{text} at %{x:,}: %{y:.3~g}<extra></extra>", "showlegend": False,
    }  # fmt: skip


def _band(curve: Curve, values: Sequence[Sequence[float]], axis: str, band: Band, colour: int) -> Figure:
    ends = [band(members) for members in values]
    return {
        "type": "scatter", "mode": "lines", "x": [*curve.steps, *reversed(curve.steps)], "yaxis": axis,
        "y": [_short(end.high) for end in ends] + [_short(end.low) for end in reversed(ends)],
        "fill": "toself", "fillcolor": f"var(--band-{colour})", "line": {"width": 0}, "hoverinfo": "skip",
        "showlegend": False,
    }  # fmt: skip


def _thick(curve: Curve, values: Sequence[Sequence[float]], axis: str, line: Summary, colour: int) -> Figure:
    return {
        "type": "scatter", "mode": "lines+markers", "x": list(curve.steps), "yaxis": axis,
        "y": [_short(line(members)) for members in values],
        "line": {"color": f"var(--arm-{colour})", "width": 3.5}, "marker": {"size": 6},
        "hovertemplate": "confirmation at %{x:,}: %{y:.3~g}<extra></extra>", "showlegend": False,
    }  # fmt: skip


def _layout(shared: Axes, objective: str) -> Figure:
    lines = {"gridcolor": "var(--grid)", "linecolor": "var(--grid)", "zeroline": False, "automargin": True}
    # plotly reads a little HTML in its texts; a metric's name is the user's.
    title = {"text": f"median {html.escape(brief(objective, ROOM))}", "standoff": 6}
    layout: Figure = {
        "height": 420 if shared.rated else 280, "margin": {"l": 54, "r": 8, "t": 8, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "hovermode": "closest",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "var(--quiet)"}, "showlegend": False,
        "xaxis": {**lines, "range": list(shared.x), "title": {"text": "field units", "standoff": 6}, "anchor": "y"},
        "yaxis": {**lines, "range": list(shared.y), "title": title},
    }  # fmt: skip
    if shared.log:
        layout["yaxis"] |= {
            "type": "log",
            "dtick": 1 if shared.y[1] - shared.y[0] > 1.5 else "D2",
            "exponentformat": "power",
        }
    if shared.rated:
        layout["xaxis"] |= {"anchor": "y2"}
        layout["yaxis"] |= {"domain": [0.47, 1]}
        success = {"text": "success rate", "standoff": 6}
        layout["yaxis2"] = {
            **lines,
            "domain": [0, 0.4],
            "range": [-0.04, 1.04],
            "tickformat": ".0%",
            "dtick": 0.5,
            "title": success,
        }
    return layout


def _short(value: float) -> float:
    """Six digits are more than a screen shows, and a third of the bytes."""
    return float(f"{value:.6g}")
