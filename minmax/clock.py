"""How far a run is, in steps and in field units, and when its reports are due."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import Optimizer, State


class Clock:
    """Goes on by one step at a time, over ``marks`` in steps or, ``by_cost``, in field units; the last is the end.

    ``step``, ``spent``: steps and field units so far, of which ``cost`` is what one step is declared to take. ``at``:
    the latest mark that was passed. ``steps``: of the whole run; by cost, as many as that length is declared to hold.
    """

    def __init__(self, marks: Sequence[float], by_cost: bool, cost: float) -> None:
        self._marks, self._by_cost = marks, by_cost
        self.steps = max(1, round(marks[-1] / cost)) if by_cost else int(marks[-1])
        self.step, self.spent, self.at = 0, 0.0, 0.0
        self._last = 0.0

    def restore(self, state: State) -> None:
        """Goes on from where the run of this state was."""
        self.step, self.spent = int(state["step"]), float(state["spent"])
        self.at = float(state["at"]) if self._by_cost else self.step

    def tick(self, cost: float) -> None:
        """A step was made, for so many field units."""
        self.step += 1
        self.spent += cost
        self._last = cost

    def is_due(self) -> bool:
        """Whether a mark was passed since the last one, which is ``at`` then; by cost, that is at the step that ends
        nearest to it."""
        passed = bisect_right(self._marks, self.spent + self._last / 2 if self._by_cost else self.step)
        if not passed or self._marks[passed - 1] <= self.at:
            return False
        self.at = self._marks[passed - 1]
        return True

    @property
    def is_over(self) -> bool:
        """Whether the end was passed."""
        return self.at >= self._marks[-1]

    @property
    def elapsed(self) -> int:
        """How many of ``steps`` lie behind, for schedules; by cost, as many as the part of the length."""
        if not self._by_cost:
            return self.step
        return min(round(self.spent / self._marks[-1] * self.steps), self.steps - 1)


def end_of(steps: int | None, length: float | None) -> float:
    """Where a run ends, in steps or in field units.

    Raises:
        ValueError: both are given, or less than 1.
    """
    if steps is not None and length is not None:
        raise ValueError(f"length: {length:g} given beside {steps} steps; one of them is allowed")
    name, end = ("length", length) if length is not None else ("steps", 1000 if steps is None else steps)
    if not 1 <= end < math.inf:
        raise ValueError(f"{name}: {end:g} given; at least 1 is allowed")
    return end


def marks_until(end: float, report_every: float | Collection[float] | None) -> list[float]:
    """Where reports are due, in order; the last is the end.

    >>> marks_until(10, 4), marks_until(10, [2, 12]), marks_until(10, None)
    ([4, 8, 10], [2, 10], [10])

    Raises:
        ValueError: one is below 1.
    """
    if report_every is None:
        return [end]
    marks = [report_every] if isinstance(report_every, (int, float)) else sorted(report_every)
    if marks and not marks[0] >= 1:
        raise ValueError(f"report_every: {marks[0]:g} given; at least 1 is allowed")
    if isinstance(report_every, (int, float)):
        marks = [index * report_every for index in range(1, int(end // report_every) + 1)]
    return [*(mark for mark in marks if mark < end), end]


def cost_of(info: dict[str, Tensor], optimizer: Optimizer) -> float:
    """Of a step, the members' mean; what it is declared to be where it does not say, or says nothing sensible."""
    if "cost" not in info:
        return optimizer.cost
    said = info["cost"].double()
    return torch.where(said.isfinite() & (said > 0), said, optimizer.cost).mean().item()
