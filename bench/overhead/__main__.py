"""``python -m bench.overhead [wall] [memory] [stall] [busy]``: what the service costs, with targets; all by default.

* wall: 200 trials of a tiny GAN, two reports each, of 40 steps (30 ms of training), and of ten times as many. *Bare*
  is Ray Tune alone, random search, reused actors, nothing stored or tracked. *Ours* has studies, records, pictures,
  MLflow and report on, its last flush counted. Whole processes, in turns.
* memory: how the driver's own process grows over 2000 trials, from the 400th on.
* stall: the share of their time that workers wait for the driver between two reports while every call to MLflow takes
  a second, less the same share without MLflow.
* busy: cores that work, of those there are, from the first trial of the quick-start until the last one starts.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

import yaml

from bench.overhead import sides, stall, work
from bench.overhead.watch import watch

WALL, GROWTH, STALL, BUSY = 1.5, 1.0, 0.01, 0.95
QUICK_START = Path("sweeps/specs/digits.yaml")
NOWHERE = "http://127.0.0.1:9"  # nothing listens there: a tracker that never has anything to do


def wall(place: Path) -> bool:
    """At both lengths."""
    met = [ratio(place / str(length), length) for length in (work.LENGTH, 10 * work.LENGTH)]
    return all(met)


def ratio(place: Path, length: int, trials: int = 200, rounds: int = 3) -> bool:
    """Ours over bare, in turns."""
    seconds = [(sides.bare(trials, place / f"bare-{i}", length).seconds,
                sides.ours(trials, place / f"ours-{i}", length).seconds) for i in range(rounds)]  # fmt: skip
    times = statistics.median(mine / theirs for theirs, mine in seconds)
    theirs, mine = (statistics.median(column) for column in zip(*seconds, strict=True))
    said = f"{trials} trials of {length} steps: bare {theirs:.1f} s, ours {mine:.1f} s: {times:.2f}×"
    return _told("wall", f"{said}, medians of {rounds}", times <= WALL, f"≤ {WALL}×")


def memory(place: Path, trials: int = 2000) -> bool:
    """Megabytes per 1000 trials, ours and bare."""
    theirs, mine = (side(trials, place / name).growth(trials // 5, trials)
                    for name, side in (("bare", sides.bare), ("ours", sides.ours)))  # fmt: skip
    said = f"{trials} trials: bare grows {theirs:.1f} MB per 1000 trials, ours {mine:.1f} MB"
    return _told("memory", said, mine <= max(theirs, GROWTH), "no faster than bare")


def stalled(place: Path, trials: int = 12) -> bool:
    """Waiting over training, with slow MLflow and without any."""
    shares = {}
    with stall.slow_mlflow(place) as slow:
        for name, tracking in {"without": NOWHERE, "slow": slow}.items():
            spec = {**work.spec(name, trials, str(place / "runs")), "tracking": tracking, "length": 2000,
                    "report_every": 200}  # fmt: skip
            (place / f"{name}.yaml").write_text(yaml.safe_dump(spec))
            gaps = place / f"{name}.gaps"
            command = [sys.executable, "-m", "bench.overhead.stall", str(gaps), "run", str(place / f"{name}.yaml")]
            watch([*command, "--plain"], place / f"{name}.log")
            trained, waited = stall.noted(gaps)
            shares[name] = waited / trained
    extra = shares["slow"] - shares["without"]
    said = f"workers wait {shares['slow']:.2%} with MLflow at 1 s a call, {shares['without']:.2%} without: {extra:+.2%}"
    return _told("stall", said, extra <= STALL, f"≤ {STALL:.0%}")


def busy(place: Path) -> bool:
    """Of the quick-start."""
    command = [sys.executable, "-m", "sweeps", "run", str(QUICK_START), "--plain", "--set", f"storage={place / 'runs'}"]
    began = time.time()
    seen = watch(command, place / "log", every=0.2)
    starts = [path.stat().st_mtime - began for path in (place / "runs").glob("digits/trials/*/*/config.json")]
    cores = os.cpu_count() or 1
    share = seen.busy(min(starts), max(starts)) / cores
    said = f"{share:.1%} of {cores} cores until the last of {len(starts)} trials starts; {seen.seconds:.0f} s in all"
    return _told("busy", said, share >= BUSY, f"≥ {BUSY:.0%}")


def _told(name: str, said: str, met: bool, target: str) -> bool:
    print(f"{name:7s} {said}; target {target}: {'met' if met else 'MISSED'}", flush=True)
    return met


MEASURES: dict[str, Callable[[Path], bool]] = {"wall": wall, "memory": memory, "stall": stalled, "busy": busy}


def main() -> int:
    """Prints a line a measure; 1 if a target was missed."""
    parser = ArgumentParser(prog="python -m bench.overhead", description=__doc__.splitlines()[0])
    parser.add_argument("measures", nargs="*", choices=[*MEASURES, []], help="left out: all")
    chosen = parser.parse_args().measures or list(MEASURES)
    met = []
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix=f"overhead-{name}-") as folder:
            met.append(MEASURES[name](Path(folder)))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
