"""The statistics of a sweep: intervals, paired tests, corrections, and the aggregates of an objective over seeds.

Everything here is a closed form over plain numbers, exact in its sums and quick to import: workers aggregate at each
report, and the command line prints intervals without waiting for scipy. Tests compare it with scipy and statsmodels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

from minmax.registry import did_you_mean


class Interval(NamedTuple):
    """From ``low`` to ``high``, both included."""

    low: float
    high: float


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a success rate.

    Unlike the textbook ``p ± z·s`` it says something at 0 and at ``n`` successes, where sweeps often end.

    >>> interval = wilson(32, 32)
    >>> f"{interval.low:.3f} to {interval.high:.3f}"
    '0.893 to 1.000'

    Raises:
        ValueError: not 0 <= successes <= n with n >= 1, or a level outside (0, 1).
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"an interval needs 0 <= successes <= n and n >= 1, given {successes} of {n}")
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, given {level}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(rate * (1 - rate) / n + (z / (2 * n)) ** 2) / (1 + z * z / n)
    # At the ends the two terms cancel exactly on paper, and only there; rounding must not leave 1e-18.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(low, high)


def mcnemar(a: Sequence[float], b: Sequence[float]) -> float:
    """Exact two-sided McNemar test of two sequences of 0 and 1 over the same seeds.

    Only seeds on which the two disagree carry information: were they equally good, each would fall either way like a
    fair coin. Returns the p-value; 1 where they never disagree.

    >>> mcnemar([1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0])
    0.03125

    Raises:
        ValueError: sequences of different lengths, or a value that is neither 0 nor 1.
    """
    if len(a) != len(b):
        raise ValueError(f"a paired test needs the same seeds in both, given {len(a)} and {len(b)}")
    _count(a)
    _count(b)
    only_a = sum(x > y for x, y in zip(a, b, strict=True))
    only_b = sum(x < y for x, y in zip(a, b, strict=True))
    n = only_a + only_b
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, float(2 * tail / 2**n))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down correction of p-values, in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(ps)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[index]))
        corrected[index] = largest
    return corrected


def mean(values: Sequence[float]) -> float:
    """The mean, exactly summed: the order of the values does not matter to the last digit."""
    return math.fsum(values) / len(values)


def quantile(values: Sequence[float], q: float) -> float:
    """The ``q``-quantile, interpolated linearly between order statistics (numpy's default)."""
    ordered = sorted(values)
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the middle two."""
    return quantile(values, 0.5)


def median_interval(values: Sequence[float], level: float = 0.95) -> Interval | None:
    """An interval of the median between two order statistics, whatever the distribution; None for fewer than six.

    The k-th lowest and the k-th highest of n hold the median with probability 1 - 2·P(B < k), B binomial(n, ½); k is
    the largest for which that is ``level`` at least.

    >>> median_interval([1, 2, 3, 4, 5, 6, 7, 8])
    Interval(low=1, high=8)
    """
    n, ordered = len(values), sorted(values)
    below, k = 0.0, 0
    while k < n and 2 * (below + math.comb(n, k) / 2**n) <= 1 - level:
        below += math.comb(n, k) / 2**n
        k += 1
    return Interval(ordered[k - 1], ordered[n - k]) if k else None


def rate(values: Sequence[float]) -> float:
    """The share of ones among values of 0 and 1."""
    return _count(values) / len(values)


def lower(values: Sequence[float]) -> float:
    """The lower end of the Wilson 95% interval of the rate: few seeds earn little credit."""
    return wilson(_count(values), len(values)).low


Aggregate = Callable[[Sequence[float]], float]

AGGREGATES: dict[str, Aggregate] = {
    "mean": mean,
    "median": median,
    "min": min,
    "max": max,
    "rate": rate,
    "lower": lower,
}
"""Name -> function of one value a seed; besides these, ``quantileNN`` with NN from 0 to 99 (``quantile90``)."""


def aggregator(name: str) -> Aggregate:
    """The aggregate of that name.

    Raises:
        ValueError: no such aggregate; the message says which there are.
    """
    if name in AGGREGATES:
        return AGGREGATES[name]
    if match := re.fullmatch(r"quantile(\d{1,2})", name, flags=re.ASCII):
        q = int(match[1]) / 100
        return lambda values: quantile(values, q)
    hint = did_you_mean(name, [*AGGREGATES, "quantile90"])
    raise ValueError(f"unknown aggregate {name!r}; {hint}known: {', '.join(AGGREGATES)}, quantileNN (as in quantile90)")


def aggregate(name: str, values: Sequence[float]) -> float:
    """One number from one value a seed.

    >>> aggregate("quantile75", [1.0, 2.0, 3.0])
    2.5

    Raises:
        ValueError: an unknown name, no values, a value that is not a number, or for ``rate`` and ``lower`` one that is
            neither 0 nor 1.
    """
    function = aggregator(name)
    if not len(values) or any(math.isnan(value) for value in values):
        given = "none" if not len(values) else f"{list(values)}"
        raise ValueError(f"aggregate {name!r} needs at least one value and only numbers, given {given}")
    return float(function(values))


def _count(values: Sequence[float]) -> int:
    wrong = [value for value in values if value not in (0, 1)]
    if wrong:
        raise ValueError(f"a success is 0 or 1 for each seed, given {wrong[0]}")
    return int(sum(values))
