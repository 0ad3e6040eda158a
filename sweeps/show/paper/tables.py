"""The ranking and the trials as tables: rounded and readable in Markdown, every digit in CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sweeps.judge.stats import Interval
from sweeps.show.cells import as_csv, as_markdown, escaped
from sweeps.show.paper.captions import of_table
from sweeps.show.view import SweepView
from sweeps.show.wording import number, p_value, percent, setting

if TYPE_CHECKING:
    from sweeps.judge.standing import Standing


def markdown(view: SweepView, standings: Sequence[Standing]) -> str:
    """The answer, and the ranking as a table with its caption."""
    ranking = view.ranking
    rated = standings[0].interval is not None
    head = ["", "Arm", *(["Success", "95% interval"] if rated else []), f"Median {escaped(view.objective)}"]
    rows = []
    for row in standings:
        cells = [str(row.place), row.arm]
        if row.interval is not None and row.rate is not None:
            cells += [f"{row.successes}/{row.seeds} ({percent(row.rate)})", _interval(row.interval)]
        cells += [number(row.median), "–" if row.corrected is None else p_value(row.corrected), setting(row.params)]
        rows.append(cells)
    table = as_markdown([*head, "Corrected *p*", "Setting"], rows, range(2, len(head) + 1))
    left = [f"{escaped(other.arm)}: {escaped(other.reason)}." for other in ranking.unranked] if ranking else []
    answer = escaped(ranking.answer) if ranking else ""
    return "\n".join([f"# {escaped(view.name)}\n", f"{answer}\n", table, escaped(of_table(view, standings)), *left, ""])


def ranking_csv(view: SweepView) -> str:
    """The ranking, a row an arm, the unranked last; every digit of every number."""
    ranking = view.ranking
    head = ["place", "arm", "successes", "seeds", "rate", "low", "high", "median", "p", "corrected", "trials", "spent"]
    rows: list[list[object]] = [[*head, "saved", "setting", "reason"]]
    for row in ranking.standings if ranking else ():
        low, high = row.interval or (None, None)
        found = [row.place, row.arm, row.successes, row.seeds, row.rate, low, high, row.median, row.p, row.corrected]
        budget = row.budget
        rows.append([*found, budget.trials, budget.spent, budget.saved, setting(row.params, "; "), None])
    for other in ranking.unranked if ranking else ():
        budget = other.budget
        rows.append([None, other.arm, *[None] * 8, budget.trials, budget.spent, budget.saved, None, other.reason])
    return as_csv(rows)


def trials_csv(view: SweepView) -> str:
    """Every trial, a row each; every digit of every number."""
    names = list(dict.fromkeys(name for trial in view.trials for name in trial.params))
    rows: list[list[object]] = [["arm", "kind", "trial", "state", "value", "seeds", *names, "error"]]
    for trial in view.trials:
        told: list[object] = [trial.arm, trial.kind, trial.number, trial.state, trial.value, len(trial.seeds)]
        rows.append([*told, *(trial.params.get(name) for name in names), trial.error])
    return as_csv(rows)


def _interval(interval: Interval) -> str:
    return f"{percent(interval.low)} to {percent(interval.high)}"
