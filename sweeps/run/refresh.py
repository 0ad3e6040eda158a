"""The report while a sweep runs: written anew by a process of its own, as `sweeps report` does, so no worker waits."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from sweeps.records.folder import Folder

FIRST, EVERY = 20.0, 60.0  # seconds until the first page, and between them
SHARE = 20  # the pause is so many times as long as a page takes: training needs the cores
PATIENCE = 30.0  # seconds that the last one has to end


class Refresher:
    """Writes the page of the sweep in ``folder`` now and then, between ``start`` and ``stop``."""

    def __init__(self, folder: Folder, first: float | None = None, every: float | None = None) -> None:
        self._command = [*_politely(), sys.executable, "-m", "sweeps", "report", folder.name]
        self._command += ["--storage", folder.storage]
        self._first, self._every = FIRST if first is None else first, EVERY if every is None else every
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._loop, name="report", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Waits for a page that is being written: the next one to write it is whoever called this."""
        self._stopping.set()
        self._thread.join(PATIENCE)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _loop(self) -> None:
        pause = self._first
        while not self._stopping.wait(pause):
            began = time.monotonic()
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            self._process.wait()
            pause = max(self._every, SHARE * (time.monotonic() - began))


def _politely() -> Sequence[str]:
    """Behind the training, where the system knows how."""
    nice = shutil.which("nice")
    return () if nice is None else (nice, "-n", "10")
