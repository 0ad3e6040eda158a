"""Both sides as commands to watch: so many trials under bare Ray Tune, and under the service."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from bench.overhead import work
from bench.overhead.watch import Watched, watch


def bare(trials: int, place: Path, length: int = work.LENGTH) -> Watched:
    """Nothing but Tune."""
    place.mkdir(parents=True)
    ended = place / "ended"
    command = [sys.executable, "-m", "bench.overhead.bare", str(trials), str(ended), str(length)]
    return watch(command, place / "log", lambda: ended.stat().st_size if ended.exists() else 0)


def ours(trials: int, place: Path, length: int = work.LENGTH) -> Watched:
    """Studies, records, pictures, MLflow, report; until MLflow has all."""
    place.mkdir(parents=True)
    spec = place / "spec.yaml"
    spec.write_text(yaml.safe_dump(work.spec("tiny", trials, str(place / "runs"), length)))
    begun = place / "runs" / "tiny" / "trials" / "gda"
    command = [sys.executable, "-m", "sweeps", "run", str(spec), "--plain"]
    return watch(command, place / "log", lambda: len(list(begun.glob("*"))))
