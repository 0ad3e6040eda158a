"""Several objectives: each arm's front, and the compromise on it that is confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sweeps.decide import Plan, compromise, confirmation_of, front_of
from sweeps.trials import Trial


class FrontPoint(NamedTuple):
    """A trial than which none of its arm is better in one objective and as good in the others.

    ``values``: measure (``mean.frechet``) -> value. ``chosen``: it is the compromise of its search, which is confirmed.
    """

    number: int
    repeat: int
    params: dict[str, float]
    values: dict[str, float]
    chosen: bool
    confirmed: bool


class ArmFront(NamedTuple):
    """An arm's front, from the lowest to the highest first objective."""

    arm: str
    points: tuple[FrontPoint, ...]


def fronts(plan: Plan, measures: Sequence[str], trials: Sequence[Trial]) -> tuple[ArmFront, ...]:
    """The front of every arm, over all its searches."""
    return tuple(_front(plan, measures, trials, arm) for arm in plan.arms)


def _front(plan: Plan, measures: Sequence[str], trials: Sequence[Trial], arm: str) -> ArmFront:
    chosen = {
        best.number
        for repeat in range(plan.repeats)
        if (best := compromise(plan, front_of(plan, trials, arm, repeat))) is not None
    }
    confirmed = {
        trial.confirms for repeat in range(plan.repeats) if (trial := confirmation_of(plan, trials, arm, repeat))
    }
    points = [
        FrontPoint(
            number=trial.number,
            repeat=trial.repeat,
            params=dict(trial.params),
            values=dict(zip(measures, trial.values, strict=True)),
            chosen=trial.number in chosen,
            confirmed=trial.number in confirmed,
        )
        for trial in front_of(plan, trials, arm)
    ]
    return ArmFront(arm, tuple(sorted(points, key=lambda point: (*point.values.values(), point.number))))
