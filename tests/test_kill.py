"""Killed at any moment and resumed at once: nothing is lost, doubled or touched. Real drivers, real SIGKILL."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from driving import CHILDREN, COMMITS, KILLED, OUTPUT, ROOT, Drivers, Kill, alone, drivers, started
from sweeping import (
    SPEC,
    Files,
    Left,
    assert_committed_once,
    assert_tracked,
    assert_untouched,
    assert_whole,
    wait_for,
)

from sweeps.run.scratch import remove_orphaned

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")

QUICK_START = ROOT / "sweeps" / "specs" / "digits.yaml"
SIX = ["gda", "alternating_gda", "optimistic", "extragradient", "consensus", "accept_reject"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drivers' working directory."""
    folder = tmp_path_factory.mktemp("kill")
    (folder / "spec.yaml").write_text(SPEC)
    return folder


@pytest.fixture(scope="module")
def forks(place: Path) -> Iterator[Drivers]:
    with drivers(place) as made:
        yield made


@pytest.fixture(scope="module")
def calm(forks: Drivers) -> Left:
    """A serial sweep that nobody disturbs."""
    assert forks.run("run", "spec.yaml", "--serial", "--plain") == 0, forks.output
    left = Left(forks.place / "runs", "calm")
    assert_whole(left)
    assert_tracked(left)
    return left


def kills(seed: int) -> list[Kill]:
    """Five or more moments of one serial sweep, in an order in which each of them comes to pass."""
    chance = random.Random(seed)
    early = ["asked, not started", "started", "recorded, not proven", "recorded", "known to the study", "judged"]
    first = [Kill(moment, chance.randint(1, 3)) for moment in chance.sample(early, 2)]
    ending = Kill(chance.choice(["about to end", "ended"]), chance.randint(1, 2))
    return [Kill("asked, not started", 2), *first, ending, Kill("confirming", chance.randint(1, 4)), Kill("ranking", 1)]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 8))])
def test_a_serial_sweep_killed_again_and_again_ends_as_an_undisturbed_one(
    forks: Drivers, calm: Left, seed: int
) -> None:
    left = Left(calm.storage, f"killed-{seed}")
    ended: dict[str, Files] = {}
    command = ["run", "spec.yaml", "--or-resume", "--set", f"name={left.name}"]
    for kill in kills(seed):
        assert forks.run(*command, "--serial", "--plain", kill=kill) == KILLED, f"{kill} did not come\n{forks.output}"
        assert_untouched(left, ended)
        ended = left.finished()
    command = ["resume", left.name]
    assert forks.run(*command, "--serial", "--plain") == 0, forks.output
    assert_untouched(left, ended)
    assert_whole(left)
    assert_committed_once(forks.place / COMMITS)
    assert_tracked(left)
    assert left.results() == calm.results()
    assert left.ranking == calm.ranking
    assert left.checkpoints() == calm.checkpoints() and len(left.checkpoints()) == len(left.trials())


def test_a_serial_sweep_twice_is_one_sweep(forks: Drivers, calm: Left) -> None:
    assert forks.run("run", "spec.yaml", "--set", "name=again", "--serial", "--plain") == 0, forks.output
    left = Left(calm.storage, "again")
    assert left.results() == calm.results()
    assert left.ranking == calm.ranking
    assert left.checkpoints() == calm.checkpoints()


Orphan = tuple[int, float, str]  # pid, when it began, name
Drive = Callable[..., int]


def kill_and_resume(
    place: Path, drive: Drive, left: Left, command: list[str], moments: list[Kill], last: list[str]
) -> list[Orphan]:
    """Kills a sweep's drivers one after another and resumes at once; the processes that they left behind.

    ``last``: the last driver's options; nobody kills that one.
    """
    ended: dict[str, Files] = {}
    orphans: list[Orphan] = []
    for kill in moments:
        assert drive(*command, "--plain", kill=kill) == KILLED, f"{kill} did not come\n{said(place)}"
        orphans += map(tuple, json.loads((place / CHILDREN).read_text()))
        assert_untouched(left, ended)
        ended, command = left.finished(), ["resume", left.name]
    assert drive(*command, "--plain", *last) == 0, said(place)
    workers = [orphan for orphan in orphans if is_worker(orphan[2])]
    assert workers, "no driver was killed while it had workers"
    assert wait_for(lambda: not any(map(lives, workers)), 15), "workers of a killed driver are still there"
    assert_untouched(left, ended)
    return orphans


def said(place: Path) -> str:
    return (place / OUTPUT).read_text()[-5000:]


def is_worker(name: str) -> bool:
    """Ray names a worker by its class, and a busy one by what it does."""
    return name.startswith(("ray::TrialActor", "ray::ResourceTrainable"))


def lives(process: Orphan) -> bool:
    pid, began, _ = process
    try:
        found = psutil.Process(pid)
        return abs(found.create_time() - began) < 1 and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_sweep_killed_under_ray_loses_and_doubles_nothing(forks: Drivers, calm: Left) -> None:
    left = Left(calm.storage, "ray")
    moments = [Kill("asked, not started", 4), Kill("confirming", 2)]
    command = ["run", "spec.yaml", "--set", "name=ray"]
    orphans = kill_and_resume(forks.place, forks.run, left, command, moments, last=["--serial"])
    for orphan in filter(lives, orphans):  # Ray's agents end a minute after it, which the slow test waits for
        os.kill(orphan[0], signal.SIGKILL)
    remove_orphaned()
    assert_whole(left)
    assert_tracked(left)


@pytest.mark.slow
def test_a_trial_whose_worker_is_killed_goes_on_in_another(place: Path) -> None:
    left = Left(place / "runs", "worker")
    longer = ["--set", "name=worker", "--set", "length=1000", "--set", "report_every=100"]
    with started(place, "run", "spec.yaml", "--plain", *longer) as driver:
        records = left.folder / "trials"
        assert wait_for(lambda: bool(list(records.glob("*/search-0000/attempt-1/checkpoint/*/manifest.json"))), 120)
        below = psutil.Process(driver.pid).children(recursive=True)
        next(child for child in below if is_worker(child.name())).kill()
        assert driver.wait() == 0, said(place)
    assert_whole(left)
    assert_tracked(left)
    assert "trying again: its worker process died" in said(place)
    assert sum(trial.user_attrs["attempt"] for trial in left.trials().values()) == len(left.trials()) + 1


@pytest.mark.slow
def test_the_quick_start_killed_five_times_under_ray_loses_and_doubles_nothing(place: Path) -> None:
    left = Left(place / "runs", "digits")
    scaled = ["length=200", "report_every=20", "seeds=2", "trials=3", "confirm.seeds=4"]
    command = ["run", str(QUICK_START), *(word for change in scaled for word in ("--set", change))]
    moments = [
        Kill("asked, not started", 5),
        Kill("known to the study", 9),
        Kill("judged", 12),
        Kill("ended", 3),
        Kill("confirming", 3),
    ]
    orphans = kill_and_resume(place, partial(alone, place), left, command, moments, last=[])
    assert_whole(left, arms=SIX)
    assert_tracked(left)
    assert wait_for(lambda: not any(map(lives, orphans)), 90), "Ray's processes outlive a killed driver"
    remove_orphaned()
