"""What shows a running sweep: a table, lines, JSON lines, or next to nothing. All are told the same."""

from __future__ import annotations

import queue
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from sweeps.show.events import JsonLines
from sweeps.show.live import Live, Quiet

if TYPE_CHECKING:
    from sweeps.run.service import Service
    from sweeps.run.trial import Progress
    from sweeps.search.trials import Trial
    from sweeps.show.progress import Snapshot


class Display(Protocol):
    """Use as a context manager. Nothing that it writes to can stop a sweep."""

    messages: queue.SimpleQueue[str]

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def alert(self, text: str) -> None:
        """Shows a line at once, also from a signal handler."""

    def update(self, snapshot: Snapshot) -> None:
        """Takes in where the sweep stands now."""

    def started(self, trial: Trial) -> None:
        """An attempt began."""

    def reported(self, trial: Trial, progress: Progress) -> None:
        """A trial came to a report."""

    def finished(self, trial: Trial, success: float | None = None) -> None:
        """A trial ended; ``success`` is the share of its seeds that succeeded."""


DISPLAYS: dict[str, Callable[[], Display]] = {
    "live": lambda: Live(plain=False),
    "plain": lambda: Live(plain=True),
    "quiet": Quiet,
    "json": JsonLines,
}


class Changes:
    """What happened in a service since it was last asked; attempts and reports from before it was made are no news."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._attempts = {trial.key: trial.attempt for trial in service.studies.trials()}
        self._steps = {key: progress.step for key, progress in service.latest.items()}

    def tell(self, display: Display) -> None:
        """Tells it in the order in which it happened to each trial."""
        service = self._service
        for trial in service.studies.trials():
            if trial.attempt > self._attempts.get(trial.key, 0):
                self._attempts[trial.key] = trial.attempt
                display.started(trial)
            progress = service.latest.get(trial.key)
            if progress is not None and progress.step != self._steps.get(trial.key):
                self._steps[trial.key] = progress.step
                display.reported(trial, progress)
        while service.events:
            display.messages.put(service.events.pop(0))
        while service.over:
            trial = service.over.pop(0)
            last = service.latest.get(trial.key)
            display.finished(trial, None if last is None else last.success)
