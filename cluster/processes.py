"""Processes that we start: known by pid and beginning, since pids come again, and ended by nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

MARK = "SWEEPS_STARTED_FOR"  # in the environment of what we start, and so of its children, also of orphans
EVERY = 0.1  # seconds between looks


class Step(NamedTuple):
    """A signal, and for how many seconds it is waited for what it does."""

    signal: signal.Signals
    seconds: float


class Process(NamedTuple):
    """A process that was started; ``started`` is when, by the system's own books."""

    name: str
    pid: int
    started: float

    @property
    def found(self) -> psutil.Process | None:
        """That very process, if it lives."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) < 1 and _lives(process):
                return process
        return None


def start(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    mark: str,
    umask: int = -1,
) -> Process:
    """Starts ``command`` in ``folder``, writing to ``log``, as the leader of a session of its own that outlives us."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "ab") as output:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**environment, MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=umask,
        )
    return Process(name, process.pid, psutil.Process(process.pid).create_time())


def end(process: Process, steps: Sequence[Step]) -> bool:
    """Ends a process and all that it started: asks it, step by step, and kills what is then left; whether that is gone.

    What it had started is found while it lives. What it left when it died before is `marked`.
    """
    found = process.found
    if found is None:
        return True
    tree = [found, *_below(found)]
    for step in steps:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.send_signal(step.signal)
        if _gone(tree, step.seconds):
            return True
        tree += [child for child in _below(found) if child not in tree]
    return kill(tree)


def kill(processes: Sequence[psutil.Process]) -> bool:
    """SIGKILL to each that lives; whether they are gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()  # psutil compares the beginning first
    return _gone(processes, 10)


def marked(mark: str) -> Iterator[psutil.Process]:
    """Living processes with ``mark`` in their environment, as far as we may see it."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and _lives(process):
                yield process


def orphans(mark: str, alive: Sequence[Process] = ()) -> list[psutil.Process]:
    """Those `marked` that are neither among ``alive`` nor below them."""
    kept = [found for process in alive if (found := process.found) is not None]
    kept += [child for process in kept for child in _below(process)]
    return [process for process in marked(mark) if process not in kept]


def pid_lives(pid: int) -> bool:
    """Whether there is such a process, and no zombie."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return _lives(psutil.Process(pid))
    return False


def _below(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def _lives(process: psutil.Process) -> bool:
    """Also says no of a zombie: in a container there may be no init that asks after the dead."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _gone(processes: Sequence[psutil.Process], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while any(map(_lives, processes)):
        if time.monotonic() > until:
            return False
        time.sleep(EVERY)
    return True
