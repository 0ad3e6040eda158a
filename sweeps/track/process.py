"""The tracker in a process of its own: MLflow never takes the interpreter from the driver, for whom workers wait.

The driver sends what trials there are, as they change; the process reads the records itself. It lives no longer than
the driver, whose end it sees, and may end at any time: another is started and compares afresh. As a module this is the
process: ``python -m sweeps.track.process FD``, with one end of a socket pair.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweeps.records.folder import Folder
    from sweeps.search.trials import Trial
    from sweeps.track.reconcile import Summary

EVERY = 1.0  # seconds between looks at what trials have changed
NICENESS = 5  # below the training's
TRIES = 2  # for the last pass


class TrackingProcess:
    """Follows the sweep in ``folder`` into its MLflow experiment; ``trials`` says, to any thread, what there are."""

    def __init__(self, folder: Folder, trials: Callable[[], list[Trial]]) -> None:
        self.error: str | None = None
        self._place = folder.storage, folder.name
        self._trials = trials
        self._process: subprocess.Popen[bytes] | None = None
        self._ours: Connection | None = None
        self._sent: dict[str, Trial] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="tracking", daemon=True)

    def start(self) -> None:
        """Begins to follow."""
        self._send()
        self._thread.start()

    def begin_to_end(self) -> None:
        """Asks for a pass over all trials as they are now, the last but for ``finish``."""
        self._feed_no_more()
        with self._or_anew():
            self._send().send(None)

    def catch_up(self) -> None:
        """Waits for the pass that was asked for, after which it is noted where MLflow has each trial; where MLflow is
        away, ``finish`` says so."""
        with self._or_anew():
            if self._ours is not None:
                self._ours.recv()

    @contextlib.contextmanager
    def _or_anew(self) -> Iterator[None]:
        """Where the process has ended, the next to ask starts another."""
        try:
            yield
        except (OSError, EOFError):
            self._end()

    def finish(self, summary: Summary) -> None:
        """Waits for a last pass, which writes the summary run too; ``error`` says in a line why, if it failed."""
        self._feed_no_more()
        try:
            for _ in range(TRIES):
                with contextlib.suppress(OSError, EOFError):
                    self.error = self._finished(summary)
                    return
                self.error = "the process that keeps MLflow in step ended before it was done"
                self._end()
        finally:
            self._end()

    def _finished(self, summary: Summary) -> str | None:
        connection = self._send()
        connection.send(summary)
        error: str | None = connection.recv()
        return error

    def _feed_no_more(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _feed(self) -> None:
        while not self._stopping.wait(EVERY):
            try:
                self._send()
            except OSError:  # it has ended; the next look starts another
                self._end()

    def _send(self) -> Connection:
        connection = self._ours or self._begin()
        changed = {trial.key: trial for trial in self._trials() if self._sent.get(trial.key) != trial}
        if changed:
            connection.send(changed)
            self._sent |= changed
        return connection

    def _begin(self) -> Connection:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        self._ours = Connection(ours.detach())
        self._ours.send(self._place)
        return self._ours

    def _end(self) -> None:
        """Nothing is left of it: what it was at is compared again by the next."""
        if self._ours is not None:
            self._ours.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._ours, self._process, self._sent = None, None, {}


def main(descriptor: int) -> None:
    """Reconciles until it is told to finish, or its driver is gone."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # a terminal's go to the driver too, who decides
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    connection, said = Connection(descriptor), SimpleQueue[Any]()
    threading.Thread(target=_hear, args=(connection, said), daemon=True).start()
    connection.send(_follow(connection, said))


def _hear(connection: Connection, said: SimpleQueue[Any]) -> None:
    """Hands on what the driver says. As it ends, so does this process, also in the midst of a pass: the next driver's
    would create the same runs."""
    try:
        while True:
            said.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)


def _follow(connection: Connection, said: SimpleQueue[Any]) -> str | None:
    from sweeps.records.folder import Folder
    from sweeps.spec.sweep import Sweep
    from sweeps.track.following import tracker_of

    folder = Folder(*said.get())
    trials: dict[str, Trial] = {}
    tracker = tracker_of(Sweep.from_normalized(folder.read()["sweep"]), folder, lambda: list(trials.values()))
    tracker.start()
    while isinstance(told := said.get(), dict | None):
        if told is None:
            tracker.stop()
            connection.send(None)
        else:
            trials = {**trials, **told}
    tracker.summary(told)
    tracker.stop()
    return tracker.error


if __name__ == "__main__":
    main(int(sys.argv[1]))
