"""Cost: how often arms succeed for what they spend, in gradients and in time, and when they reach their target."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sweeps.judge.repeats import rate_interval
from sweeps.judge.stats import Interval, mean, median, quantile, rate, wilson
from sweeps.judge.times import areas, arrivals, mean_interval, median_time, reached
from sweeps.search.trials import CONFIRM
from sweeps.show.report.charts import Figure, axis, band, layout, line, log_axis, share_axis
from sweeps.show.view import ArmView, Curve, SweepView
from sweeps.show.wording import number, percent

UNITS, SECONDS = "field units", "seconds"


class Confirmed(NamedTuple):
    """An arm's confirmation, its repeats taken together: at each report the values of all seeds, and of each repeat."""

    arm: str
    costs: tuple[float, ...]
    seconds: tuple[float, ...]
    objective: tuple[tuple[float, ...], ...]
    success: tuple[tuple[float, ...], ...]
    won: tuple[tuple[tuple[float, ...], ...], ...]


class Target(NamedTuple):
    """An arm's row. ``units`` and ``seconds``: when half of the seeds had arrived, with a 95% interval; ``most``: when
    nine in ten had. ``area``: the mean share of the training in success, with its interval. ``pace``: seconds per 1,000
    field units of all seeds."""

    arm: str
    arrived: int
    seeds: int
    units: float
    units_interval: Interval | None
    most: float
    seconds: float
    area: float
    area_interval: Interval | None
    pace: float


class Cost(NamedTuple):
    """The section: its charts by name, and the table; ``words`` are what the charts show, a sentence an arm."""

    figures: dict[str, Figure]
    targets: tuple[Target, ...]
    words: tuple[str, ...]
    rated: bool


def cost(view: SweepView, colours: Mapping[str, int]) -> Cost:
    """The section of a sweep; empty as long as nothing is confirmed."""
    known = [own for arm in view.arms if (own := confirmed(arm)) is not None]
    rated = bool(known) and all(own.success for own in known)
    if not known:
        return Cost({}, (), (), False)
    figures = {
        "success-units": _chart(known, colours, rated, view.objective, UNITS, lambda own: own.costs),
        "success-seconds": _chart(known, colours, rated, view.objective, SECONDS, lambda own: own.seconds),
    }
    targets = tuple(_target(own) for own in known) if rated else ()
    return Cost(figures, targets, tuple(_in_words(own, rated, view.objective) for own in known), rated)


def confirmed(arm: ArmView) -> Confirmed | None:
    """The arm's confirmations that count, up to the report that all of them have come to."""
    curves = [curve for curve in arm.curves if curve.kind == CONFIRM and curve.counts and curve.costs]
    reports = min((len(curve.steps) for curve in curves), default=0)
    if not reports:
        return None
    won = tuple(tuple(curve.success[at] for curve in curves) for at in range(reports)) if curves[0].success else ()
    return Confirmed(
        arm=arm.arm,
        costs=tuple(mean([curve.costs[at] for curve in curves]) for at in range(reports)),
        seconds=tuple(mean([curve.seconds[at] for curve in curves]) for at in range(reports)),
        objective=tuple(_all(curves, "objective", at) for at in range(reports)),
        success=tuple(_all(curves, "success", at) for at in range(reports)) if won else (),
        won=won,
    )


def interval_of(won: Sequence[Sequence[float]]) -> Interval:
    """The 95% interval of a success rate: Wilson's, or that over repeats."""
    if len(won) > 1:
        return rate_interval(won)
    return wilson(int(sum(won[0])), len(won[0]))


def _all(curves: Sequence[Curve], what: str, at: int) -> tuple[float, ...]:
    return tuple(value for curve in curves for value in getattr(curve, what)[at])


def _chart(
    known: Sequence[Confirmed],
    colours: Mapping[str, int],
    rated: bool,
    objective: str,
    title: str,
    of: Callable[[Confirmed], Sequence[float]],
) -> Figure:
    traces, lines = [], []
    for own in known:
        x, index = of(own), colours[own.arm]
        if rated:
            y, bands = [rate(members) for members in own.success], [interval_of(won) for won in own.won]
        else:
            y, bands = [median(members) for members in own.objective], [_middle(members) for members in own.objective]
        traces.append(band(x, [each.low for each in bands], [each.high for each in bands], index))
        form = "%{y:.0%}" if rated else "%{y:.3~g}"
        lines.append(
            line(own.arm, x, y, index, hovertemplate=f"{form} at %{{x:,.3~g}}<extra>%{{fullData.name}}</extra>")
        )
    values = [value for drawn in lines for value in drawn["y"]]
    upright = share_axis("success rate") if rated else log_axis(f"median {objective}", values)
    return {"data": traces + lines, "layout": layout(axis(title, rangemode="tozero"), upright, 420)}


def _middle(members: Sequence[float]) -> Interval:
    return Interval(quantile(members, 0.25), quantile(members, 0.75))


def _target(own: Confirmed) -> Target:
    at, by_clock = arrivals(own.costs, own.success), arrivals(own.seconds, own.success)
    units, interval = median_time(at)
    shares = areas(own.costs, own.success)
    return Target(
        arm=own.arm,
        arrived=sum(map(math.isfinite, at)),
        seeds=len(at),
        units=units,
        units_interval=interval,
        most=reached(at, 0.9),
        seconds=reached(by_clock, 0.5),
        area=mean(shares),
        area_interval=mean_interval(shares),
        pace=1000 * own.seconds[-1] / own.costs[-1],
    )


def _in_words(own: Confirmed, rated: bool, objective: str) -> str:
    units, seconds = number(own.costs[-1]), number(own.seconds[-1])
    if not rated:
        last = number(median(own.objective[-1]))
        return f"{own.arm}: a median {objective} of {last} after {units} field units ({seconds} s)."
    parts = [f"{percent(rate(members))} after {number(x)}" for x, members in zip(own.costs, own.success, strict=True)]
    chosen = parts if len(parts) <= 5 else [parts[round(k * (len(parts) - 1) / 4)] for k in range(5)]
    return f"{own.arm}: {', '.join(chosen)} field units ({seconds} s)."


def told(value: float) -> str:
    """A time, or that it was not reached."""
    return number(value) if math.isfinite(value) else "not reached"


def told_interval(interval: Interval | None) -> str:
    """An interval of times; its upper end may lie beyond the run."""
    if interval is None or not math.isfinite(interval.low):
        return ""
    return f"{number(interval.low)} to {number(interval.high) if math.isfinite(interval.high) else 'never'}"
