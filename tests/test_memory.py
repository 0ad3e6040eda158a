"""Too little memory: a real bound on a real process, whose trials then train fewer members at once or fail alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from sweeps.run.memory import is_shortage

SPEC = """
name: hungry
game: {name: "sickgames:sick", megabytes: 40}
length: 40
seeds: 8
optimizers: [{name: gda, transform: sgd}]
trials: 3
space: {lr: {choice: [0.01, 0.7]}}
objective: {minimize: mean.distance}
report_every: 10
search: {sampler: random, pruner: none}
confirm: {seeds: 2}
"""
BOUNDED = """
import json, sys
from pathlib import Path
import psutil, torch
torch.set_num_threads(1)
from sweeping import begun
from sweeps.run import memory, serial
from sweeps.run.driver import open_sweep
memory.bound(psutil.Process().memory_info().rss + int(sys.argv[3]) * 10**6)
sweep, service = open_sweep(begun(Path(sys.argv[1]), sys.argv[2], *sys.argv[4:]))
serial.drive(service, sweep.resources.cpu, sweep.resources.gpu, lambda: None)
told = [trial._asdict() for trial in service.studies.trials()]
print(json.dumps([told, service.events]))
"""


def bounded(place: Path, megabytes: int, *overrides: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The sweep in a process that has so much memory more than it begins with: its trials, and what it said."""
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}:{here.parent}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", BOUNDED, str(place), SPEC, str(megabytes), *overrides]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    trials, events = json.loads(done.stdout)
    return trials, events


def test_a_trial_that_lacks_memory_trains_half_its_members_at_once(tmp_path: Path) -> None:
    trials, events = bounded(tmp_path, 260, "game.only=2.5")  # eight members take 320 MiB, four take 160
    hungry = [trial for trial in trials if trial["params"].get("lr") == 0.7 and trial["kind"] == "search"]
    content = [trial for trial in trials if trial not in hungry]
    assert hungry and content
    assert {(trial["state"], trial["chunk"], trial["attempt"]) for trial in hungry} == {("complete", 4, 2)}
    assert {(trial["state"], trial["chunk"], trial["attempt"]) for trial in content} == {("complete", None, 1)}
    said = [event for event in events if "memory" in event]
    assert len(said) == len(hungry)
    assert all("out of memory with 8 members, 8 at once: RuntimeError: " in event for event in said)
    assert all(str(8 * 40 * 2**20) in event and "4 members at once" in event for event in said)
    record = tmp_path / "hungry" / "trials" / "gda"
    for trial in hungry:
        abouts = (record / f"search-{trial['number']:04d}").glob("attempt-2/checkpoint/*/state.json")
        assert {json.loads(about.read_text())["chunk"] for about in abouts} == {4}


def test_one_that_lacks_it_still_fails_with_the_reason_and_the_others_go_on(tmp_path: Path) -> None:
    trials, _ = bounded(tmp_path, 100, "game.only=2.5")
    hungry = [trial for trial in trials if trial["params"].get("lr") == 0.7]
    assert hungry and {(trial["state"], trial["attempt"]) for trial in hungry} == {("failed", 2)}
    assert all(trial["error"].startswith("out of memory with 8 members, 4 at once: ") for trial in hungry)
    assert all(str(4 * 40 * 2**20) in trial["error"] for trial in hungry)
    others = [trial for trial in trials if trial not in hungry]
    assert {trial["state"] for trial in others} == {"complete"} and any(t["kind"] == "confirm" for t in others)


@pytest.mark.parametrize(
    ("error", "shortage"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
            True,
        ),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_says_that_memory_ran_out(error: Exception, shortage: bool) -> None:
    assert is_shortage(error) == shortage
    try:
        try:
            raise error
        except Exception as cause:
            raise LookupError("of a user's own") from cause
    except LookupError as wrapped:
        assert is_shortage(wrapped) == shortage
