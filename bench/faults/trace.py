"""What the steps that were written down say: which attempts there were, what was trained again, what came out wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.faults.work import LENGTH, REPORT_EVERY, Step, undisturbed


class Attempt(NamedTuple):
    """Consecutive steps of one trial in one process. ``reached``: the last step of any attempt that began earlier, when
    this one began."""

    key: str
    steps: list[Step]
    reached: int

    @property
    def first(self) -> int:
        """Its first step."""
        return self.steps[0].step

    @property
    def restarted(self) -> bool:
        """From nothing, although a report, and so a checkpoint, lay behind."""
        return self.first == 1 and self.reached > REPORT_EVERY

    @property
    def again(self) -> int:
        """Field units that had been trained before."""
        return max(0, min(self.reached, self.steps[-1].step) - self.first + 1)


class Trace:
    """All steps of one sweep."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.trials: dict[str, list[Step]] = defaultdict(list)
        for step in steps:
            self.trials[step.key].append(step)
        self.attempts = [attempt for key, own in self.trials.items() for attempt in _attempts(key, own)]

    def reports(self, key: str, finished: bool) -> set[int]:
        """The reports of a trial that lie behind it."""
        reached = max(step.step for step in self.trials[key]) - (not finished)
        return set(range(REPORT_EVERY, reached + 1, REPORT_EVERY))

    @property
    def recomputed(self) -> int:
        """Field units trained more than once."""
        return sum(len(own) - len({step.step for step in own}) for own in self.trials.values())

    @property
    def resumed(self) -> int:
        """Attempts that began where a checkpoint was."""
        return sum(attempt.first > 1 for attempt in self.attempts)

    def wrong(self, finished: Iterable[str]) -> int:
        """Finished trials whose last step is not the one of an undisturbed training."""
        return sum(self._is_wrong(key) for key in finished if key in self.trials)

    def _is_wrong(self, key: str) -> bool:
        last = self.trials[key][-1]
        return last.step != LENGTH or last.at != undisturbed(last.arm, last.kind, last.lr, last.lr_ratio)


def _attempts(key: str, steps: Sequence[Step]) -> list[Attempt]:
    found: list[Attempt] = []
    open_: dict[int, Attempt] = {}
    reached = 0
    for step in steps:
        own = open_.get(step.pid)
        if own is not None and own.steps[-1].step == step.step - 1:
            own.steps.append(step)
        else:
            open_[step.pid] = Attempt(key, [step], reached)
            found.append(open_[step.pid])
        reached = max(reached, step.step)
    return found
