"""A published claim: what to run, and how to judge it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sweeps.judge.stats import Interval

if TYPE_CHECKING:
    from torch import Tensor

Setting = Mapping[str, Any]
"""Plain data: all that decides a cell's numbers beside its seeds."""


class Curves(NamedTuple):
    """What some seeds gave, over time.

    ``steps`` [T] and ``cost`` [T], field units so far (the members' mean); ``values``: name -> [T][M], a value a seed.
    """

    seeds: list[int]
    steps: list[int]
    cost: list[float]
    values: dict[str, list[list[float]]]

    def at(self, name: str, step: int) -> list[float]:
        """The values of every seed at the report nearest to ``step``."""
        return self.values[name][self.nearest(step)]

    def last(self, name: str) -> list[float]:
        """The values of every seed at the end."""
        return self.values[name][-1]

    def nearest(self, step: float) -> int:
        """The index of the report nearest to ``step``."""
        return min(range(len(self.steps)), key=lambda index: abs(self.steps[index] - step))


class Played(NamedTuple):
    """What running a cell gives: curves, and pictures of what was generated, step -> [M, n, *shape], if asked for."""

    curves: Curves
    film: Mapping[int, Tensor]


Play = Callable[[Setting, Sequence[int], str], Played]


class Cell(NamedTuple):
    """One setting on the seeds 0, …, ``seeds`` − 1, ``chunk`` of them side by side on a CPU (all on a GPU).

    ``play(setting, seeds, device)`` runs some of them. A chunk is kept whole or not at all. ``places``: seeds stand for
    places of a grid, of which none may be left out.
    """

    setting: Setting
    seeds: int
    play: Play
    chunk: int = 1000
    places: bool = False


class Verdict(NamedTuple):
    """One comparison. ``consistent`` is None where nothing was published and the row only measures.

    Published rates come without their number of runs: *consistent* says that the published value lies in our 95%
    interval, and no test is made of it.
    """

    what: str
    published: str
    ours: str
    interval: Interval | None
    consistent: bool | None


class Judgement(NamedTuple):
    """A claim's verdicts, and in words what they come to."""

    verdicts: list[Verdict]
    conclusion: str


class Cost(NamedTuple):
    """Minutes, about: on two cores, and on one GPU (None where nobody has measured it)."""

    two_cores: float
    gpu: float | None = None


class Claim(NamedTuple):
    """A claim of the literature.

    ``judge(results)`` reads the curves of every cell, and nothing else. ``films``: cells of which a typical member is
    drawn, typical in the metric that it ``looks`` at.
    """

    name: str
    source: str
    statement: str
    cells: Mapping[str, Cell]
    judge: Callable[[Mapping[str, Curves]], Judgement]
    cost: Cost
    films: Sequence[str] = ()
    looks: str = ""
