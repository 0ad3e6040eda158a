"""Rates over repeats of a whole search: intervals and tests that cover the luck of the search and of the seeds.

Each of R repeats is a search with chance of its own, confirmed on seeds of its own, so their rates are R independent
draws of what the procedure "search this arm, take its best" achieves. With p the rate over all N seeds and s² the
variance of the R rates, the variance of p is estimated by

    v = max(s²/R, p(1 - p)/N)

the larger of what the repeats show and what the seeds alone explain, and Student's t with R - 1 degrees of freedom
takes the place of the normal distribution. The interval is Wilson's, at p(1 - p)/v seeds in place of N and with t in
place of z. Differences between arms are paired by repeat and by seed: d is the mean difference of rates, its variance
max(s_d²/R, (b + c)/N²), with b + c the seeds on which the two disagree, which is McNemar's; p is that of t = d/√v.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sweeps.judge.stats import Interval

Rates = Sequence[Sequence[float]]
"""Zeros and ones, a sequence a repeat, each as long as the others."""


def blocks(values: Sequence[float], repeats: int) -> list[tuple[float, ...]]:
    """The values of each repeat, which lie one after another."""
    each = len(values) // repeats
    return [tuple(values[at * each : (at + 1) * each]) for at in range(repeats)]


def rate_interval(won: Rates, level: float = 0.95) -> Interval:
    """The interval of a success rate over two repeats or more.

    >>> interval = rate_interval([[1, 1, 1, 0]] * 4)
    >>> f"{interval.low:.2f} to {interval.high:.2f}"
    '0.37 to 0.94'
    """
    repeats, n = len(won), sum(map(len, won))
    p = math.fsum(map(math.fsum, won)) / n
    alone = p * (1 - p) / n
    seeds = n * alone / max(alone, _variance_of_mean([math.fsum(each) / len(each) for each in won])) if alone else n
    t = quantile_of_t((1 + level) / 2, repeats - 1)
    centre = (p + t * t / (2 * seeds)) / (1 + t * t / seeds)
    half = t * math.sqrt(p * (1 - p) / seeds + (t / (2 * seeds)) ** 2) / (1 + t * t / seeds)
    return Interval(0.0 if p == 0 else centre - half, 1.0 if p == 1 else centre + half)


def compare(ours: Rates, theirs: Rates) -> float:
    """The two-sided p-value of no difference between two arms with the same repeats and seeds.

    >>> round(compare([[1, 1, 1, 1]] * 3, [[0, 0, 0, 0]] * 3), 4)
    0.0742
    """
    n = sum(map(len, ours))
    apart = [[a - b for a, b in zip(one, other, strict=True)] for one, other in zip(ours, theirs, strict=True)]
    unequal = sum(difference != 0 for each in apart for difference in each)
    if not unequal:
        return 1.0
    variance = max(_variance_of_mean([math.fsum(each) / len(each) for each in apart]), unequal / n**2)
    return 2 * tail_of_t(abs(math.fsum(map(math.fsum, apart)) / n) / math.sqrt(variance), len(ours) - 1)


def tail_of_t(t: float, freedom: int) -> float:
    """P(T > t) for t >= 0 and Student's T with whole degrees of freedom, by its finite sum.

    With θ = atan(t/√ν), P(|T| < t) is sin θ (1 + ½cos²θ + …) for even ν, and (2/π)(θ + sin θ (cos θ + ⅔cos³θ + …)) for
    odd (Abramowitz and Stegun, 26.7.3 and 26.7.4).
    """
    angle = math.atan2(t, math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = total = math.cos(angle) if odd else 1.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    if freedom == 1:
        total = 0.0
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return max(0.0, (1 - inside) / 2)


def quantile_of_t(level: float, freedom: int) -> float:
    """The t below which T lies with probability ``level`` (above a half), by bisection."""
    low, high = 0.0, 1.0
    while tail_of_t(high, freedom) > 1 - level:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if tail_of_t(middle, freedom) > 1 - level else (low, middle)
    return high


def _variance_of_mean(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values)
