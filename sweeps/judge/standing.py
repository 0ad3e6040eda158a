"""Where an arm stands: its row of a ranking, and what it used."""

from __future__ import annotations

from typing import NamedTuple

from sweeps.judge.stats import Interval


class Budget(NamedTuple):
    """What an arm's search used: trials by how they ended, and training in field units.

    ``complete`` trials ran their whole length and did not diverge; every trial is counted once. ``spent`` sums the
    field units the search trials trained, ``saved`` those that pruning spared, the members of a trial side by side
    counted once.
    """

    complete: int = 0
    pruned: int = 0
    diverged: int = 0
    failed: int = 0
    spent: float = 0.0
    saved: float = 0.0

    @property
    def trials(self) -> int:
        """All trials that ended."""
        return self.complete + self.pruned + self.diverged + self.failed


class Standing(NamedTuple):
    """An arm's row. ``place`` is shared where rate and median are equal; ``p`` and ``corrected`` compare it with the
    first row (None there); ``successes``, ``rate`` and ``interval`` are None without a rule of success. ``params`` are
    the one with the best confirmation of ``settings``, which are those confirmed, one a repeat of the search."""

    place: int
    arm: str
    params: dict[str, float]
    seeds: int
    successes: int | None
    rate: float | None
    interval: Interval | None
    median: float
    quartiles: Interval
    p: float | None
    corrected: float | None
    budget: Budget
    diagnoses: tuple[str, ...]
    settings: tuple[dict[str, float], ...] = ()

    @property
    def repeats(self) -> int:
        """Searches of the arm."""
        return max(1, len(self.settings))


class Unranked(NamedTuple):
    """An arm without confirmation results, and why."""

    arm: str
    reason: str
    budget: Budget
