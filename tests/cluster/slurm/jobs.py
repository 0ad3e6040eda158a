"""What a Slurm job of a sweep did and left, read from the records and from the machine."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

import psutil


class Attempt(NamedTuple):
    """One attempt at a trial: when it began, the process that trains it, its committed reports in field units."""

    trial: str
    began: float
    worker: int
    steps: list[int]


def attempts(sweep: Path) -> list[Attempt]:
    """Of all trials of a sweep's folder, in order."""
    found = []
    begun = [begin.parent for begin in sweep.glob("trials/*/*/attempt-*/begin.json")]
    for folder in sorted(begun, key=_order):
        known = [int(history.stem) for history in (folder / "history").glob("*.json")]
        key = folder.parent.relative_to(sweep / "trials").as_posix()
        found.append(Attempt(key, (folder / "begin.json").stat().st_mtime, _worker(folder), sorted(known)))
    return found


def midway(sweep: Path, length: int, since: float) -> bool:
    """Whether an attempt that began after ``since`` has reported, and is not through."""
    return any(each.began > since and each.steps and each.steps[-1] < length for each in attempts(sweep))


class Resumed(NamedTuple):
    """What interruptions cost: attempts that began where an earlier one had reported, attempts that began anew although
    one had, reports that were made twice, and the most field units between a last report and where the next began."""

    resumed: int
    anew: int
    twice: int
    gap: int


def resumed(sweep: Path, report_every: int) -> Resumed:
    """Over all trials."""
    by_trial: dict[str, list[Attempt]] = {}
    for attempt in attempts(sweep):
        by_trial.setdefault(attempt.trial, []).append(attempt)
    again = anew = twice = gap = 0
    for own in by_trial.values():
        reached = 0
        for attempt in own:
            twice += sum(step <= reached for step in attempt.steps)
            if reached and attempt.steps:
                again += attempt.steps[0] > report_every
                anew += attempt.steps[0] <= report_every
                gap = max(gap, attempt.steps[0] - reached)
            reached = max([reached, *attempt.steps])
    return Resumed(again, anew, twice, gap)


def left(job: str) -> list[str]:
    """Processes and folders of a job that are there."""
    rooms = [str(path) for path in Path("/tmp").glob(f"ray-job-{job}.*")]
    mark = re.compile(rf"/tmp/ray-job-{job}\.")
    return rooms + [line for line in (_told(process) for process in psutil.process_iter()) if mark.search(line)]


def session(job: str, node: int) -> int | None:
    """The session that all of a node's Ray belongs to; None before it has one."""
    started = re.compile(rf"start .*--temp-dir=/tmp/ray-job-{job}\.{node}\.")
    return next((each.pid for each in psutil.process_iter() if started.search(_told(each))), None)


def members(session: int) -> list[psutil.Process]:
    """The processes of a session."""
    return [each for each in psutil.process_iter() if _session(each.pid) == session]


def holding(secret: str) -> list[str]:
    """Processes that have ``secret`` in their command line or environment."""
    return [told for told in (_told(process) for process in psutil.process_iter()) if secret in told]


def _told(process: psutil.Process) -> str:
    try:
        return " ".join([*process.cmdline(), *(f"{name}={value}" for name, value in process.environ().items())])
    except psutil.Error:
        return ""


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _worker(folder: Path) -> int:
    noted = folder / "worker.json"
    return int(json.loads(noted.read_bytes())["pid"]) if noted.exists() else 0


def _order(folder: Path) -> tuple[str, int]:
    return str(folder.parent), _number(folder)


def _number(folder: Path) -> int:
    return int(folder.name.removeprefix("attempt-"))
