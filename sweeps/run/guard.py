"""Nothing outlives a driver: a process beside it waits for its end, however it comes, and then ends what it started.

After SIGKILL of a driver Ray's own processes go on for a minute or two: its agents, and for some seconds its workers,
which would train and record what nobody asks for. The driver alone holds a pipe, which ends with it, as the guard sees.
The guard knows what the driver started in two ways, as neither finds all: it looks at the driver's descendants now and
then, and what is started within ``guarded`` carries a mark in its environment, which every fork keeps (but Ray's agents
write their titles over theirs). As a script this is the guard.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

MARK = "SWEEPS_GUARDED"
EVERY = 1.0  # seconds between looks
LONGEST = 60.0  # seconds for what is found to be gone: each may start another just before, and a machine be busy


@contextmanager
def guarded() -> Iterator[None]:
    """What is started within ends with this process at the latest, or with the ``with`` block."""
    mark, before = secrets.token_hex(16), os.environ.get(MARK)
    others = [str(process.pid) for process in _below(os.getpid())]
    command = [sys.executable, __file__, mark, str(os.getpid()), *others]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    os.environ[MARK] = mark
    try:
        yield
    finally:
        if before is None:
            del os.environ[MARK]
        else:
            os.environ[MARK] = before
        guard.communicate()


def watch(mark: str, driver: int, *others: int) -> None:
    """Returns once the other end of standard input is closed and nothing is left that ``driver`` started meanwhile.

    ``others``: what it had started before.
    """
    apart = {os.getpid(), *others}
    known = set[psutil.Process]()
    while not select.select([sys.stdin], [], [], EVERY)[0]:  # nobody writes: it can be read when it is closed
        known |= {process for process in _below(driver) if process.pid not in apart}
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        known |= {process for each in known if each.is_running() for process in _below(each.pid)}
        found = [process for process in known | _marked(mark) if _lives(process)]
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if not found:
            return
        psutil.wait_procs(found, timeout=1)


def _lives(process: psutil.Process) -> bool:
    """Whether it is there, and not merely waiting for a parent to notice its end."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _below(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _marked(mark: str) -> set[psutil.Process]:
    return {process for process in psutil.process_iter() if _mark(process) == mark}


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):  # it is gone, or another user's
        return None


if __name__ == "__main__":
    watch(sys.argv[1], *map(int, sys.argv[2:]))
