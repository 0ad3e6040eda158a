"""What captions say: how many seeds, at what budget each arm was searched, what an interval is and does not cover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sweeps.judge.maps import ArmMap, in_words
from sweeps.show.view import SweepView
from sweeps.show.wording import count

if TYPE_CHECKING:
    from sweeps.judge.standing import Standing

FIELD_UNIT = "one field unit is a gradient of both players"


def of_ranking(view: SweepView, standings: Sequence[Standing]) -> str:
    """Of the forest of arms."""
    if standings[0].interval is None:
        return (
            f"Median {view.objective} of each arm's best configuration over {_seeds(standings)}; bars span the middle "
            f"half of the seeds. p: sign test against the first arm, with Holm's correction. {_budget(view)}"
        )
    return (
        f"Success rate of each arm's best configuration over {_seeds(standings)}; bars are "
        f"{_kind_of_interval(standings)}. p: {_test(standings)} against the first arm, with Holm's correction. "
        f"{_budget(view)} {_not_covered(standings)}"
    )


def of_training(view: SweepView, standings: Sequence[Standing]) -> str:
    """Of the curves."""
    medians = f"median {view.objective}, its band the middle half of the seeds"
    if standings[0].interval is None:
        what = f"Over training, in field units: the {medians}"
    else:
        what = f"Over training, in field units: success rate with its Wilson 95% interval, and {medians}"
    one = "" if standings[0].repeats == 1 else " Of each arm the last repeat is drawn."
    return f"{what}, of each arm's best configuration over {_seeds(standings)}.{one} {_budget(view)}"


def of_table(view: SweepView, standings: Sequence[Standing]) -> str:
    """Of the ranking as a table."""
    if standings[0].interval is None:
        return of_ranking(view, standings)
    return (
        f"Success over {_seeds(standings)}, with {_kind_of_interval(standings)}; corrected p: {_test(standings)} "
        f"against the first arm, with Holm's correction. {_budget(view)} {_not_covered(standings)}"
    )


def _seeds(standings: Sequence[Standing]) -> str:
    row = standings[0]
    each = f" ({row.repeats} repeats of the search)" if row.repeats > 1 else ""
    return f"{count(row.seeds, 'fresh seed')} that all arms share{each}"


def _budget(view: SweepView) -> str:
    """What each arm's search was given, as the spec says it."""
    spec = view.spec
    share = spec.get("trials") or f"{spec.get('budget'):,} field units × members of"
    return (
        f"Budget of each arm: {share} search trials × {spec.get('seeds')} seeds × {spec.get('length'):,} field units "
        f"at most; {FIELD_UNIT}."
    )


def _kind_of_interval(standings: Sequence[Standing]) -> str:
    repeats = standings[0].repeats
    return "Wilson 95% intervals" if repeats == 1 else f"95% intervals by Student's t over {repeats} repeats"


def _test(standings: Sequence[Standing]) -> str:
    repeats = standings[0].repeats
    return "exact McNemar test over the shared seeds" if repeats == 1 else f"paired t test over {repeats} repeats"


def _not_covered(standings: Sequence[Standing]) -> str:
    if standings[0].repeats > 1:
        return "Intervals cover the luck of the search and of the seeds."
    return "Intervals cover the luck of the seeds, not that of the search."


def of_map(view: SweepView, shown: ArmMap) -> str:
    """Of a phase diagram."""
    seeds = "" if shown.seeds == 1 else f", the most frequent of {count(shown.seeds, 'seed')}"
    return (
        f"What became of every point of {shown.arm} after {view.spec.get('length'):,} field units{seeds}. "
        f"{in_words(shown)} {FIELD_UNIT[0].upper()}{FIELD_UNIT[1:]}."
    )
