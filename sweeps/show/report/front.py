"""Several objectives: what each search reached, and its Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from sweeps.judge.pareto import ArmFront
from sweeps.search.trials import COMPLETE, SEARCH, Trial
from sweeps.show.report.charts import COLOURS, MARKS, Figure, layout, log_axis, plain, short, turn
from sweeps.show.view import SweepView
from sweeps.show.wording import listing, number


class Front(NamedTuple):
    """The section: a chart a pair of objectives, and each search's front."""

    figures: dict[str, Figure]
    fronts: tuple[ArmFront, ...]
    words: str


def front(view: SweepView, colours: Mapping[str, int]) -> Front | None:
    """The section; None where there is one objective, or no front yet."""
    known = tuple(own for own in view.ranking.fronts if own.points) if view.ranking else ()
    if not known:
        return None
    measures = list(known[0].points[0].values)
    pairs = list(combinations(range(len(measures)), 2))
    figures = {f"front-{at}": _chart(view.trials, known, measures, pair, colours) for at, pair in enumerate(pairs)}
    return Front(figures, known, _in_words(known))


def _chart(
    trials: Sequence[Trial], known: Sequence[ArmFront], measures: Sequence[str], pair: tuple[int, int],
    colours: Mapping[str, int],
) -> Figure:  # fmt: skip
    across, up = pair
    done = [trial for trial in trials if trial.kind == SEARCH and trial.state == COMPLETE and len(trial.values) > up]
    traces = [
        _cloud([trial for trial in done if trial.arm == arm], across, up, colours[arm])
        for arm in dict.fromkeys(own.arm for own in known)
    ]
    traces += [_line(own, measures[across], measures[up], colours[own.arm]) for own in known]
    x, y = ([trial.values[axis] for trial in done] for axis in pair)
    return {"data": traces, "layout": layout(log_axis(measures[across], x), log_axis(measures[up], y), 420)}


def _cloud(trials: Sequence[Trial], across: int, up: int, index: int) -> Figure:
    return {
        "type": "scatter", "mode": "markers", "showlegend": False, "opacity": 0.45, "legendgroup": str(index),
        "x": [short(trial.values[across]) for trial in trials], "y": [short(trial.values[up]) for trial in trials],
        "text": [plain(trial.key) for trial in trials], "hovertemplate": "%{text}: %{x:.3~g}, %{y:.3~g}<extra></extra>",
        "marker": {"color": f"var(--arm-{index % COLOURS})", "symbol": MARKS[turn(index)], "size": 6},
    }  # fmt: skip


def _line(own: ArmFront, across: str, up: str, index: int) -> Figure:
    name = own.arm if not own.repeat else f"{own.arm}, repeat {own.repeat + 1}"
    return {
        "type": "scatter", "mode": "lines+markers", "name": plain(name), "legendgroup": str(index),
        "x": [short(point.values[across]) for point in own.points],
        "y": [short(point.values[up]) for point in own.points],
        "text": [_point(own.arm, point.number, point.chosen) for point in own.points],
        "hovertemplate": "%{text}: %{x:.3~g}, %{y:.3~g}<extra></extra>",
        "line": {"color": f"var(--arm-{index % COLOURS})", "width": 2},
        "marker": {
            "symbol": MARKS[turn(index)], "size": [14 if point.chosen else 9 for point in own.points],
            "line": {"width": [3 if point.chosen else 0 for point in own.points], "color": "var(--ink)"},
        },
    }  # fmt: skip


def _point(arm: str, trial: int, chosen: bool) -> str:
    return plain(f"{arm}, trial {trial}{', the compromise that is confirmed' if chosen else ''}")


def _in_words(known: Sequence[ArmFront]) -> str:
    parts = []
    for own in known:
        chosen = next((point for point in own.points if point.chosen), own.points[0])
        values = listing([f"{measure} {number(value)}" for measure, value in chosen.values.items()])
        many = f"{len(own.points)} trials are" if len(own.points) > 1 else "1 trial is"
        parts.append(f"{own.arm}: {many} on the front; the compromise, trial {chosen.number}, has {values}")
    return f"{'; '.join(parts)}."
