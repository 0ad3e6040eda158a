"""What a map shows: of every point what became of it, from the last reports of the trials that trained it. All pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from minmax.diagnosis import RULES, UNSETTLED, majority
from sweeps.records.record import Report
from sweeps.search.lattice import Axis, Chunk
from sweeps.show import cells
from sweeps.show.wording import count, listing, percent

CONVERGED = "converged"
WORDS = (*reversed(RULES), UNSETTLED)
"""As legends list them: what is hoped for, then what spoils a run, what ends it, and what is open."""


class Point(NamedTuple):
    """One point of a map, over its seeds.

    ``word``: the most frequent diagnosis; None where no trial has trained it. ``converged``: the share of seeds that
    did. ``diverged_at``: the first step at which one was no longer finite. ``metrics``: means at the end, in which a
    diverged seed counts with each metric's worst value.
    """

    at: tuple[float, ...]
    word: str | None = None
    converged: float | None = None
    diverged_at: int | None = None
    metrics: Mapping[str, float] = {}  # never changed


class ArmMap(NamedTuple):
    """An arm's map: ``points`` by number, the last axis running fastest. ``reason``: why some were not trained."""

    arm: str
    axes: tuple[Axis, ...]
    seeds: int
    points: tuple[Point, ...]
    reason: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How many points each diagnosis has, in the order of ``WORDS``; only those that occur."""
        found = Counter(point.word for point in self.points)
        return {word: found[word] for word in WORDS if found[word]}

    @property
    def untrained(self) -> int:
        """How many points no trial has trained."""
        return sum(point.word is None for point in self.points)


def arm_map(
    arm: str, axes: tuple[Axis, ...], seeds: int, chunks: Sequence[Chunk], ended: Mapping[int, Report], reason: str = ""
) -> ArmMap:
    """The map of an arm whose chunk number n ended with the report ``ended[n]``."""
    known = [
        _trained(chunk, ended[number], seeds) if number in ended else map(Point, chunk.points)
        for number, chunk in enumerate(chunks)
    ]
    return ArmMap(arm, axes, seeds, tuple(point for own in known for point in own), reason)


def _trained(chunk: Chunk, last: Report, seeds: int) -> Iterator[Point]:
    for index, at in enumerate(chunk.points):
        own = slice(index * seeds, (index + 1) * seeds)
        words = last.diagnoses[own]
        yield Point(
            at=at,
            word=majority(words),
            converged=words.count(CONVERGED) / seeds,
            diverged_at=min((step for step in last.diverged[own] if step is not None), default=None),
            metrics={name: sum(values[own]) / seeds for name, values in last.metrics.items()},
        )


def in_words(shown: ArmMap) -> str:
    """A map in a sentence: ``412 of 1,024 points converged (40%), 300 cycling, 312 diverged.``"""
    total, parts = len(shown.points), []
    for word, n in shown.counts.items():
        parts.append(f"{n:,} {word} ({percent(n / total)})")
    if shown.untrained:
        parts.append(f"{shown.untrained:,} not trained{f' ({shown.reason})' if shown.reason else ''}")
    return f"Of {count(total, 'point')} {listing(parts)}."


def answer(shown: Sequence[ArmMap]) -> str:
    """Where every arm converges, in one sentence."""
    parts = [
        f"{own.arm} converged at {own.counts.get(CONVERGED, 0):,} of {count(len(own.points) - own.untrained, 'point')}"
        for own in shown
    ]
    left = sum(own.untrained for own in shown)
    return f"{'; '.join(parts)}{f' ({left:,} not trained yet)' if left else ''}."


def as_json(shown: Sequence[ArmMap]) -> str:
    """The maps as JSON text, the same for the same maps; floats keep every digit. A line a point."""
    head = '{"maps": [\n'
    return head + ",\n".join(map(_arm_json, shown)) + "\n]}\n"


def _arm_json(own: ArmMap) -> str:
    names = [axis.name for axis in own.axes]
    about: dict[str, Any] = {"arm": own.arm, "seeds": own.seeds, "axes": [axis._asdict() for axis in own.axes]}
    points = [{**dict(zip(names, point.at, strict=True)), **point._asdict()} for point in own.points]
    for point in points:
        del point["at"]
    lines = ",\n  ".join(json.dumps(point, ensure_ascii=False, allow_nan=False) for point in points)
    return f'{json.dumps(about, ensure_ascii=False)[:-1]}, "points": [\n  {lines}\n]}}'


def as_csv(shown: Sequence[ArmMap]) -> str:
    """The maps as one table, a row a point."""
    names = [axis.name for axis in shown[0].axes] if shown else []
    outputs = list(dict.fromkeys(name for own in shown for point in own.points for name in point.metrics))
    table: list[list[object]] = [["arm", *names, "diagnosis", CONVERGED, "diverged_at", *outputs]]
    for own in shown:
        for point in own.points:
            facts = [point.word, point.converged, point.diverged_at]
            table.append([own.arm, *point.at, *facts, *(point.metrics.get(name) for name in outputs)])
    return cells.as_csv(table)


def rows(shown: ArmMap) -> list[list[Point]]:
    """The points as a picture has them: the first axis to the right, the second upwards, the topmost row first.

    With one axis there is one row.
    """
    along = len(shown.axes[0].values)
    numbers, each = iter(shown.points), len(shown.points) // along
    columns = [list(islice(numbers, each)) for _ in range(along)]
    return [[column[row] for column in columns] for row in reversed(range(each))]
