"""The progress display: a live table on a terminal, plain lines elsewhere, and never a reason for a sweep to stop."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self, TextIO, cast

import rich.live
from rich.console import Console, RenderableType

from sweeps.search.trials import FAILED, MAP, PRUNED, Trial
from sweeps.show.board import Board, board, line
from sweeps.show.progress import Pace, Snapshot
from sweeps.show.unbreakable import Unbreakable
from sweeps.show.wording import inert, number, percent, setting

if TYPE_CHECKING:
    from sweeps.run.trial import Progress


class Live:
    """Shows snapshots of a running sweep. Use as a context manager; ``update`` as often as convenient.

    On a terminal the table is redrawn four times a second whatever the rate of updates. In plain mode each trial that
    ends and each message is a line, and a line of totals follows every ``every`` seconds while updates come.

    Args:
        plain: lines instead of a table; by default wherever the file is no terminal, or a dumb one.
        file: where to write, standard output by default. A pipe that closes silences the display and nothing else.
        every: seconds between lines of totals in plain mode.
        clock: steady seconds.
    """

    def __init__(
        self,
        plain: bool | None = None,
        file: TextIO | None = None,
        every: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = Unbreakable(file or sys.stdout)
        self._console = Console(file=cast(IO[str], self._file))  # rich asks a file for no more than this one has
        dumb = not self._file.isatty() or self._console.is_dumb_terminal
        self._plain = dumb if plain is None else plain
        self._every = every
        self._clock = clock
        self._start = clock()
        self._pace = Pace()
        self._snapshot: Snapshot | None = None
        self._printed: float | None = None
        self._shown: deque[str] = deque(maxlen=3)
        self._screen: rich.live.Live | None = None
        self.messages: queue.SimpleQueue[str] = queue.SimpleQueue()
        """One-line events from any thread (a failed trial, an outage); shown with the next update."""

    def __enter__(self) -> Self:
        self._start = self._clock()
        if not self._plain:
            self._screen = rich.live.Live(
                get_renderable=self._draw, console=self._console, refresh_per_second=4, transient=False
            )
            self._screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drain()
        if self._screen is not None:
            self._screen.stop()
        elif self._snapshot is not None:
            self._print(line(self._board(self._snapshot)))

    def update(self, snapshot: Snapshot) -> None:
        """Takes in where the sweep stands now."""
        self._pace.see(self._clock(), snapshot.spent, any(arm.running for arm in snapshot.arms))
        self._snapshot = snapshot
        self._drain()
        due = self._printed is None or self._clock() - self._printed >= self._every
        if self._plain and due:
            self._printed = self._clock()
            self._print(line(self._board(snapshot)))

    def started(self, trial: Trial) -> None:
        """The table shows it; as a line it would say little."""

    def reported(self, trial: Trial, progress: Progress) -> None:
        """The table shows it; as a line it would say little."""

    def finished(self, trial: Trial, success: float | None = None) -> None:
        """Tells of a trial that ended; ``success`` is the share of its seeds that succeeded."""
        self.messages.put(sentence(trial, success))
        self._drain()

    def alert(self, text: str) -> None:
        """Shows a line at once, also from a signal handler: beside the table, or on standard error."""
        if self._screen is not None:
            self.messages.put(text)
        else:
            with contextlib.suppress(OSError):
                os.write(2, f"{inert(text)}\n".encode())

    def _drain(self) -> None:
        for text in _waiting(self.messages):
            self._shown.append(text)
            if self._plain:
                self._print(text)

    def _print(self, text: str) -> None:
        self._file.write(inert(text) + "\n")
        self._file.flush()

    def _board(self, snapshot: Snapshot) -> Board:
        now = self._clock()
        left = self._pace.left(now, snapshot.total)
        return Board(snapshot, now - self._start, left, tuple(self._shown))

    def _draw(self) -> RenderableType:
        if self._snapshot is None:
            return ""
        self._drain()
        ascii_only = not self._console.encoding.startswith("utf")
        return board(self._board(self._snapshot), self._console.width, ascii_only)


class Quiet(Live):
    """Only what went wrong, on standard error."""

    def __init__(self, file: TextIO | None = None) -> None:
        super().__init__(plain=True, file=file or sys.stderr)

    def update(self, snapshot: Snapshot) -> None:
        """Messages that came meanwhile."""
        self._drain()

    def finished(self, trial: Trial, success: float | None = None) -> None:
        """A trial that failed."""
        if trial.state == FAILED:
            super().finished(trial, success)


def sentence(trial: Trial, success: float | None = None) -> str:
    """A trial that ended, in one line: ``consensus/search-0003 complete: 3.21, success 88%; lr 4e-4``."""
    facts = [number(trial.value)] if trial.value is not None and trial.state != PRUNED else []
    facts += [f"success {percent(success)}"] if success is not None else []
    facts += [trial.error] if trial.error else []
    chosen = "" if trial.kind == MAP else f"; {setting(trial.params, ', ')}"
    return f"{trial.key} {trial.state}{': ' if facts else ''}{', '.join(facts)}{chosen}"


def _waiting(messages: queue.SimpleQueue[str]) -> Iterable[str]:
    while True:
        try:
            yield messages.get_nowait()
        except queue.Empty:
            return
