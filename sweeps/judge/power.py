"""How many seeds would tell two arms apart that these seeds did not: the exact power of McNemar's test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from sweeps.judge.answer import SIGNIFICANT, shown

if TYPE_CHECKING:
    from sweeps.judge.ranking import ArmResult, Ranking

POWER = 0.8
MOST = 100_000  # seeds; a difference that needs more is none that anybody would look for


class Tie(NamedTuple):
    """An arm that was not shown to be worse than the first. ``better``: seeds on which the first did better, ``worse``:
    on which it did worse. ``seeds``: as many would show that difference, were it the true one; None where there is none
    or it needs more than 100,000. ``smallest``: the least difference that the seeds there are would show, None where
    they are too few for any. Both with probability 0.8."""

    arm: str
    better: int
    worse: int
    of: int
    seeds: int | None
    smallest: float | None


def ties(ranking: Ranking, results: Sequence[ArmResult]) -> tuple[Tie, ...]:
    """The ties with the first arm, in the ranking's order; none where searches were repeated, as tests are not
    McNemar's then.

    Each of k ties is judged at 0.05/k, which is what Holm's correction asks of the first of them.
    """
    known = {result.arm: result for result in results if result.seeds}
    if not ranking.standings or ranking.standings[0].repeats > 1:
        return ()
    level_with = [row.arm for row in ranking.standings[1:] if not shown(row)]
    first, sign = known[ranking.standings[0].arm], 1 if ranking.direction == "minimize" else -1
    return tuple(_tie(first, known[arm], sign, SIGNIFICANT / len(level_with)) for arm in level_with)


def _tie(first: ArmResult, other: ArmResult, sign: int, level: float) -> Tie:
    if first.success:
        pairs = list(zip(_by_seed(first, first.success), _by_seed(other, other.success), strict=True))
    else:
        ours, theirs = _by_seed(first, first.objective), _by_seed(other, other.objective)
        pairs = [(-sign * a, -sign * b) for a, b in zip(ours, theirs, strict=True)]
    better, worse, n = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs), len(pairs)
    return Tie(other.arm, better, worse, n, seeds_for(better / n, worse / n, level), smallest_shown(n, level))


def _by_seed(arm: ArmResult, values: Sequence[float]) -> list[float]:
    return [value for _, value in sorted(zip(arm.seeds, values, strict=True))]


def power(n: int, better: float, worse: float, level: float = SIGNIFICANT) -> float:
    """The probability that McNemar's exact test over ``n`` seeds is significant at ``level``, where on a seed the first
    alone succeeds with probability ``better`` and the other alone with ``worse``.

    Σₖ P(k of n seeds disagree) · P(the test rejects | k), by the binomial distribution.
    """
    import numpy as np
    from scipy.stats import binom

    apart = better + worse
    if not apart:
        return 0.0
    k = np.arange(n + 1)
    last = binom.ppf(level / 2, k, 0.5) - 1  # the most extreme counts from here down are rejected, and their mirror
    last += 2 * binom.cdf(last + 1, k, 0.5) <= level
    share = better / apart
    rejected = binom.cdf(last, k, share) + binom.cdf(last, k, 1 - share)
    return float((binom.pmf(k, n, min(1.0, apart)) * rejected).sum())


def seeds_for(better: float, worse: float, level: float = SIGNIFICANT, wanted: float = POWER) -> int | None:
    """How many seeds `power` needs to come to ``wanted``; None without a difference, or for more than 100,000.

    The normal approximation (Connor 1987, Biometrics 43, 207) is where the exact one is looked for.

    >>> seeds_for(0.4, 0.1)
    46
    """
    difference, apart = abs(better - worse), better + worse
    if not difference:
        return None
    deviation = math.sqrt(max(0.0, apart - difference**2))
    sum_of_both = NormalDist().inv_cdf(1 - level / 2) * math.sqrt(apart) + NormalDist().inv_cdf(wanted) * deviation
    about = (sum_of_both / difference) ** 2
    if about > MOST:
        return None
    low, high = max(1, int(about / 2)), max(8, math.ceil(1.1 * about))
    while power(high, better, worse, level) < wanted:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, better, worse, level) >= wanted else (middle, high)
    return high


def smallest_shown(n: int, level: float = SIGNIFICANT, wanted: float = POWER) -> float | None:
    """The least difference of success rates that ``n`` seeds show with probability ``wanted``, where the worse arm
    never succeeds alone; None where they are too few for any."""
    if power(n, 1.0, 0.0, level) < wanted:
        return None
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if power(n, middle, 0.0, level) >= wanted else (middle, high)
    return high
