"""The points that a search begins with: those that a spec says, and those taken from an earlier sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sweeps.search import decide, space
from sweeps.search.trials import COMPLETE, SEARCH

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from sweeps.run.service import Service
    from sweeps.spec.sweep import Arm, Sweep

Points = list[dict[str, float]]


def said_for(sweep: Sweep, arm: Arm, searched: Mapping[str, BaseDistribution]) -> Points:
    """The spec's own points for an arm."""
    points = (point for point in sweep.enqueue if point.holds((arm.name, arm.optimizer), searched))
    return [point.hypers for point in points]


def taken_from(sweep: Sweep, earlier: Service, how: int | str) -> dict[str, Points]:
    """Arm -> the settings of the earlier sweep's complete trials of an arm of that name: the ``best``, ``all`` in their
    order, or so many of the best. Of each what fits the space here; the same twice is taken once."""
    trials = earlier.studies.trials()
    taken = {}
    for arm in sweep.optimizers:
        searched = space.distributions(sweep, arm)
        found = [trial for trial in decide.of(trials, arm.name, SEARCH) if trial.state == COMPLETE]
        if how != "all":
            found = decide.best_few(earlier.plan, found, 1 if how == "best" else int(how))
        fitting = [_fitting(trial.params, searched) for trial in found]
        taken[arm.name] = [point for at, point in enumerate(fitting) if point and point not in fitting[:at]]
    return taken


def contains(of: BaseDistribution, value: float) -> bool:
    """Whether a search over the distribution could come to this value."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(of, CategoricalDistribution):
        return value in of.choices
    assert isinstance(of, IntDistribution | FloatDistribution)
    return of.low <= value <= of.high and (isinstance(of, FloatDistribution) or value == int(value))


def allowed(of: BaseDistribution) -> str:
    """What a value may be, in words."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(of, CategoricalDistribution):
        return f"one of {', '.join(f'{choice:g}' for choice in of.choices)}"
    assert isinstance(of, IntDistribution | FloatDistribution)
    whole = "a whole number " if isinstance(of, IntDistribution) else ""
    return f"{whole}from {of.low:g} to {of.high:g}"


def _fitting(params: Mapping[str, float], searched: Mapping[str, BaseDistribution]) -> dict[str, float]:
    return {name: value for name, value in params.items() if name in searched and contains(searched[name], value)}
