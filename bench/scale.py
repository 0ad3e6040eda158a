"""``python -m bench.scale [--trials 2000] [--running 64]``: what one driver sustains, with trials that cost nothing.

A sweep of trials of one member and four reports each; so many of them run at once, as each asks for that share of this
machine's cores. Memory is what limits how many: a worker holds some 300 MB. Said are reports and trials a second while
the middle eight tenths of the reports came, and of the driver's own process its processor time for a report, which is
what ends its scaling: one Python thread decides, and a core has a second a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
import yaml

LENGTH = REPORTS = 4
NOWHERE = "http://127.0.0.1:9"  # nothing listens there: MLflow is another process's business


class Look(NamedTuple):
    """At one event: when, how many reports had come, how many trials were running, what the driver had used."""

    time: float
    reports: int
    ended: int
    running: int
    processor: float
    resident: int


class Rates(NamedTuple):
    """Over the middle of a sweep."""

    running: int
    reports: float  # a second
    trials: float  # a second
    processor: float  # seconds of the driver's, a report
    resident: float  # megabytes of the driver's, at most


def spec(trials: int, running: int, storage: Path) -> dict[str, object]:
    """A sweep of two arms with so many trials in all."""
    share = (os.cpu_count() or 1) / running
    return {
        "name": "scale",
        "game": "bilinear",
        "length": LENGTH,
        "report_every": LENGTH // REPORTS,
        "seeds": 1,
        "optimizers": ["extragradient", "optimistic"],
        "trials": trials // 2,
        "objective": {"minimize": "mean.distance"},
        "search": {"sampler": "random", "pruner": "none"},
        "confirm": {"seeds": 1},
        "resources": {"cpu": int(share * 1000) / 1000},
        "storage": str(storage),
        "tracking": NOWHERE,
    }


def looks(place: Path, trials: int, running: int) -> list[Look]:
    """Runs the sweep, with a look at its driver at every report."""
    (place / "spec.yaml").write_text(yaml.safe_dump(spec(trials, running, place / "runs")))
    command = [sys.executable, "-m", "sweeps", "run", str(place / "spec.yaml"), "--json"]
    found, reports, began, ended = [], 0, 0, 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        driver = psutil.Process(process.pid)
        for line in process.stdout or ():
            event = json.loads(line)
            began += event["kind"] == "started"
            ended += event["kind"] in ("finished", "confirmed", "pruned", "failed")
            if event["kind"] == "report":
                reports += 1
                used = driver.cpu_times()
                at_once = began - ended
                found.append(
                    Look(event["time"], reports, ended, at_once, used.user + used.system, driver.memory_info().rss)
                )
    if process.returncode != 0:
        raise RuntimeError(f"the sweep ended with code {process.returncode}")
    return found


def rates(found: Sequence[Look]) -> Rates:
    """Of the middle eight tenths."""
    first, last = found[len(found) // 10], found[-len(found) // 10]
    seconds, reports = last.time - first.time, last.reports - first.reports
    return Rates(
        running=max(look.running for look in found),
        reports=reports / seconds,
        trials=(last.ended - first.ended) / seconds,
        processor=(last.processor - first.processor) / reports,
        resident=max(look.resident for look in found) / 1e6,
    )


def main() -> None:
    """Measures and tells."""
    options = ArgumentParser(description=__doc__)
    options.add_argument("--trials", type=int, default=2000)
    options.add_argument("--running", type=int, default=64)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        found = rates(looks(Path(folder), asked.trials, asked.running))
    print(f"{asked.trials} trials, {found.running} running at once: {found.reports:.1f} reports and {found.trials:.1f} "
          f"trials a second; the driver: {1000 * found.processor:.1f} ms of processor time a report, "
          f"{found.resident:.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
