"""What judges share: rates with intervals against published ones, and numbers against theory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sweeps.claims.claim import Curves, Verdict
from sweeps.judge.answer import SIGNIFICANT
from sweeps.judge.stats import Interval, holm, mcnemar, mean, median, quantile, wilson
from sweeps.show.wording import number, p_value, percent


def rate(what: str, hits: Sequence[bool], published: float | None = None) -> Verdict:
    """How often something happened. Consistent iff the published rate lies in our Wilson 95% interval.

    The published number of runs is unknown, so the published rate's own uncertainty is left out.
    """
    count, n = sum(map(bool, hits)), len(hits)
    interval = wilson(count, n)
    told = None if published is None else interval.low <= published <= interval.high
    said = "-" if published is None else percent(published)
    return Verdict(what, said, f"{count} of {n} ({percent(count / n)})", interval, told)


def theory(what: str, predicted: float, values: Sequence[float], tolerance: float = 1e-4) -> Verdict:
    """Numbers that a formula gives. Consistent iff every seed's is within ``tolerance``·max(1, |predicted|) of it."""
    near = all(abs(value - predicted) <= tolerance * max(1.0, abs(predicted)) for value in values)
    ours = f"{exact(median(values))}, {len(values)} seeds"
    return Verdict(what, exact(predicted), ours, Interval(min(values), max(values)), near)


def one_run(what: str, published: float, values: Sequence[float]) -> Verdict:
    """One published run. Consistent iff it lies between the 2.5% and the 97.5% quantile of ours."""
    interval = Interval(quantile(values, 0.025), quantile(values, 0.975))
    ours = f"median {number(median(values))}, {len(values)} seeds"
    return Verdict(what, number(published), ours, interval, interval.low <= published <= interval.high)


def tells(what: str, published: str, ours: str, holds: bool) -> Verdict:
    """A statement that holds or does not."""
    return Verdict(what, published, ours, None, holds)


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many rows are consistent, and which are not."""
    told = [verdict for verdict in verdicts if verdict.consistent is not None]
    wrong = [verdict.what for verdict in told if not verdict.consistent]
    if not wrong:
        return f"All {len(told)} comparisons are consistent with what was published."
    return f"{len(wrong)} of {len(told)} comparisons are not consistent with what was published: {'; '.join(wrong)}."


def halves(seeds: Sequence[int]) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Each half of the seeds, and the other one, on which to choose what it judges: of several arms the best on some
    seeds is better there by chance alone. One seed is a half and its own other.

    >>> halves([0, 1, 2, 3, 4])
    [([0, 2, 4], [1, 3]), ([1, 3], [0, 2, 4])]
    """
    one, other = seeds[::2], seeds[1::2]
    return [(one, other), (other, one)] if other else [(one, one)]


def counts(what: str, hits: Mapping[str, Sequence[bool]]) -> str:
    """How often each arm did that, in a sentence.

    >>> counts("Ended with both digits", {"gda": [False, False], "unrolled": [True, False]})
    'Ended with both digits: gda 0 of 2, unrolled 1 of 2.'
    """
    return f"{what}: {', '.join(f'{name} {sum(own)} of {len(own)}' for name, own in hits.items())}."


def exact(value: float) -> str:
    """Six significant digits.

    >>> exact(1.0049875621)
    '1.00499'
    """
    return f"{value + 0.0:.6g}"  # no −0


class Contrast(NamedTuple):
    """Two arms on the same seeds: how often each succeeded, and Holm's corrected p-value of McNemar's exact test."""

    what: str
    first: tuple[int, int]
    second: tuple[int, int]
    p: float

    @property
    def shown(self) -> int:
        """1 if the first was shown to succeed more often, −1 if less often, 0 if nothing was shown."""
        if self.p > SIGNIFICANT or self.first == self.second:
            return 0
        return 1 if self.first[0] > self.second[0] else -1

    def __str__(self) -> str:
        counts = " against ".join(f"{hits} of {n}" for hits, n in (self.first, self.second))
        return f"{self.what}: {counts} (corrected p {self._sign}{p_value(self.p)})"

    @property
    def _sign(self) -> str:
        return "" if p_value(self.p).startswith("<") else "= "


Hits = Mapping[int, bool]
"""Seed -> whether it succeeded."""


def contrasts(pairs: Mapping[str, tuple[Hits, Hits]]) -> dict[str, Contrast]:
    """Each pair over the seeds that both have, all corrected together."""
    counted = {}
    for what, (first, second) in pairs.items():
        common = sorted(set(first) & set(second))
        counted[what] = [[float(hits[seed]) for seed in common] for hits in (first, second)]
    corrected = holm([mcnemar(a, b) for a, b in counted.values()])
    return {
        what: Contrast(what, (int(sum(a)), len(a)), (int(sum(b)), len(b)), p)
        for (what, (a, b)), p in zip(counted.items(), corrected, strict=True)
    }


def method_or_slowness(at_once: Contrast, accepted: Contrast, slower: Contrast) -> str:
    """Whether rejecting wins, or only being slow.

    ``at_once``: accept/reject against always accepting after as many iterations; ``accepted``: after as many accepted
    updates; ``slower``: against learning rates scaled down by the acceptance rate.
    """
    if at_once.shown < 0:
        return "Neither wins: rejecting proposals does worse than always accepting them."
    if at_once.shown == 0:
        return "Neither is shown to win: no difference between rejecting proposals and always accepting them."
    if accepted.shown == 0 or slower.shown == 0:
        matched = [name for name, own in (("as many accepted updates", accepted), ("rates scaled down", slower))
                   if own.shown == 0]  # fmt: skip
        return f"Only its slowness is shown to win: against always accepting with {' or '.join(matched)} nothing is."
    if accepted.shown > 0 and slower.shown > 0:
        return "The method wins, not only its slowness."
    return "Its slowness wins: always accepting, slowed down alike, does better still."


def carrier(parts: Mapping[str, Contrast]) -> str:
    """Which ingredients are shown to help, each by the runs with it against those without; and which are not."""
    helps = [name for name, own in parts.items() if own.shown > 0]
    others = [name for name in parts if name not in helps]
    if not helps:
        return f"Nothing is shown to carry the effect, neither {' nor '.join(others)}."
    said = f"What carries the effect: {' and '.join(helps)}"
    return f"{said}, not {' or '.join(others)}." if others else f"{said}."


def hits(curves: Curves, name: str, index: int, wanted: float = 1.0) -> dict[int, bool]:
    """Seed -> whether its value at report ``index`` is ``wanted``."""
    return {seed: value == wanted for seed, value in zip(curves.seeds, curves.values[name][index], strict=True)}


def accepted(curves: Curves, index: int) -> float:
    """Accepted updates up to report ``index``, the mean over seeds."""
    total, before = 0.0, 0
    for step, row in zip(curves.steps[: index + 1], curves.values["accepted"], strict=False):
        total, before = total + (step - before) * mean(row), step
    return total


def at_cost(curves: Curves, cost: float) -> int | None:
    """The report nearest to so many field units; None where training ended short of them."""
    index = min(range(len(curves.cost)), key=lambda at: abs(curves.cost[at] - cost))
    return index if curves.cost[-1] >= 0.97 * cost else None
