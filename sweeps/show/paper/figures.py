"""Figures as a journal prints them, through matplotlib: 5.5 inches wide, in 8 points, fonts embedded, no window.

An arm has its colour and a marker of its own, so that print in grey tells them apart too.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sweeps.judge.maps import WORDS, ArmMap, rows
from sweeps.judge.stats import Interval, median, rate
from sweeps.search.trials import CONFIRM
from sweeps.show.curves import axes, quartiles, rate_interval
from sweeps.show.palette import of_arm
from sweeps.show.phaseplot import COLOURS
from sweeps.show.ticks import ticks
from sweeps.show.view import ArmView, Curve, SweepView
from sweeps.show.wording import inert, number, p_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sweeps.judge.standing import Standing

WIDTH = 5.5  # inches: the text of a page in one column, of two columns across both
DOTS = 300  # an inch, of PNG
LONGEST = 28  # characters of a name in a figure
MARKERS = "osD^vPX*"
STYLE: dict[Any, Any] = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 7.5, "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.3, "lines.markersize": 3.5,
    "pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "sweeps", "text.parse_math": False,
}  # fmt: skip


def saved(draw: Callable[[], Figure], kind: str, title: str, caption: str) -> bytes:
    """A figure as a file of its kind, ``caption`` in its description: the same bytes for the same figure."""
    from matplotlib import rc_context

    said: dict[str, dict[str, Any]] = {
        "pdf": {"Subject": caption, "Title": title, "CreationDate": None},
        "svg": {"Description": caption, "Title": title, "Date": None},
        "png": {"Description": caption, "Title": title},
    }
    file = io.BytesIO()
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # an emoji in a name: a box in its place
        draw().savefig(file, format=kind, dpi=DOTS, metadata=said[kind])
    return file.getvalue()


def _figure(height: float) -> Figure:
    """Of no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(drawn)
    return drawn


def ranking(view: SweepView, standings: Sequence[Standing]) -> Figure:
    """A forest: an arm a row, the best on top, its numbers at the right."""
    drawn = _figure(0.55 + 0.27 * len(standings))
    box = drawn.subplots()
    colours = _colours(view)
    rated = standings[0].interval is not None
    for at, row in enumerate(standings):
        middle, (low, high) = (row.rate or 0.0, row.interval) if row.interval else (row.median, row.quartiles)
        box.plot([low, high], [at, at], color=colours[row.arm], solid_capstyle="butt")
        box.plot([low, low, high, high], [at] * 4, "|", color=colours[row.arm], markersize=5)
        box.plot(middle, at, MARKERS[at % len(MARKERS)], color=colours[row.arm], markersize=5, clip_on=False, zorder=3)
        told = f"{row.successes}/{row.seeds}" if rated else number(row.median)
        p = "" if row.corrected is None else f"p {_equals(p_value(row.corrected))}"
        box.annotate(told, (1, at), (10, 0), ("axes fraction", "data"), "offset points", va="center_baseline")
        box.annotate(p, (1, at), (52, 0), ("axes fraction", "data"), "offset points", va="center_baseline")
    box.set_yticks(range(len(standings)), [_name(row.arm) for row in standings])
    box.set_ylim(len(standings) - 0.5, -0.5)
    box.tick_params(axis="y", length=0)
    box.spines["left"].set_visible(False)
    box.grid(axis="x", color="0.9", linewidth=0.6)
    box.set_axisbelow(True)
    if rated:
        _percents(box, "x")
        box.set_xlabel("success rate")
    else:
        box.set_xlabel(f"median {_name(view.objective)}")
    return drawn


def training(view: SweepView, standings: Sequence[Standing]) -> Figure:
    """What the confirmations did: success above field units where there is a rule of it, and the objective."""
    rated = standings[0].interval is not None
    drawn = _figure(2.5)
    boxes = drawn.subplots(1, 2 if rated else 1, squeeze=False)[0]
    colours, shared = _colours(view), axes(view.arms)
    arms = {arm.arm: arm for arm in view.arms}
    for at, row in enumerate(standings):
        curve = _confirmed(arms[row.arm])
        if curve is None:
            continue
        look = {"color": colours[row.arm], "marker": MARKERS[at % len(MARKERS)], "label": _name(row.arm)}
        _line(boxes[-1], curve, curve.objective, median, quartiles, look)
        if rated:
            _line(boxes[0], curve, curve.success, rate, rate_interval, look)
    if rated:
        _percents(boxes[0], "y")
        boxes[0].set_ylabel("success rate")
    boxes[-1].set_ylabel(f"median {_name(view.objective)}")
    if shared.log:
        _decades(boxes[-1])
    for box in boxes:
        box.set_xlabel("field units")
        box.set_xlim(left=0)
        box.grid(color="0.92", linewidth=0.6)
        box.set_axisbelow(True)
    handles, labels = boxes[-1].get_legend_handles_labels()
    columns = max(1, min(4, int(WIDTH / (0.55 + 0.07 * max(map(len, labels), default=0)))))
    drawn.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    return drawn


def phases(shown: ArmMap) -> Figure:
    """A map: a cell a point, coloured by what became of it."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    grid = [[WORDS.index(point.word) if point.word else -1 for point in row] for row in reversed(rows(shown))]
    wide, high = len(grid[0]), len(grid)
    drawn = _figure(max(1.1, min(4.0, 0.7 * WIDTH * high / wide + 0.5)))
    box = drawn.subplots()
    colours = ListedColormap(["#ffffff", *(COLOURS[word] for word in WORDS)])
    box.imshow(grid, colours, aspect="auto", origin="lower", vmin=-1, vmax=len(WORDS) - 1, interpolation="none")
    for axis, scale in zip(shown.axes, (box.xaxis, box.yaxis), strict=False):
        marks = ticks(axis, 6)
        scale.set_ticks([mark.place for mark in marks], [mark.label for mark in marks])
    if high == 1:
        box.set_yticks([])
    box.set_xlabel(_name(shown.axes[0].name))
    box.set_ylabel(_name(shown.axes[1].name) if len(shown.axes) > 1 else "")
    box.spines[:].set_visible(True)
    legend = [Patch(facecolor=COLOURS[word], edgecolor="0.4", linewidth=0.4, label=word) for word in shown.counts]
    if shown.untrained:
        legend.append(Patch(facecolor="#ffffff", edgecolor="0.4", linewidth=0.4, label="not trained"))
    drawn.legend(handles=legend, loc="outside right upper", frameon=False)
    return drawn


def _line(
    box: Axes,
    curve: Curve,
    values: Sequence[Sequence[float]],
    line: Callable[[Sequence[float]], float],
    band: Callable[[Sequence[float]], Interval],
    look: dict[str, Any],
) -> None:
    ends = [band(members) for members in values]
    lows, highs = [end.low for end in ends], [end.high for end in ends]
    box.fill_between(curve.steps, lows, highs, color=look["color"], alpha=0.14, linewidth=0)
    every = max(1, len(curve.steps) // 8)
    box.plot(curve.steps, [line(members) for members in values], markevery=every, clip_on=False, **look)


def _confirmed(arm: ArmView) -> Curve | None:
    return next((curve for curve in reversed(arm.curves) if curve.kind == CONFIRM and curve.steps), None)


def _colours(view: SweepView) -> dict[str, str]:
    return {arm.arm: of_arm(index) for index, arm in enumerate(view.arms)}


def _decades(box: Axes) -> None:
    """Upwards by factors, in figures that read as they do elsewhere: mathematical text is off, for names' sake."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    box.set_yscale("log")
    low, high = box.get_ylim()
    box.yaxis.set_major_locator(LogLocator(subs=(1,) if high / low > 100 else (1, 2, 5)))
    box.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    box.yaxis.set_minor_formatter(NullFormatter())


def _percents(box: Axes, axis: str) -> None:
    from matplotlib.ticker import PercentFormatter

    scale = getattr(box, f"{axis}axis")
    scale.set_major_formatter(PercentFormatter(1.0))
    scale.set_ticks([0, 0.25, 0.5, 0.75, 1])
    getattr(box, f"set_{axis}lim")(-0.02, 1.02)


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _name(text: str) -> str:
    """A name as a figure's label: one line, not longer than there is room for."""
    plain = inert(text)
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"
