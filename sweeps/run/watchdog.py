"""Which trials have said nothing for too long: their workers hang."""

from __future__ import annotations

import time
from collections.abc import Callable

LEAST = 30 * 60.0  # seconds of silence that are never too long, unless a spec says less
INTERVALS = 20  # the same in the longest stretches between two reports so far
PATIENCE = 4  # how many times longer a trial may be silent when it is tried again, which it may be for being slow
BLINK = 5.0  # seconds; a driver that looked away for longer was busy, stopped or asleep, and may have missed reports


class Watchdog:
    """Knows when each running trial was last heard of.

    ``silence`` is how many seconds are too long. Where a spec does not say, it is the longest of half an hour and
    twenty times the longest stretch between two reports so far; and four times as long with every retry, so that what
    was slow and not hung comes through in the end.
    """

    def __init__(self, silence: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._silence, self._clock = silence, clock
        self._heard: dict[str, float] = {}
        self._patience: dict[str, int] = {}
        self._longest = 0.0
        self._looked = clock()

    def begun(self, key: str, retry: int) -> None:
        """An attempt begins, after ``retry`` failed ones."""
        self._heard[key], self._patience[key] = self._clock(), PATIENCE**retry

    def heard(self, key: str, trained: bool = True) -> None:
        """A sign of life: a report, or not (``trained``)."""
        if key in self._heard:
            now = self._clock()
            self._longest = max(self._longest, now - self._heard[key]) if trained else self._longest
            self._heard[key] = now

    def ended(self, key: str) -> None:
        """Nobody waits for it any more."""
        self._heard.pop(key, None)

    def silent(self) -> dict[str, float]:
        """Trials that have been silent for too long -> how long that is, in seconds."""
        now = self._clock()
        away, self._looked = now - self._looked, now
        if away > BLINK:
            self._heard = {key: heard + away for key, heard in self._heard.items()}
        return {key: now - heard for key, heard in self._heard.items() if now - heard > self.allowed(key)}

    def allowed(self, key: str) -> float:
        """How many seconds of silence this trial has."""
        if self._silence is not None:
            return self._silence
        return max(LEAST, INTERVALS * self._longest) * self._patience[key]
