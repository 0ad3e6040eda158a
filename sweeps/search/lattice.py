"""A map's points: the values along each axis, and which of them a trial trains. Pure functions of the spec."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from sweeps.search import space
from sweeps.search.trials import MAP, Trial

if TYPE_CHECKING:
    from minmax.types import Range
    from sweeps.spec.armspec import Arm, Entry
    from sweeps.spec.sweep import Sweep

LOG, UNIFORM, LISTED = "log", "uniform", "listed"
"""How an axis is spaced; ``listed``: at values of its own, whatever lies between them."""


class Axis(NamedTuple):
    """One hyperparameter's values, ascending."""

    name: str
    scale: str
    values: tuple[float, ...]


class Chunk(NamedTuple):
    """The points from number ``first`` on that one trial trains, each with every seed. ``seeds``: one a member."""

    first: int
    points: tuple[tuple[float, ...], ...]
    seeds: tuple[int, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """What the study keeps of it."""
        return {"first_point": self.first, "points": len(self.points)}


def axes(sweep: Sweep, arm: Arm) -> tuple[Axis, ...]:
    """The axes of an arm's map, in the spec's order."""
    assert sweep.map is not None
    declared = space.optimizer_of(sweep, arm).hypers
    entries = [space.entry_of(sweep, arm, name) for name in sweep.map.axes]
    counts = [sweep.map.points_along(index) for index in range(len(entries))]
    return tuple(
        axis(name, entry, declared[name], count)
        for name, entry, count in zip(sweep.map.axes, entries, counts, strict=True)
    )


def axis(name: str, entry: Entry | None, declared: Range, count: int) -> Axis:
    """``count`` values from end to end, over what the spec says or else the optimizer declares.

    A range is spaced evenly (in the logarithm, where it is a ``log`` one); whole numbers are the nearest ones, each
    once; choices and grids are taken as they are.
    """
    if entry is None:
        scale, (low, high) = LOG if declared.log else UNIFORM, declared[:2]
    elif entry.kind in ("choice", "grid"):
        return Axis(name, LISTED, tuple(sorted(map(float, entry.values))))
    else:
        scale, (low, high) = LOG if entry.kind == "log" else UNIFORM, entry.values
    values = _spaced(low, high, count, scale)
    if entry is not None and entry.kind == "int":
        values = [float(value) for value in sorted(set(map(round, values)))]
    return Axis(name, scale, tuple(values))


def points(grid: tuple[Axis, ...]) -> list[tuple[float, ...]]:
    """Every point of a grid by number: the last axis runs fastest."""
    return list(product(*(each.values for each in grid)))


def chunks(sweep: Sweep, arm: Arm) -> list[Chunk]:
    """The trials of an arm's map: as many whole points each as ``chunk`` members hold, one at least."""
    assert sweep.map is not None
    known, each = points(axes(sweep, arm)), max(1, sweep.map.chunk // sweep.seeds)
    return [
        Chunk(first, tuple(own), tuple(range(sweep.seeds)) * len(own))
        for first in range(0, len(known), each)
        if (own := known[first : first + each])
    ]


def hypers_of(sweep: Sweep, arm: Arm, trial: Trial) -> dict[str, list[float]]:
    """What the members of a map's trial differ in: a value a member of each axis, a point's seeds side by side.

    Empty for a trial of any other kind.
    """
    if sweep.map is None or trial.kind != MAP:
        return {}
    own = chunks(sweep, arm)[trial.number].points
    return {
        name: [point[index] for point in own for _ in range(sweep.seeds)] for index, name in enumerate(sweep.map.axes)
    }


def _spaced(low: float, high: float, count: int, scale: str) -> list[float]:
    if scale == LOG:
        inner = [low * (high / low) ** (index / (count - 1)) for index in range(1, count - 1)]
    else:
        inner = [low + (high - low) * index / (count - 1) for index in range(1, count - 1)]
    return [float(low), *inner, float(high)]
