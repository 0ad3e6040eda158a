"""When a run came to its target, over seeds: by each seed's own time, and as an area.

A seed is at its target from the first report from which it succeeds until the end: what passes through a success and
loses it again has not arrived. Seeds that never arrive are known to take longer than the run, and count as that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from sweeps.judge.stats import Interval, median_interval


def arrivals(at: Sequence[float], success: Sequence[Sequence[float]]) -> list[float]:
    """When each seed arrived, in the unit of ``at`` (a value a report); infinite for one that did not.

    >>> arrivals([10, 20, 30], [(1, 0), (0, 1), (1, 1)])
    [30, 20]
    """
    return [_arrival(at, [members[seed] for members in success]) for seed in range(len(success[-1]))]


def _arrival(at: Sequence[float], own: Sequence[float]) -> float:
    arrived = math.inf
    for time, value in zip(reversed(at), reversed(own), strict=True):
        if value != 1:
            break
        arrived = time
    return arrived


def reached(times: Sequence[float], share: float) -> float:
    """The time by which ``share`` of the seeds had arrived; infinite where fewer did.

    >>> reached([10, 20, math.inf, 30], 0.5)
    20
    """
    return sorted(times)[max(0, math.ceil(share * len(times)) - 1)]


def median_time(times: Sequence[float]) -> tuple[float, Interval | None]:
    """The time by which half of the seeds had arrived, with its 95% interval between two order statistics."""
    return reached(times, 0.5), median_interval(times)


def areas(at: Sequence[float], success: Sequence[Sequence[float]]) -> list[float]:
    """Each seed's share of the training (from 0 to the last of ``at``) in success: the area under its success, by
    trapezoids from a failure at 0.

    >>> areas([1, 2], [(0, 1), (1, 1)])
    [0.25, 0.75]
    """
    steps = [b - a for a, b in pairwise([0.0, *at])]
    return [_area(steps, [0.0, *(members[seed] for members in success)]) / at[-1] for seed in range(len(success[-1]))]


def _area(steps: Sequence[float], own: Sequence[float]) -> float:
    return math.fsum(step * (a + b) / 2 for step, (a, b) in zip(steps, pairwise(own), strict=True))


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval | None:
    """The bootstrap interval of a mean: percentiles of the means of 4,000 resamples, always the same ones; None for one
    value, or where all are equal, of which resampling says nothing."""
    if len(set(values)) < 2:
        return None
    import numpy as np
    from scipy.stats import bootstrap

    chance = np.random.default_rng(0)
    found = bootstrap(
        (np.asarray(values),), np.mean, n_resamples=4000, confidence_level=level, method="percentile", rng=chance
    ).confidence_interval
    return Interval(float(found.low), float(found.high))
