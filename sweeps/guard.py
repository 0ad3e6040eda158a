"""Nothing outlives a driver: a process beside it waits for its end, however it comes, and then ends what it started.

After SIGKILL of a driver Ray's own processes go on for a minute or two: its agents, and for some seconds its workers,
which would train and record what nobody asks for. What is started within ``guarded`` carries a mark in its environment,
which every fork keeps, and the driver alone holds a pipe that the guard reads, and that ends with it. As a script this
is the guard.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

MARK = "SWEEPS_GUARDED"
PASSES = 5  # what is found may start another just before it ends


@contextmanager
def guarded() -> Iterator[None]:
    """What is started within ends with this process at the latest, or with the ``with`` block."""
    mark, before = secrets.token_hex(16), os.environ.get(MARK)
    guard = subprocess.Popen(
        [sys.executable, __file__, mark], stdin=subprocess.PIPE, start_new_session=True, close_fds=True
    )
    os.environ[MARK] = mark
    try:
        yield
    finally:
        if before is None:
            del os.environ[MARK]
        else:
            os.environ[MARK] = before
        guard.communicate()


def marked(mark: str) -> list[psutil.Process]:
    """This user's processes that were started with the mark."""
    return [process for process in psutil.process_iter() if _mark(process) == mark]


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):  # it is gone, or another user's
        return None


def _end(mark: str) -> None:
    for _ in range(PASSES):
        found = marked(mark)
        for process in found:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        if not found:
            return
        psutil.wait_procs(found, timeout=1)


if __name__ == "__main__":
    sys.stdin.buffer.read()  # returns when nobody holds the other end
    _end(sys.argv[1])
