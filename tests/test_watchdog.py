"""Workers under Ray with which something is the matter: one hangs, one is to leave, one lacks memory."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import OUTPUT, ROOT, alone
from sweeping import Left, assert_tracked, assert_whole, wait_for

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")

SPEC = """
name: sick
game: {name: "sickgames:sick"}
length: 200
seeds: 4
optimizers: [{name: gda, transform: sgd}]
trials: 2
space: {lr: {choice: [0.01, 0.012]}, lr_ratio: 1}
objective: {minimize: mean.distance}
report_every: 20
search: {sampler: random, pruner: none}
confirm: {seeds: 2}
limits: {retries: 0}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A driver's working directory, with the user's module."""
    shutil.copy(ROOT / "tests" / "sickgames.py", tmp_path)
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


def run(place: Path, *changes: str) -> tuple[Left, str]:
    """A sweep to its end, and what its driver said."""
    options = [word for change in changes for word in ("--set", change)]
    code = alone(place, "run", "spec.yaml", "--plain", *options)
    said = (place / OUTPUT).read_text()
    assert code == 0, said
    left = Left(place / "runs", "sick")
    assert_whole(left, arms=["gda"], trials=2)
    return left, said


def attempts(left: Left) -> dict[str, int]:
    return {key: trial.user_attrs["attempt"] for key, trial in left.trials().items()}


def test_a_worker_that_hangs_is_killed_and_its_trial_goes_on_from_its_checkpoint(place: Path) -> None:
    """The machine may be so slow that others are silent for too long: hence the many retries."""
    left, said = run(place, "game.trouble=hang", "limits.silence=10s", "limits.retries=20")
    hung = (place / "mark").read_text()
    (line,) = re.findall(rf"^(\S+) attempt (\d+) failed, trying again: no report for 1\d(?:\.\d)?s \(limits.silence\): "
                         rf"its worker process {hung} was killed$", said, re.MULTILINE)  # fmt: skip
    key, attempt = line
    record = left.record(key)
    before = {report.step for report, _ in record.attempt(int(attempt)).reports()}
    after = {
        report.step for number in record.attempts()[int(attempt) :] for report, _ in record.attempt(number).reports()
    }
    assert before and min(after) == max(before) + 20, "it began again at its last checkpoint"
    assert "Traceback" not in said and "raylet" not in said
    assert_tracked(left)


@pytest.mark.slow
def test_a_worker_that_is_told_to_leave_commits_a_report_first_and_costs_no_retry(place: Path) -> None:
    left, said = run(place, "game.trouble=leave")
    assert sorted(attempts(left).values()) == [1, 1, 2] and "failed" not in said
    (moved,) = (key for key, attempt in attempts(left).items() if attempt == 2)
    first, second = ([report.step for report, _ in left.record(moved).attempt(number).reports()] for number in (1, 2))
    assert first and first + second == list(range(20, 201, 20)), "no step was trained twice"


@pytest.mark.slow
def test_a_workers_memory_is_bounded_and_too_little_halves_the_chunk(place: Path) -> None:
    changes = ["game.megabytes=400", "resources.memory=1500MB", "confirm.seeds=1"]
    left, said = run(place, *changes)
    trials = left.trials()
    assert {trials[f"gda/search-000{n}"].user_attrs.get("chunk") for n in (0, 1)} == {2}, said
    assert said.count("out of memory with 4 members, 4 at once: ") == 2 and "2 members at once" in said


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group below which processes may make their own."""
    place = Path("/sys/fs/cgroup/memory") / f"sweeps-{os.getpid()}"
    try:
        place.mkdir()
    except OSError as error:
        pytest.skip(f"no control group of memory can be made here: {error.strerror}")
    yield place
    for each in (*(path for path in place.iterdir() if path.is_dir()), place):
        assert wait_for(lambda each=each: gone(each), 60), f"{each} is not empty"  # type: ignore[misc]


def gone(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True


@pytest.mark.slow
def test_a_worker_that_the_kernel_ends_for_want_of_memory_goes_on_with_half_as_many_members(
    place: Path, group: Path
) -> None:
    """Four members are too much, two and what a step takes beside are not."""
    changes = ["game.megabytes=60", "game.limit=200", f"game.group={group}", "limits.retries=0"]
    left, said = run(place, *changes)
    trials = left.trials()
    assert {trials[f"gda/search-000{n}"].user_attrs.get("chunk") for n in (0, 1)} == {2}, said
    ended = r"attempt \d+: out of memory with 4 members, 4 at once: its worker process was ended for want of memory"
    assert len(re.findall(rf"{ended}; trying again, 2 members at once$", said, re.MULTILINE)) == 2, said
    kernel = "".join(path.read_text() for path in group.glob("*/memory.oom_control"))
    assert kernel.count("oom_kill 1") == 2, "it was something else"
    assert_tracked(left)


def test_too_much_memory_is_refused_before_anything_is_made(place: Path) -> None:
    code = alone(place, "run", "spec.yaml", "--plain", "--set", "resources.memory=900TB")
    said = (place / OUTPUT).read_text()
    assert code == 1 and re.search(
        r"sweeps: resources.memory: 900TB asked for one trial; this machine has [\d.]+GB$", said
    )
    assert not (place / "runs").exists()
