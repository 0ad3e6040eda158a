"""Several objectives: the front of each search, and the compromise on it that is confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sweeps.search.decide import Plan, compromise, confirmation_of, front_of
from sweeps.search.trials import Trial


class FrontPoint(NamedTuple):
    """A trial than which none of its search is better in one objective and as good in the others.

    ``values``: measure (``mean.frechet``) -> value. ``chosen``: it is the compromise, which is or will be confirmed.
    """

    number: int
    params: dict[str, float]
    values: dict[str, float]
    chosen: bool
    confirmed: bool


class ArmFront(NamedTuple):
    """The front of one search of an arm, from the first objective's lowest value to its highest. Repeats have fronts of
    their own: their trials had other seeds."""

    arm: str
    repeat: int
    points: tuple[FrontPoint, ...]


def fronts(plan: Plan, measures: Sequence[str], trials: Sequence[Trial]) -> tuple[ArmFront, ...]:
    """The front of every search."""
    return tuple(_front(plan, measures, trials, arm, repeat) for arm, repeat in plan.searches)


def _front(plan: Plan, measures: Sequence[str], trials: Sequence[Trial], arm: str, repeat: int) -> ArmFront:
    front = front_of(plan, trials, arm, repeat)
    chosen, confirmation = compromise(plan, front), confirmation_of(plan, trials, arm, repeat)
    points = [
        FrontPoint(
            number=trial.number,
            params=dict(trial.params),
            values=dict(zip(measures, trial.values, strict=True)),
            chosen=trial == chosen,
            confirmed=confirmation is not None and confirmation.confirms == trial.number,
        )
        for trial in front
    ]
    return ArmFront(arm, repeat, tuple(sorted(points, key=lambda point: (*point.values.values(), point.number))))
