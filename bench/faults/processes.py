"""Drivers as processes of their own, and all that they start: descendants, and what has a token in its environment.

Either alone misses some: orphans are nobody's descendants, and some processes write their titles over the environment.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

TOKEN, LEFT_AFTER = "FAULTS_TOKEN", 10.0


class Driver:
    """A command that runs in ``place``; its words are added to ``output``."""

    def __init__(self, command: list[str], place: Path, output: Path, environment: Mapping[str, str]) -> None:
        self._token = secrets.token_hex(8)
        with open(output, "ab") as said:
            self.process = subprocess.Popen(
                command, cwd=place, env={**environment, TOKEN: self._token}, stdout=said, stderr=said
            )
        self.pid = self.process.pid
        self._known: set[psutil.Process] = set()

    @property
    def lives(self) -> bool:
        """Whether the driver itself is there."""
        return self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL, of the driver alone."""
        self.look()
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self, seconds: float) -> int | None:
        """Its exit code; None if it is not over in time."""
        wait_for(lambda: not self.look(), seconds, 0.5)
        return self.process.poll()

    def look(self) -> bool:
        """Takes note of what runs below it; whether it still lives."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._known |= set(psutil.Process(self.pid).children(recursive=True))
        return self.lives

    def left(self) -> list[psutil.Process]:
        """The processes that it started, and those that they did, which are still there."""
        mark = f"{TOKEN}={self._token}".encode()
        marked = {process for process in psutil.process_iter() if mark in _environment(process.pid)}
        return [process for process in self._known | marked if _lives(process)]

    def clear(self) -> None:
        """Ends whatever is left of it."""
        for process in self.left():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()


class Leftovers:
    """What drivers leave behind, counted ten seconds after each is gone while the next one runs already."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self._timers: list[threading.Timer] = []

    def watch(self, driver: Driver) -> None:
        """Counts in ten seconds."""
        timer = threading.Timer(LEFT_AFTER, lambda: self.counts.append(len(driver.left())))
        timer.start()
        self._timers.append(timer)

    def most(self) -> int:
        """Of all drivers, once the last is counted."""
        for timer in self._timers:
            timer.join()
        return max(self.counts, default=0)


def wait_for(condition: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """Whether it became true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it is gone, or it is not ours
        return b""
