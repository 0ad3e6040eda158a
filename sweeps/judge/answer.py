"""A ranking in one sentence that a person could quote without claiming more than the seeds show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sweeps.show.wording import count, listing, number, p_value, percent

if TYPE_CHECKING:
    from sweeps.judge.standing import Standing, Unranked

SIGNIFICANT = 0.05
"""The corrected p-value above which a difference is called not shown."""


def answer(standings: Sequence[Standing], unranked: Sequence[Unranked], direction: str, objective: str) -> str:
    """The sentence. A difference is claimed where the corrected p-value is at most 0.05, and nowhere else."""
    if not standings:
        return "No arm has been confirmed, so there is nothing to rank."
    best, others = standings[0], standings[1:]
    worse = [row for row in others if shown(row)]
    same = [row for row in others if not shown(row)]
    if not others:
        sentence = f"{best.arm} {_score(best, objective)}; there is no other arm to compare it with"
    elif worse:
        sentence = _difference(best, worse, same, direction, objective)
    else:
        sentence = _no_difference(best, same, direction, objective)
    return f"{sentence}{_left_out(unranked)}."


def caveat(standings: Sequence[Standing]) -> str:
    """What the intervals and tests cover and what they do not; empty where there are none."""
    if not standings:
        return ""
    repeats = standings[0].repeats
    if repeats > 1:
        return (
            f"Intervals and tests cover the luck of the search and of the seeds: every arm was searched {repeats} "
            f"times anew, and each time its best was confirmed on {count(standings[0].seeds // repeats, 'seed')} that "
            f"all arms share (Student's t over the {repeats} repeats, and never narrower than the seeds alone allow)."
        )
    return (
        f"Intervals and tests cover the luck of {count(standings[0].seeds, 'confirmation seed')}, not the luck of the "
        "search: another search could find any arm a better or a worse configuration."
    )


def shown(row: Standing) -> bool:
    """Whether the row was shown to be worse than the first."""
    return row.corrected is not None and row.corrected <= SIGNIFICANT


def _difference(
    best: Standing, worse: Sequence[Standing], same: Sequence[Standing], direction: str, objective: str
) -> str:
    manner = "more often than" if best.rate is not None else f"{_comparative(direction)} than"
    whom = listing([row.arm for row in worse]) if same or len(worse) == 1 else "every other arm"
    largest = max(row.corrected or 0.0 for row in worse)
    sign = "" if p_value(largest).startswith("<") else "= " if len(worse) == 1 else "<= "
    rest = f", with no difference shown from {listing([row.arm for row in same])}" if same else ""
    return f"{best.arm} {_score(best, objective)}, {manner} {whom} (corrected p {sign}{p_value(largest)}){rest}"


def _no_difference(best: Standing, same: Sequence[Standing], direction: str, objective: str) -> str:
    opening = f"No difference shown between {listing([best.arm, *(row.arm for row in same)])}"
    if best.rate is not None and all(row.successes == best.successes for row in same):
        superlative = "lowest" if direction == "minimize" else "highest"
        return (
            f"{opening}: each {_score(best, objective)}; {best.arm} had the {superlative} median {objective}, "
            f"{number(best.median)}"
        )
    smallest = min(row.corrected or 0.0 for row in same)
    sign = "=" if len(same) == 1 or smallest == 1 else ">="
    luck = f"which may be luck (corrected p {sign} {p_value(smallest)})"
    return f"{opening}; the first, {best.arm}, {_score(best, objective)}, {luck}"


def _score(row: Standing, objective: str) -> str:
    seeds = count(row.seeds, "confirmation seed")
    if row.successes is None or row.rate is None or row.interval is None:
        return f"had a median {objective} of {number(row.median)} over {seeds}"
    interval = f"95% interval {percent(row.interval.low)} to {percent(row.interval.high)}"
    return f"succeeded on {row.successes} of {seeds} ({percent(row.rate)}, {interval})"


def _comparative(direction: str) -> str:
    return "lower on more seeds" if direction == "minimize" else "higher on more seeds"


def _left_out(unranked: Sequence[Unranked]) -> str:
    if not unranked:
        return ""
    verb = "was" if len(unranked) == 1 else "were"
    return f" ({listing([row.arm for row in unranked])} {verb} not confirmed)"
