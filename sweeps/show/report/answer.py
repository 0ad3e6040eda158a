"""The answer: the sentence, the ranking behind it, each arm's budget, and how many seeds would separate the ties."""

from __future__ import annotations

from typing import NamedTuple

from sweeps.judge.answer import shown
from sweeps.judge.maps import answer as map_answer
from sweeps.judge.power import Tie
from sweeps.judge.standing import Budget, Standing
from sweeps.judge.stats import Interval, median_interval
from sweeps.show.view import SweepView
from sweeps.show.wording import count, number, percent

NOTHING = "Nothing has been confirmed yet, so nothing can be ranked."


class Line(NamedTuple):
    """An arm's row: its standing, its median with a 95% interval (None for fewer than six seeds), and in words what its
    drawn interval says and what its comparison with the first does."""

    row: Standing
    median: Interval | None
    forest: str
    verdict: str


class Spent(NamedTuple):
    """An arm's budget: its search's, and the seeds of its confirmation."""

    arm: str
    budget: Budget
    confirmed: int


class Answer(NamedTuple):
    """The section. ``tests``: how arms were compared. ``budgets``: what they had and what pruning saved, in words."""

    sentence: str
    lines: tuple[Line, ...]
    rated: bool
    caveat: str
    tests: str
    spent: tuple[Spent, ...]
    budgets: str
    ties: tuple[tuple[Tie, str], ...]


def answer(view: SweepView) -> Answer:
    """The section of a sweep."""
    rows = view.ranking.standings if view.ranking else ()
    unranked = view.ranking.unranked if view.ranking else ()
    objectives = {result.arm: result.objective for result in view.results}
    lines = tuple(
        Line(row, median_interval(objectives.get(row.arm, ())), _forest(row), _verdict(row, rows[0])) for row in rows
    )
    spent = tuple(Spent(row.arm, row.budget, row.seeds) for row in rows)
    spent += tuple(Spent(other.arm, other.budget, 0) for other in unranked)
    rated = bool(rows) and rows[0].rate is not None
    return Answer(
        sentence=sentence(view),
        lines=lines,
        rated=rated,
        caveat=view.ranking.caveat if view.ranking else "",
        tests=_tests(rows, rated),
        spent=spent,
        budgets=_budgets(view, spent),
        ties=tuple((tie, _separated(tie)) for tie in view.ties),
    )


def sentence(view: SweepView) -> str:
    """What the page's headline says."""
    if view.maps:
        return map_answer(view.maps)
    return view.ranking.answer if view.ranking else NOTHING


def _forest(row: Standing) -> str:
    """What the drawn interval says, for those who do not see it."""
    if row.interval is None:
        return ""
    low, high = percent(row.interval.low), percent(row.interval.high)
    return f"{row.successes} of {row.seeds} seeds succeeded; the 95% interval is {low} to {high}"


def _verdict(row: Standing, first: Standing) -> str:
    if row.corrected is None:
        return ""
    if shown(row):
        return f"worse than {first.arm}"
    return f"no difference from {first.arm} shown"


def _tests(rows: tuple[Standing, ...], rated: bool) -> str:
    if len(rows) < 2:
        return ""
    what = "successes" if rated else "which of the two had the better value"
    if rows[0].repeats > 1:
        how = f"a paired t test of {what} over the repeats"
    else:
        how = f"an exact McNemar test of {what} on the shared seeds" if rated else f"a sign test of {what} on each seed"
    return f"Each arm is compared with the first by {how}, with Holm's correction; at most 0.05 counts as a difference."


def _budgets(view: SweepView, spent: tuple[Spent, ...]) -> str:
    if not spent:
        return ""
    trials = sum(each.budget.trials for each in spent)
    trained, saved = (sum(getattr(each.budget, name) for each in spent) for name in ("spent", "saved"))
    pruned = sum(each.budget.pruned for each in spent)
    length, seeds = view.spec.get("length"), view.spec.get("seeds")
    each = "of" if trials == 1 else "each of"
    long = f", {each} {length:,} field units on {count(seeds, 'seed')}" if length and seeds else ""
    told = f"The search ended {count(trials, 'trial')}{long}, and trained {number(trained)} field units"
    if pruned:
        share = percent(saved / (trained + saved))
        told += f"; pruning ended {pruned} of them early and saved {number(saved)} more ({share} of all)"
    return f"{told}. A field unit is one gradient of both players, of every seed side by side."


def _separated(tie: Tie) -> str:
    """What it would take to tell the two apart."""
    apart = f"the two differed on {tie.better + tie.worse} of {count(tie.of, 'seed')}"
    if tie.seeds is not None:
        points = number(100 * abs(tie.better - tie.worse) / tie.of)
        return f"{apart}; were the true difference the {points} points seen, about {tie.seeds:,} seeds would show it"
    least = "; so few seeds show no difference of any size"
    if tie.smallest is not None:
        least = f"; {tie.of} seeds would show one of {number(100 * tie.smallest)} points or more"
    evenly = " as often one way as the other" if tie.better == tie.worse and tie.better else ""
    return f"{apart}{evenly}{least}"
