"""Where a sweep stands, as plain data, and how long the rest will take."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class ArmProgress(NamedTuple):
    """One arm. ``done`` counts every search trial that ended; ``pruned``, ``diverged`` and ``failed`` are among them.

    ``best`` is the best objective and ``success`` the best success rate of a search trial so far (None before the
    first); ``confirm`` is one word on the confirmation: ``waiting``, ``running``, ``done``, ``failed`` or ``none``.
    """

    arm: str
    total: int
    done: int = 0
    running: int = 0
    pruned: int = 0
    diverged: int = 0
    failed: int = 0
    best: float | None = None
    success: float | None = None
    confirm: str = "waiting"


class TrialProgress(NamedTuple):
    """A trial that runs: how far it is, in field units, the objective at its reports, its members' success now."""

    key: str
    step: int
    length: int
    values: tuple[float, ...] = ()
    success: float | None = None


class Leader(NamedTuple):
    """The best search trial so far; ``successes`` of its ``seeds`` seeds (None without a rule of success)."""

    key: str
    value: float
    successes: int | None
    seeds: int


class Snapshot(NamedTuple):
    """The sweep at one moment.

    ``spent`` and ``total`` are work in field units, confirmation included: what all trials have trained so far, also
    before a resume and in trials still running, and what the sweep will have trained at its end as far as known (a
    pruned trial gives back its rest). ``doing`` is a few words on what happens now (``starting Ray``), or empty.
    ``trials`` are those that run now, ``leader`` the best so far.
    """

    arms: tuple[ArmProgress, ...]
    spent: float
    total: float
    doing: str = ""
    trials: tuple[TrialProgress, ...] = ()
    leader: Leader | None = None

    @property
    def share(self) -> float:
        """The share of the work that is done, between 0 and 1."""
        return min(1.0, self.spent / self.total) if self.total > 0 else 0.0


class Pace:
    """The observed rate of work, over the recent half of the run, and what it means for the rest.

    Only what was seen counts: work done before a resume says nothing of this machine, and the time until a first trial
    runs says nothing of training. The half is at least ``window`` seconds, so that trials reporting in turn do not make
    the estimate jump.
    """

    def __init__(self, window: float = 60.0) -> None:
        self._window = window
        self._seen: deque[tuple[float, float]] = deque()
        self._begin = 0.0

    def see(self, time: float, spent: float, working: bool = True) -> None:
        """Notes the field units spent at a time (seconds on any steady clock), and whether anything trains."""
        if not self._seen or (not working and len(self._seen) == 1 and spent == self._seen[0][1]):
            self._seen = deque([(time, spent)])
            self._begin = time
            return
        if spent == self._seen[-1][1]:
            return
        self._seen.append((time, spent))
        since = time - max(self._window, (time - self._begin) / 2)
        while self._seen[1][0] <= since:
            self._seen.popleft()

    def left(self, now: float, total: float) -> float | None:
        """Seconds until ``total`` field units are spent, or None before any work was seen."""
        if not self._seen:
            return None
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        if total <= after:
            return 0.0
        if after <= before or end <= start:
            return None
        # Between two reports the time runs down; past the usual gap between them, work has become slower.
        gap = (end - start) / (len(self._seen) - 1)
        late = max(0.0, now - end - gap)
        return max(0.0, (total - after) * (end + late - start) / (after - before) - min(now - end, gap))
