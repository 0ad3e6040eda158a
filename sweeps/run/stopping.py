"""What SIGINT, SIGTERM and SIGHUP ask of a driver: the first to stop well, the second to stop at once.

All of it happens in handlers, which Python runs in the main thread between two steps of its own; the clock is the
kernel's, so a main thread that never comes back from some library ends too.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

GRACE = 5.0  # seconds in which running trials may come to their next report
LAST_PASS = 10.0  # seconds for the report, and for MLflow's last pass
AT_ONCE = 8.0  # seconds after which a driver that was asked twice is gone, whatever it was at
BOUNCE = 0.2  # seconds: a wrapper may pass on the very signal that the terminal sent to both
ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping:
    """Listens for the length of a ``with`` block. A signal that was ignored before (``nohup``) stays ignored.

    Args:
        tell: shows a line; called from a signal handler, so it must not wait for a lock.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.asked = False
        self.at_once = False
        self._tell = tell
        self._halt: Callable[[], None] = lambda: None
        self._grace: float | None = None  # of the section that is open
        self._last = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        for number in ASKED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._heard)
        self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._late)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def tells(self, halt: Callable[[], None]) -> None:
        """Calls ``halt`` when a stop is asked for, or now if it was; from a signal handler, like ``tell``."""
        self._halt = halt
        if self.asked:
            halt()

    def ask(self) -> None:
        """Asks for a stop, from any thread, as SIGTERM does."""
        os.kill(os.getpid(), signal.SIGTERM)

    @contextmanager
    def section(self, grace: float) -> Iterator[None]:
        """Work that has ``grace`` seconds left once a stop is asked for.

        Raises:
            KeyboardInterrupt: they are over, or it was asked for twice. Once only: what cleans up is left in peace.
        """
        if self.at_once:
            raise KeyboardInterrupt
        self._grace = grace
        if self.asked:
            signal.setitimer(signal.ITIMER_REAL, grace)
        try:
            yield
        finally:
            self._grace = None
            if not self.at_once:
                signal.setitimer(signal.ITIMER_REAL, 0)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        since, self._last = time.monotonic() - self._last, time.monotonic()
        if not self.asked:
            self.asked = True
            self._halt()
            self._tell(f"stopping: running trials have {GRACE:g} s to their next report; Ctrl-C again stops at once")
            if self._grace is not None:
                signal.setitimer(signal.ITIMER_REAL, self._grace)
        elif not self.at_once and number != signal.SIGHUP and since > BOUNCE:  # a terminal that closes sends many
            self.at_once = True
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends a process
            signal.setitimer(signal.ITIMER_REAL, AT_ONCE)
            self._interrupt()

    def _late(self, number: int, frame: FrameType | None) -> None:
        self._interrupt()

    def _interrupt(self) -> None:
        if self._grace is not None:
            self._grace = None
            raise KeyboardInterrupt
