"""How long a sweep has been driven, over all its drivers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweeps.search.studies import Studies

NOTED_EVERY = 5.0  # seconds, at the next report or start of a trial: what a killed driver may forget


class WorkTime:
    """Wall time from a sweep's first driver on, without the times when nobody drove it; kept beside the studies."""

    def __init__(self, studies: Studies, clock: Callable[[], float] = time.monotonic) -> None:
        self._studies, self._clock = studies, clock
        self._before, self._began = studies.driven(), clock()
        self._noted = 0.0

    @property
    def seconds(self) -> float:
        """So far."""
        return self._before + self._clock() - self._began

    def note(self) -> None:
        """Stores it, now and then."""
        if self._clock() - self._began - self._noted >= NOTED_EVERY:
            self._noted = self._clock() - self._began
            self._studies.note_driven(self.seconds)
