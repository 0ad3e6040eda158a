"""The process that a trial is trained in: who it is, so that it can be ended, and nothing else by mistake."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from sweeps.records.store import Store
    from sweeps.search.trials import Trial


class Worker(NamedTuple):
    """A process by host, pid and ``began``: pids come again."""

    host: str
    pid: int
    started: float

    @classmethod
    def here(cls) -> Worker:
        """This process."""
        return cls(socket.gethostname(), os.getpid(), began(psutil.Process()))

    def kill(self) -> bool:
        """SIGKILL, if it is a living process of this host; whether it was."""
        if self.host != socket.gethostname():
            return False
        try:
            process = psutil.Process(self.pid)
            if abs(began(process) - self.started) >= 1:
                return False
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            return False
        return True


def began(process: psutil.Process) -> float:
    """When a process began, in seconds after its machine did; psutil's own moment moves when the clock is set."""
    return process.create_time() - psutil.boot_time()


def register(store: Store, trial: Trial) -> None:
    """Notes in the attempt's record that this process trains it; a storage that is out has no place for that."""
    with contextlib.suppress(OSError):
        store.replace(_place(trial), json.dumps(Worker.here()._asdict()).encode())


def registered(store: Store, trial: Trial) -> Worker | None:
    """The process that trains this attempt; None where it has not begun, or could not be noted."""
    try:
        return Worker(**json.loads(store.get(_place(trial))))
    except (OSError, ValueError, TypeError):
        return None


def _place(trial: Trial) -> str:
    return f"trials/{trial.key}/attempt-{trial.attempt}/worker.json"
