"""What became of a run: one word a member, from what its reports measured.

The words are the ways in which training a game goes wrong (non-convergence, mode collapse, the vanished gradient, the
unbalance that overfits) or does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple, Protocol

UNSETTLED = "unsettled"
"""What no rule fits: too short a run, too little measured, or something in between."""

GROWN, GROWN_FIELD = 10.0, 1000.0
GONE, NEGLIGIBLE = 1e-2, 1e-3
TOLD_APART, GAP = 0.99, 0.2
VARIED, HALF = 0.25, 0.5
TURNS, LASTING, LOST = 1.0, 0.5, 0.25
CLOSE, CLOSER = 1e-2, 1e-2


class Report(Protocol):
    """A run's report, ``minmax.Report`` or a recorded one: its metrics and its diverged members, one entry each."""

    @property
    def metrics(self) -> Mapping[str, Any]: ...
    @property
    def diverged(self) -> Any: ...


class History(NamedTuple):
    """One member: whether it is no longer finite, and each metric's values over the reports."""

    fell: bool
    series: dict[str, list[float]]

    def late(self, *names: str) -> list[list[float]]:
        """Each metric in the last quarter of the reports, two at least; empty where one of them is not there."""
        known = [self.series.get(name, []) for name in names]
        return [] if min(map(len, known)) < 2 else [values[-max(2, len(values) // 4) :] for values in known]

    def always(self, name: str, holds: Callable[[float], bool]) -> bool:
        """Whether ``holds`` at every late report; not where the metric is not there."""
        return any(all(map(holds, values)) for values in self.late(name))


Rule = Callable[[History], bool]


def diagnose(reports: Iterable[Report]) -> list[str]:
    """One word a member: the first of ``RULES`` that fits its history, else ``unsettled``.

    ``reports``: all of a run, in order; measure ``symptoms``, and the metric that says what success is. A rule whose
    metrics were not measured does not fit.
    """
    return [_word(history) for history in histories(reports)]


def histories(reports: Iterable[Report]) -> list[History]:
    """The reports member by member."""
    reports = list(reports)
    if not reports:
        return []
    columns = {name: [_numbers(report.metrics[name]) for report in reports] for name in _shared(reports)}
    return [
        History(bool(fell), {name: [values[member] for values in own] for name, own in columns.items()})
        for member, fell in enumerate(_numbers(reports[-1].diverged))
    ]


def majority(words: Sequence[str]) -> str:
    """The most frequent word; of equally frequent ones that whose rule comes first.

    >>> majority(["converged", "collapsed", "collapsed", "converged"])
    'collapsed'
    """
    order = [*RULES, UNSETTLED]
    return min(Counter(words).items(), key=lambda item: (-item[1], order.index(item[0])))[0]


def diverged(history: History) -> bool:
    """The players are no longer finite; or they run away: the distance to the solution (the field's norm, where none is
    known) is the largest of the run and 10 times (1000 times) what it was at the first report.
    """
    sizes, factor = history.series.get("distance", []), GROWN
    if not sizes:
        sizes, factor = history.series.get("field_norm", []), GROWN_FIELD  # networks' gradients grow as they learn
    return history.fell or (len(sizes) > 1 and sizes[-1] == max(sizes) and sizes[-1] >= factor * sizes[0] > 0)


def vanished(history: History) -> bool:
    """The discriminator has won: at every late report it is right on 99% of real and of generated samples, and the
    generator's gradient is gone: at most 1% of its largest norm in the run, or at most 0.001.
    """
    return _told_apart(history) and _gradient_gone(history)


def collapsed(history: History) -> bool:
    """Limited variety: at every late report the diversity is at most a quarter of the data's; or at most half of the
    modes or classes are covered, one at least, and more than half of the samples belong to some. Not where the gradient
    has vanished: then the generator has not come to variety yet.
    """
    if vanished(history):
        return False
    few = history.always("covered", lambda share: 0 < share <= HALF) and history.always("placed", lambda x: x > HALF)
    return few or history.always("diversity", lambda share: share <= VARIED)


def overfitting(history: History) -> bool:
    """Unbalance: the discriminator knows its training samples by heart. At every late report its accuracy on these is
    at least 0.2 above that on held-out real samples.
    """
    late = history.late("accuracy_real", "accuracy_held_out")
    return bool(late) and all(seen - unseen >= GAP for seen, unseen in zip(*late, strict=True))


def cycling(history: History) -> bool:
    """Neither here nor there: over four reports or more the field's norm does not decrease (the median over the second
    half is at least half of that over the first), nothing has converged or run away, and there is a sign of rotation:
    |Im| ≥ |Re| for the leading eigenvalue at every late report, or twice or more a quarter of what was learned was
    forgotten and learned again.
    """
    norms = history.series.get("field_norm", [])
    if len(norms) < 4 or converged(history) or diverged(history) or vanished(history):
        return False
    half = len(norms) // 2
    lasting = median(norms[half:]) >= LASTING * median(norms[:half]) > 0
    returns = _returns([lost >= LOST for lost in history.series.get("forgotten", [])])
    return lasting and (history.always("rotation", lambda ratio: ratio >= TURNS) or returns >= 2)


def converged(history: History) -> bool:
    """At every late report the distance to the solution is at most 0.01, or 1% of the largest in the run; where no
    solution is known, the rule of success holds; without such a rule, the field's norm is at most 1% of its largest,
    and no discriminator tells all samples apart (which ends the field, too).
    """
    series = history.series
    if "distance" in series:
        bound = max(CLOSE, CLOSER * max(series["distance"]))
        return history.always("distance", lambda distance: distance <= bound)
    if "success" in series:
        return history.always("success", lambda success: success == 1)
    bound = CLOSER * max(series.get("field_norm", [0.0]))
    return history.always("field_norm", lambda norm: norm <= bound) and not _told_apart(history)


RULES: dict[str, Rule] = {
    "diverged": diverged,
    "vanished": vanished,
    "collapsed": collapsed,
    "overfitting": overfitting,
    "cycling": cycling,
    "converged": converged,
}
"""In order of precedence: what ends a run before what spoils it, and trouble before success."""


def _word(history: History) -> str:
    return next((name for name, fits in RULES.items() if fits(history)), UNSETTLED)


def _told_apart(history: History) -> bool:
    return all(history.always(name, lambda right: right >= TOLD_APART) for name in ("accuracy_real", "accuracy_fake"))


def _gradient_gone(history: History) -> bool:
    norms = history.series.get("gradient_norm_1", [])
    bound = max(NEGLIGIBLE, GONE * max(norms, default=0.0))
    return history.always("gradient_norm_1", lambda norm: norm <= bound)


def _returns(lost: Sequence[bool]) -> int:
    """How often something lost came back."""
    return sum(before and not now for before, now in pairwise(lost))


def _shared(reports: Sequence[Report]) -> list[str]:
    """The metrics that every report has."""
    return [name for name in reports[0].metrics if all(name in report.metrics for report in reports)]


def _numbers(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)
