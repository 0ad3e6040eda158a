"""Threads beside the training that nobody waits for at the end: one for a single piece of work, one that repeats it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
SLOWEST = 60.0  # seconds between tries of work that keeps failing
SHARE = 1  # the pause is this many times the work, up to three times the usual one: training needs the cores


class Background:
    """Runs ``work`` every ``every`` seconds on a daemon thread.

    An exception is kept in ``error`` until a pass succeeds, and the pause doubles up to a minute meanwhile.
    """

    def __init__(self, work: Callable[[], object], every: float) -> None:
        self.error: Exception | None = None
        self._work = work
        self._every = every
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread; its first pass is at once. Starting it again is no error."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._loop, name="tracker", daemon=True)
            self._thread.start()

    def stop(self, final: bool) -> None:
        """Waits for the pass in progress, and then with ``final`` makes a last one, here."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join()
            self._thread = None
        if final:
            self._once()

    def _loop(self) -> None:
        pause = self._every
        while True:
            began = time.monotonic()
            succeeded = self._once()
            pause = self._every if succeeded else min(SLOWEST, 2 * pause)
            if self._stopping.wait(max(pause, min(3 * self._every, SHARE * (time.monotonic() - began)))):
                return

    def _once(self) -> bool:
        try:
            self._work()
        except Exception as error:
            self.error = error
            return False
        self.error = None
        return True


def promise(work: Callable[[], T], name: str) -> Future[T]:
    """What ``work`` will have returned, or raised, on a daemon thread."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
