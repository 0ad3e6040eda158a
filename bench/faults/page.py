"""What the runs came to, as JSON beside the page, and the page's tables made from it."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.faults.left import Counts
from bench.faults.rows import ROWS, Result
from bench.faults.sides import ROOT, SIDES
from bench.faults.work import REPORT_EVERY

PAGE, DATA = ROOT / "docs" / "faults.md", ROOT / "docs" / "faults.json"
BEGIN, END = "<!-- written by `make faults` -->", "<!-- end -->"
LIBRARIES = ("ray", "optuna", "mlflow", "torch")
TITLES = {
    "driver": "driver SIGKILL at random moments",
    "parameters": "driver SIGKILL between two parameters",
    "worker": "worker SIGKILL",
    "nan": "NaN objective",
    "history": "newest history object truncated",
    "checkpoint-cut": "newest checkpoint truncated",
    "checkpoint-flip": "newest checkpoint, a bit flipped",
    "mlflow": "MLflow down for 60 s",
    "mlflow-start": "MLflow down from the start",
    "lock": "study's database locked for 30 s",
    "disk": "disk full for 20 s",
    "two": "two resumes at once",
}
HEAD = (
    "| fault | side | lost | doubled | restarted | RUNNING in Optuna | in MLflow | recomputed (most at once) "
    "| points missing | doubled | processes | wrong |"
)
DAMAGED = {"history", "checkpoint-cut", "checkpoint-flip"}  # these cost the damaged report too
MUST_BE_ZERO = (
    "lost",
    "doubled",
    "restarted",
    "running_study",
    "running_mlflow",
    "points_missing",
    "points_doubled",
    "processes",
    "wrong",
)


def stored(path: Path = DATA) -> dict[str, Any]:
    """What there is so far: row -> side -> what came of it."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def store(row: str, side: str, came: Result | str, seconds: float, path: Path = DATA) -> None:
    """Puts one result, or why there is none, in the place of the one before."""
    data = stored(path)
    said = {"did not bite": came} if isinstance(came, str) else {**came._asdict(), "counts": came.counts._asdict()}
    data.setdefault(row, {})[side] = {**said, "seconds": round(seconds), "when": time.strftime("%Y-%m-%d %H:%M")}
    data[row]["on"] = machine()
    ordered = {name: data[name] for name in ROWS if name in data}
    path.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def machine() -> str:
    """Hardware and versions."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    cpu = f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}), {memory:.0f} GiB"
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always"], capture_output=True, text=True, check=False
    )
    return f"{cpu}; {libraries}, Python {platform.python_version()}; commit {commit.stdout.strip()}"


def shortcomings(row: str, came: Mapping[str, Any]) -> list[str]:
    """What our side of a row has that it must not have."""
    if "did not bite" in came:
        return [f"{row}: did not bite: {came['did not bite']}"]
    counts = Counts(**came["counts"])
    wrong = [f"{row}: {name} is {getattr(counts, name)}" for name in MUST_BE_ZERO if getattr(counts, name)]
    allowed = REPORT_EVERY * (2 if row in DAMAGED else 1)
    if counts.most_again > allowed:
        wrong.append(f"{row}: {counts.most_again} field units of one trial trained again; {allowed} are allowed")
    return wrong


def rendered(data: Mapping[str, Any]) -> str:
    """The tables: what was left, and what proves that each fault bit."""
    lines = [BEGIN, "", HEAD, "|" + "---|" * HEAD.count(" | ") + "---|"]
    lines += [_line(row, side, data[row][side]) for row in data for side in SIDES if side in data[row]]
    lines += ["", "| fault | side | how it bit | how the drivers ended | seconds | run |", "|---|---|---|---|---|---|"]
    lines += [_proof(row, side, data[row][side]) for row in data for side in SIDES if side in data[row]]
    machines: dict[str, list[str]] = {}
    for row in data:
        machines.setdefault(data[row]["on"], []).append(TITLES[row])
    lines += ["", *(f"{'; '.join(rows) if len(machines) > 1 else 'All rows'}: {on}." for on, rows in machines.items())]
    return "\n".join([*lines, "", END])


def write() -> None:
    """Makes the page's tables anew."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + rendered(stored()) + rest.partition(END)[2], encoding="utf-8")


def _line(row: str, side: str, came: Mapping[str, Any]) -> str:
    title = TITLES[row] if side == next(iter(SIDES)) else ""
    if "did not bite" in came:
        return f"| {title} | {side} | did not bite |" + " |" * (HEAD.count(" | ") - 2)
    said = Counts(**came["counts"])
    cells = [
        f"{said.lost} of {said.trials}",
        said.doubled,
        said.restarted,
        said.running_study,
        said.running_mlflow,
        f"{said.recomputed} ({said.most_again})",
        said.points_missing,
        said.points_doubled,
        said.processes,
        said.wrong,
    ]
    return f"| {title} | {side} | {' | '.join(map(str, cells))} |"


def _proof(row: str, side: str, came: Mapping[str, Any]) -> str:
    title = TITLES[row] if side == next(iter(SIDES)) else ""
    if "did not bite" in came:
        reason = came["did not bite"].splitlines()[0]
        return f"| {title} | {side} | did not bite: {reason} | | {came['seconds']} | {came['when']} |"
    resumed = came["counts"]["resumed"]
    proof = f"{came['proof']}; {resumed} attempt{'' if resumed == 1 else 's'} resumed behind step 1"
    return f"| {title} | {side} | {proof} | {came['ended']} | {came['seconds']} | {came['when']} |"
