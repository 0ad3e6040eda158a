"""A running sweep as JSON lines, for programs: one object a line, its names for good (docs/running.md lists them)."""

from __future__ import annotations

import json
import math
import os
import queue
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TextIO

from sweeps.judge.maps import ArmMap
from sweeps.judge.ranking import Ranking, as_json
from sweeps.search.trials import COMPLETE, CONFIRM, FAILED, PRUNED, Trial
from sweeps.show.unbreakable import Unbreakable

if TYPE_CHECKING:
    from sweeps.run.trial import Progress
    from sweeps.show.progress import Snapshot

KINDS = {COMPLETE: "finished", PRUNED: "pruned", FAILED: "failed"}


class JsonLines:
    """Writes ``{"time": …, "kind": …, "trial": …}`` with what belongs to the kind.

    Args:
        file: standard output by default. A pipe that closes ends the lines and nothing else.
        clock: seconds since 1970.
    """

    def __init__(self, file: TextIO | None = None, clock: Callable[[], float] = time.time) -> None:
        self._file, self._clock = Unbreakable(file or sys.stdout), clock
        self.messages: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._drain()

    def alert(self, text: str) -> None:
        """A warning with the next line, and in words on standard error at once."""
        self.messages.put(text)
        with suppress(OSError):
            os.write(2, f"{text}\n".encode())

    def update(self, snapshot: Snapshot) -> None:
        """Nothing but warnings that came meanwhile: how far a sweep is follows from the trials' events."""
        self._drain()

    def started(self, trial: Trial) -> None:
        """``started``: attempt, params, how many seeds."""
        self._write("started", trial, attempt=trial.attempt, params=trial.params, seeds=len(trial.seeds))

    def reported(self, trial: Trial, progress: Progress) -> None:
        """``report``: step, value, success, diverged."""
        self._write("report", trial, step=progress.step, value=progress.value, success=progress.success,
                    diverged=progress.diverged)  # fmt: skip

    def finished(self, trial: Trial, success: float | None = None) -> None:
        """``finished``, ``confirmed``, ``pruned`` or ``failed``: value, success, params, error."""
        kind = "confirmed" if (trial.kind, trial.state) == (CONFIRM, COMPLETE) else KINDS[trial.state]
        self._write(kind, trial, value=trial.value, success=success, params=trial.params, error=trial.error)

    def done(self, status: str, ranking: Ranking, maps: Sequence[ArmMap] = (), **more: str | None) -> None:
        """``done``, the last: how it ended, and the ranking as ``ranking.json`` has it; of a map, how many points
        of each arm came to what."""
        self._drain()
        found = {"maps": {own.arm: own.counts for own in maps}} if maps else {"ranking": json.loads(as_json(ranking))}
        self._write("done", None, status=status, **found, **more)

    def _drain(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._write("warning", None, message=self.messages.get_nowait())

    def _write(self, kind: str, trial: Trial | None, **values: Any) -> None:
        whose = {} if trial is None else {"trial": trial.key, "arm": trial.arm}
        event = {"time": round(self._clock(), 3), "kind": kind, **whose, **values}
        finite = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in event.items()}
        self._file.write(json.dumps(finite, allow_nan=False) + "\n")
        self._file.flush()
