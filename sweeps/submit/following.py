"""Sweeps on a cluster seen from here: which there are, what their drivers say, and their stop."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Iterator

from sweeps.submit.jobs import Away, Job, Jobs
from sweeps.submit.submitting import VARIABLES

EVERY = 1.0  # seconds between looks
SILENCE = 120.0  # seconds for which a head may not answer (it is busy, or the network is) before following ends
LOOKING = 120.0  # seconds for the head to say how far a sweep is
TAIL = 20  # lines
WORDS = {"PENDING": "starting", "RUNNING": "running", "SUCCEEDED": "finished", "STOPPED": "stopped", "FAILED": "failed"}


class NoDriver(LookupError):
    """No driver of that sweep was submitted to this cluster; the message names those there are."""


def drivers(jobs: Jobs) -> dict[str, Job]:
    """Each sweep's last driver, by the sweep's name."""
    return {job.metadata["sweep"]: job for job in jobs.all() if "sweep" in job.metadata}


def driver(jobs: Jobs, sweep: str) -> Job:
    """The sweep's last driver.

    Raises:
        NoDriver: it has none here.
    """
    known = drivers(jobs)
    if sweep not in known:
        raise NoDriver(f"no sweep {sweep!r} on {jobs.address}; there is: {', '.join(sorted(known)) or 'none'}")
    return known[sweep]


def told(sweep: str, job: Job) -> str:
    """One line: how the driver is, since when, and what it ended with."""
    since = f" since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(job.started))}" if job.started else ""
    why = f": {job.message[-300:]}" if job.status == "FAILED" else ""
    return f"{sweep}: {WORDS.get(job.status, job.status)}{since} (job {job.id}){why}"


def lines(jobs: Jobs, job: Job, follow: bool) -> Iterator[str]:
    """What the driver said, in pieces as it comes; with ``follow`` until it has ended.

    Raises:
        Away: the head did not answer for two minutes; with ``follow`` false, at once.
    """
    seen, heard = 0, time.monotonic()
    while True:
        try:
            over, said = jobs.one(job.id).is_over, jobs.log(job.id)
            heard = time.monotonic()
        except Away:
            if not follow or time.monotonic() - heard > SILENCE:
                raise
            time.sleep(EVERY)
            continue
        yield said[seen:]
        seen = len(said)
        if over or not follow:
            return
        time.sleep(EVERY)


def standing(jobs: Jobs, sweep: str, job: Job) -> str:
    """How far the sweep is, as ``sweeps status`` says it on the head; the end of its log where that cannot be asked."""
    if job.status != "RUNNING":
        return "\n".join(jobs.log(job.id).splitlines()[-TAIL:])
    asked = f"status-{sweep}-{secrets.token_hex(4)}"
    command = shlex.join(["python", "-m", "sweeps", "status", sweep, "--storage", job.metadata["storage"]])
    jobs.submit(asked, command, job.package, {}, {**VARIABLES, "COLUMNS": "110"})
    end = time.monotonic() + LOOKING
    while not jobs.one(asked).is_over and time.monotonic() < end:
        time.sleep(EVERY)
    said = jobs.log(asked)
    if jobs.one(asked).is_over:
        jobs.delete(asked)
    return "\n".join(line for line in said.splitlines() if not _is_of_ray(line))


def stop(jobs: Jobs, job: Job, seconds: float) -> bool:
    """Asks the driver to stop, as Ctrl-C does, and waits for its end; whether it came."""
    if not job.is_over:
        jobs.stop(job.id)
    end = time.monotonic() + seconds
    while not jobs.one(job.id).is_over:
        if time.monotonic() > end:
            return False
        time.sleep(EVERY)
    return True


def _is_of_ray(line: str) -> bool:
    return "job_manager.py" in line or line.startswith("Running entrypoint for job")
