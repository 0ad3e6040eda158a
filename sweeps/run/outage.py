"""Who waits for the storage, told once; and when a sweep gives up waiting."""

from __future__ import annotations

import time
from collections.abc import Callable

from sweeps.run.patience import Waiting
from sweeps.spec.limits import duration


class StorageOut(OSError):
    """The storage was out for as long as the sweep waits; the message says why."""


class Outage:
    """``tell`` is called with one line when the first of a sweep's parts waits, and when none does any more.

    A wait for room on a disk has no end; any other ``is_over`` after ``limit`` seconds.
    """

    def __init__(
        self, limit: float, tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._tell, self._clock = limit, tell, clock
        self._waits: set[str] = set()
        self._paused = self._out_since = 0.0
        self._is_out = False
        self.given_up: str | None = None

    def begins(self, who: str, waiting: Waiting) -> None:
        """Something waits, or waits still."""
        now = self._clock()
        if not self._waits:
            self._paused = now
            self._tell(f"paused, and goes on by itself: {waiting.reason}")
        self._waits.add(who)
        if waiting.for_room:
            self._is_out = False
        elif not self._is_out:
            self._is_out, self._out_since = True, now
        elif now - self._out_since > self._limit:
            self.given_up = waiting.reason

    def ends(self, who: str) -> None:
        """It does no longer, if it did."""
        if who in self._waits:
            self._waits.discard(who)
            if not self._waits:
                self._is_out = False
                self._tell(f"goes on, after {duration(round(self._clock() - self._paused, 1))} of waiting")

    def check(self) -> None:
        """Raises ``StorageOut`` if the sweep gave up."""
        if self.given_up is not None:
            raise StorageOut(f"the storage was out for {duration(self._limit)} (limits.outage): {self.given_up}")
