"""Settings: where in its space each arm succeeds, how forgiving it is, and which hyperparameters decide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from minmax.diagnosis import majority
from sweeps.judge.importance import importances
from sweeps.judge.maps import CONVERGED
from sweeps.judge.stats import Interval, mean, quantile, rate, wilson
from sweeps.search.trials import COMPLETE, FAILED, RUNNING, SEARCH, Trial
from sweeps.show.report.charts import LEVELS, Figure, axis, layout, level, plain, short
from sweeps.show.view import Curve, SweepView
from sweeps.show.wording import number, percent, setting

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Space = Mapping[str, "BaseDistribution"]

FIRST = ("lr_ratio", "gamma", "temperature", "accept", "lr")
"""What a map of settings is drawn over, if the arm has it: the first two that it has."""

CELLED = 12  # configurations from which on cells are drawn behind them
CELLS = 8  # along an axis, at most
SUCCEEDED = 0.5  # a configuration succeeds if at least so many of its seeds do
CLASSES = 5  # colours of lines
SPREAD = (0.05, 0.95)  # quantiles of the objective between which colours run: one that diverged has the worst value


class Tried(NamedTuple):
    """A configuration of the search and what it came to: ``score`` is what colours show."""

    trial: Trial
    score: float
    succeeded: bool | None


class Cell(NamedTuple):
    """A cell of a map: its bounds along x and y, how many configurations lie in it, and their mean score."""

    x: Interval
    y: Interval
    trials: int
    score: float


class Heat(NamedTuple):
    """A map of an arm's settings over two hyperparameters: its chart's name, what it shows in words, its cells."""

    name: str
    x: str
    y: str
    words: str
    cells: tuple[Cell, ...]


class Forgiving(NamedTuple):
    """How many of an arm's configurations succeeded, with Wilson's 95% interval."""

    arm: str
    tried: int
    succeeded: int
    interval: Interval


class ArmSettings(NamedTuple):
    """An arm's maps, its parallel coordinates' chart (None: nothing to draw), and its importances (empty: too few
    complete trials)."""

    arm: str
    heats: tuple[Heat, ...]
    parallel: str | None
    best: str
    importances: tuple[tuple[str, float], ...]
    complete: int


class Settings(NamedTuple):
    """The section. ``score``: what colours show."""

    figures: dict[str, Figure]
    arms: tuple[ArmSettings, ...]
    forgiving: tuple[Forgiving, ...]
    score: str
    rated: bool


def settings(view: SweepView) -> Settings:
    """The section of a sweep's search; a map's phase diagrams are drawn elsewhere."""
    tried = _tried(view)
    rated = any(curve.success for arm in view.arms for curve in arm.curves)
    score = "share of seeds that succeed" if rated else view.objective
    scale = _scale([each.score for own in tried.values() for each in own], rated)
    confirmed = {result.arm: result.settings or (result.params,) for result in view.results if result.seeds}
    figures: dict[str, Figure] = {}
    arms = []
    for at, (arm, own) in enumerate(tried.items()):
        names = _varied(view.spaces.get(arm, {}), own)
        heats = _heats(at, arm, names, own, view, scale, figures)
        parallel = f"parallel-{at}" if names and len(own) > 1 else None
        if parallel:
            figures[parallel] = _parallel(names, own, view.spaces[arm], scale)
        complete = [each.trial for each in own if each.trial.state == COMPLETE]
        minimize = view.direction == "minimize"
        weights = tuple(importances(view.spaces.get(arm, {}), complete).items())
        best = _best(own, confirmed.get(arm, ()), rated or not minimize)
        arms.append(ArmSettings(arm, heats, parallel, best, weights, len(complete)))
    forgiving = tuple(row for arm, own in tried.items() if (row := _forgiving(arm, own)) is not None)
    return Settings(figures, tuple(arms), forgiving, score, rated)


def _tried(view: SweepView) -> dict[str, list[Tried]]:
    """Arm -> its configurations that ended with something to show."""
    found: dict[str, list[Tried]] = {}
    for arm in view.arms:
        curves = {curve.number: curve for curve in arm.curves if curve.kind == SEARCH}
        ended = [trial for trial in view.trials if trial.arm == arm.arm and trial.kind == SEARCH]
        own = [
            Tried(trial, *_came_to(trial, curves[trial.number]))
            for trial in ended
            if trial.state not in (RUNNING, FAILED) and trial.value is not None and trial.number in curves
        ]
        if own:
            found[arm.arm] = own
    return found


def _came_to(trial: Trial, curve: Curve) -> tuple[float, bool | None]:
    if curve.success:
        share = rate(curve.success[-1])
        return share, share >= SUCCEEDED
    assert trial.value is not None
    return trial.value, majority(curve.diagnoses) == CONVERGED if curve.diagnoses else None


def _forgiving(arm: str, own: Sequence[Tried]) -> Forgiving | None:
    known = [each.succeeded for each in own if each.succeeded is not None]
    if not known:
        return None
    return Forgiving(arm, len(known), sum(known), wilson(sum(known), len(known)))


def _varied(space: Space, own: Sequence[Tried]) -> list[str]:
    """The hyperparameters that the arm's search draws, what is most asked about first."""
    names = [name for name in space if all(name in each.trial.params for each in own)]
    return sorted(names, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))


def _best(own: Sequence[Tried], confirmed: Sequence[Mapping[str, float]], higher: bool) -> str:
    """What was confirmed; while nothing is, what came to most: of equals in that, the objective may prefer another."""
    chosen = [each.trial for each in own if each.trial.params in confirmed]
    if chosen:
        return f"{len(own)} tried; confirmed: {'; '.join(f'trial {t.number}, {setting(t.params)}' for t in chosen)}"
    best = max(own, key=lambda each: each.score if higher else -each.score).trial
    return f"{len(own)} tried; best trial {best.number}: {setting(best.params)}"


class _Scale(NamedTuple):
    """What colours run between; ``log``: in powers of ten."""

    low: float
    high: float
    log: bool
    rated: bool

    def of(self, score: float) -> float:
        """0 to 1."""
        low, high, value = (math.log10(x) if self.log else x for x in (self.low, self.high, max(score, self.low)))
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def told(self, score: float) -> str:
        return percent(score) if self.rated else number(score)


def _scale(scores: Sequence[float], rated: bool) -> _Scale:
    if rated or not scores:
        return _Scale(0.0, 1.0, False, rated)
    low, high = (quantile(scores, q) for q in SPREAD)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return _Scale(low, high, low > 0 and high / low > 30, False)


def _heats(
    at: int, arm: str, names: Sequence[str], own: Sequence[Tried], view: SweepView, scale: _Scale,
    figures: dict[str, Figure],
) -> tuple[Heat, ...]:  # fmt: skip
    heats = []
    for number_, (x, y) in enumerate(combinations(names, 2)):
        name, space = f"heat-{at}-{number_}", view.spaces[arm]
        cells = tuple(_cells(x, y, own, space)) if len(own) >= CELLED else ()
        figures[name] = _heat(x, y, own, space, cells, scale)
        heats.append(Heat(name, x, y, _words(arm, x, y, own, cells, scale), cells))
    return tuple(heats)


def is_log(space: Space, name: str) -> bool:
    """Whether the search draws it geometrically, or lists it over a factor of 30."""
    low, high = span(space, name)
    return bool(getattr(space[name], "log", False)) or (hasattr(space[name], "choices") and low > 0 and high > 30 * low)


def span(space: Space, name: str) -> tuple[float, float]:
    """Between which values the search draws it."""
    drawn = space[name]
    if hasattr(drawn, "choices"):
        return float(min(drawn.choices)), float(max(drawn.choices))
    return float(getattr(drawn, "low")), float(getattr(drawn, "high"))  # noqa: B009


def edges(space: Space, name: str, trials: int) -> list[float]:
    """The bounds of cells along an axis: as many as the root of ``trials``, from 3 to 8, even as the search draws."""
    low, high = span(space, name)
    n = min(CELLS, max(3, round(math.sqrt(trials))))
    if low == high:
        return [low - 0.5, high + 0.5]
    if is_log(space, name):
        return [low * (high / low) ** (k / n) for k in range(n + 1)]
    return [low + (high - low) * k / n for k in range(n + 1)]


def _cells(x: str, y: str, own: Sequence[Tried], space: Space) -> list[Cell]:
    across, up = edges(space, x, len(own)), edges(space, y, len(own))
    found: dict[tuple[int, int], list[float]] = {}
    for each in own:
        at = _place(each.trial.params[x], across), _place(each.trial.params[y], up)
        found.setdefault(at, []).append(each.score)
    return [
        Cell(Interval(*across[i : i + 2]), Interval(*up[j : j + 2]), len(scores), mean(scores))
        for (i, j), scores in sorted(found.items())
    ]


def _place(value: float, bounds: Sequence[float]) -> int:
    return max(0, min(len(bounds) - 2, sum(value >= bound for bound in bounds) - 1))


def _heat(x: str, y: str, own: Sequence[Tried], space: Space, cells: Sequence[Cell], scale: _Scale) -> Figure:
    shapes = [
        {
            "type": "rect", "layer": "below", "x0": cell.x.low, "x1": cell.x.high, "y0": cell.y.low, "y1": cell.y.high,
            "line": {"width": 0}, "fillcolor": level(scale.of(cell.score)), "opacity": 0.5,
        }
        for cell in cells
    ]  # fmt: skip
    marks = {
        "type": "scatter", "mode": "markers", "showlegend": False,
        "x": [short(each.trial.params[x]) for each in own], "y": [short(each.trial.params[y]) for each in own],
        "text": [_hover(each, scale) for each in own], "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "size": 11, "color": [short(scale.of(each.score)) for each in own], "cmin": 0, "cmax": 1,
            "symbol": ["circle" if each.trial.state == COMPLETE else "triangle-up" for each in own],
            "colorscale": LEVELS, "line": {"width": 1.2, "color": "var(--ink)"},
            "colorbar": _bar(scale),
        },
    }  # fmt: skip
    return {"data": [marks], "layout": layout(_drawn(x, space), _drawn(y, space), 400, shapes=shapes)}


def _bar(scale: _Scale) -> Figure:
    ends = [scale.low, scale.high]
    middle = math.sqrt(scale.low * scale.high) if scale.log else mean(ends)
    texts = [scale.told(value) for value in (scale.low, middle, scale.high)]
    return {
        "thickness": 10, "outlinewidth": 0, "len": 0.9, "tickvals": [0, 0.5, 1], "ticktext": texts, "xpad": 4,
    }  # fmt: skip


def _drawn(name: str, space: Space) -> Figure:
    low, high = span(space, name)
    if is_log(space, name):
        a, b = math.log10(low), math.log10(high)
        pad = 0.04 * (b - a)
        sparse = 1 if b - a > 1.5 else "D2"
        return axis(name, type="log", range=[a - pad, b + pad], tickformat=",~g", dtick=sparse)
    pad = 0.04 * (high - low) or 0.5
    return axis(name, range=[low - pad, high + pad])


def _hover(each: Tried, scale: _Scale) -> str:
    trial = each.trial
    lines = [
        f"<b>{plain(trial.key)}</b>{'' if trial.state == COMPLETE else f' ({trial.state})'}",
        scale.told(each.score),
    ]
    return "<br>".join([*lines, *(f"{plain(name)} {number(value)}" for name, value in trial.params.items())])


def _words(arm: str, x: str, y: str, own: Sequence[Tried], cells: Sequence[Cell], scale: _Scale) -> str:
    """The best cell, or the best configuration where there are too few for cells."""
    text = f"{len(own)} configurations of {arm} over {x} and {y}"
    if not cells:
        return f"{text}, too few for a map of cells ({CELLED} are enough)."
    return f"{text} in {len(cells)} cells; the table has each cell's mean."


def _parallel(names: Sequence[str], own: Sequence[Tried], space: Space, scale: _Scale) -> Figure:
    """A line a configuration through its hyperparameters, each from the lowest to the highest that is searched."""
    traces = []
    for index in range(CLASSES):
        within = [each for each in own if min(CLASSES - 1, int(scale.of(each.score) * CLASSES)) == index]
        if within:
            traces.append(_lines(names, within, space, scale, index))
    marks = [
        {
            "x": at, "y": y, "text": text, "showarrow": False, "yanchor": anchor, "font": {"size": 11},
        }
        for at, name in enumerate(names)
        for y, text, anchor in zip(
            (-0.03, 1.03), map(number, span(space, name)), ("top", "bottom"), strict=True
        )
    ]  # fmt: skip
    ends = scale.told(scale.low), scale.told(scale.high)
    marks += [
        {"x": len(names), "y": y, "text": text, "showarrow": False, "yanchor": anchor, "font": {"size": 11}}
        for y, text, anchor in zip((-0.03, 1.03), ends, ("top", "bottom"), strict=True)
    ]  # fmt: skip
    titles = [plain(name) for name in names] + ["success" if scale.rated else "objective"]
    across = axis("", tickvals=list(range(len(titles))), ticktext=titles, range=[-0.2, len(names) + 0.2], side="top")
    upright = axis("", range=[-0.14, 1.14], showticklabels=False, showgrid=False)
    return {
        "data": traces,
        "layout": layout(across, upright, 300, annotations=marks, margin={"l": 24, "r": 24, "t": 36, "b": 8}),
    }


def _lines(names: Sequence[str], within: Sequence[Tried], space: Space, scale: _Scale, index: int) -> Figure:
    x: list[float | None] = []
    y: list[float | None] = []
    text: list[str] = []
    for each in within:
        places = [_height(each.trial.params[name], name, space) for name in names]
        x += [*range(len(names) + 1), None]
        y += [*map(short, places), short(scale.of(each.score)), None]
        text += [_hover(each, scale)] * (len(names) + 2)
    return {
        "type": "scatter", "mode": "lines+markers", "x": x, "y": y, "text": text, "showlegend": False,
        "hovertemplate": "%{text}<extra></extra>", "connectgaps": False, "opacity": 0.75,
        "line": {"color": level((index + 0.5) / CLASSES), "width": 2}, "marker": {"size": 4},
    }  # fmt: skip


def _height(value: float, name: str, space: Space) -> float:
    low, high = span(space, name)
    if low == high:
        return 0.5
    if is_log(space, name):
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)
