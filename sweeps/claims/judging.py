"""What judges share: rates with intervals against published ones, and numbers against theory."""

from __future__ import annotations

from collections.abc import Sequence

from sweeps.claims.claim import Verdict
from sweeps.stats import Interval, median, quantile, wilson
from sweeps.wording import number, percent


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


def exact(value: float) -> str:
    """Six significant digits.

    >>> exact(1.0049875621)
    '1.00499'
    """
    return f"{value:.6g}"
