"""Stopped by real signals: nothing recorded is lost, nobody is left behind, and the way to go on is said."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from driving import environment
from optuna.trial import TrialState
from sweeping import ARMS, SPEC, Left, assert_tracked, assert_untouched, assert_whole, begun, driven, wait_for

from sweeps.records.folder import Folder
from sweeps.run.owner import holder
from sweeps.run.scratch import remove_orphaned
from sweeps.search.database import engine_of

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
STOPPED = 130
LONGER = SPEC.replace("length: 50", "length: 200")
SERIAL, RAY = ["--serial", "--plain"], ["--plain"]
COMMITTED, BEGUN = "trials/*/*/attempt-*/checkpoint/*/manifest.json", "trials/*/*/config.json"
slow = pytest.mark.slow


class Ended(NamedTuple):
    """A driver that was sent signals: exit code, words, seconds from the last signal to its end, and those below it."""

    code: int
    out: str
    err: str
    seconds: float
    below: list[psutil.Process]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory with a spec."""
    (tmp_path / "calm.yaml").write_text(LONGER)
    return tmp_path


@contextmanager
def driver(place: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of the command line, in a session of its own, that hears signals whatever the tests' runner ignores."""
    with (place / "out").open("w") as out, (place / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "sweeps", *arguments],
            cwd=place,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
            preexec_fn=_hear,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _hear() -> None:
    for number in (INT, TERM, HUP):
        signal.signal(number, signal.SIG_DFL)


def send(
    place: Path, signals: list[signal.Signals], options: list[str], group: bool = False, until: str = COMMITTED
) -> Ended:
    """Runs the sweep ``until`` there is such a file in its records, then sends the signals half a second apart."""
    left = Left(place / "runs", "calm")
    with driver(place, "run", "calm.yaml", *options) as process:
        assert wait_for(lambda: any(left.folder.glob(until)) or process.poll() is not None, 120), said(place)
        assert process.poll() is None, said(place)
        below = psutil.Process(process.pid).children(recursive=True)
        for index, number in enumerate(signals):
            time.sleep(0.5 * (index > 0))
            (os.killpg if group else os.kill)(process.pid, number)
        began = time.monotonic()
        code = process.wait(60)
        seconds = time.monotonic() - began
    return Ended(code, (place / "out").read_text(), (place / "err").read_text(), seconds, below)


def committed(left: Left) -> int:
    return len(list(left.folder.glob(COMMITTED)))


def said(place: Path) -> str:
    return (place / "out").read_text() + (place / "err").read_text()


def gone(below: list[psutil.Process]) -> Callable[[], bool]:
    return lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in below)


def assert_stopped_well(place: Path, ended: Ended) -> None:
    """What every stop has in common."""
    assert ended.code == STOPPED, said(place)
    assert "go on with: sweeps resume calm" in ended.err, said(place)
    assert "Traceback" not in ended.out + ended.err
    assert wait_for(gone(ended.below), 10), [each for each in ended.below if each.is_running()]
    folder = Folder(str(place / "runs"), "calm")
    engine = engine_of(folder.database)
    assert holder(engine, "calm") is None, "it still owns the sweep"
    engine.dispose()
    remove_orphaned()


def assert_resumes(place: Path) -> None:
    """It goes on to its end, and what had ended is left alone."""
    left = Left(place / "runs", "calm")
    before, reports = left.finished(), committed(left)
    assert reports > 0
    with driver(place, "resume", "calm", *SERIAL) as process:
        assert process.wait(120) == 0, said(place)
    assert_untouched(left, before)
    assert_whole(left, ARMS)
    assert_tracked(left)


@pytest.mark.parametrize("signals", [[INT], pytest.param([TERM], marks=slow), pytest.param([HUP, HUP], marks=slow)])
def test_a_serial_sweep_stops_at_its_next_report_and_ends_as_an_undisturbed_one(
    place: Path, signals: list[signal.Signals]
) -> None:
    ended = send(place, signals, SERIAL)
    assert_stopped_well(place, ended)
    assert "stopping: " in ended.err
    left = Left(place / "runs", "calm")
    for key, trial in left.trials().items():
        if trial.state == TrialState.RUNNING:
            steps = [report.step for report in left.record(key).history()]
            assert steps == sorted(trial.intermediate_values), f"{key}: a recorded report that its study does not know"
    assert_resumes(place)
    driven(place / "undisturbed", LONGER)
    calm = Left(place / "undisturbed", "calm")
    assert left.results() == calm.results()
    assert left.ranking == calm.ranking


def test_under_ray_all_trials_stop_and_every_process_ends(place: Path) -> None:
    ended = send(place, [TERM], RAY)
    assert len(ended.below) > 2, "Ray was not there"
    assert_stopped_well(place, ended)


@slow
@pytest.mark.parametrize("number", [INT, HUP])
def test_a_signal_to_the_whole_terminal_is_the_drivers_alone(place: Path, number: signal.Signals) -> None:
    ended = send(place, [number], RAY, group=True)
    assert_stopped_well(place, ended)
    assert_resumes(place)


@slow
@pytest.mark.parametrize("options", [SERIAL, RAY], ids=["serial", "ray"])
def test_twice_is_at_once(place: Path, options: list[str]) -> None:
    ended = send(place, [INT, INT], options)
    assert_stopped_well(place, ended)
    assert ended.seconds < 12
    assert_resumes(place)


@slow
@pytest.mark.parametrize("options", [SERIAL, RAY], ids=["serial", "ray"])
def test_a_trial_that_reports_too_late_is_not_waited_for(place: Path, options: list[str]) -> None:
    later = ["--set", "length=2000000", "--set", "report_every=1000000"]
    ended = send(place, [INT], [*options, *later], until=BEGUN)
    assert_stopped_well(place, ended)
    assert ended.seconds < 40


def command(place: Path, *arguments: str) -> str:
    """What a command says that another terminal runs."""
    done = subprocess.run(
        [sys.executable, "-m", "sweeps", *arguments], cwd=place, env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_another_terminal_looks_and_stops(place: Path) -> None:
    left = Left(place / "runs", "calm")
    with driver(place, "run", "calm.yaml", *SERIAL, "--set", "length=20000") as process:
        assert wait_for(lambda: committed(left) > 0, 120), said(place)
        assert f"calm: running: process {process.pid} on" in command(place, "status", "calm")
        assert re.search(r"calm +running +0/6 +0/2 ", command(place, "list"))
        with sqlite3.connect(f"file:{left.folder}/studies.db?mode=ro", uri=True) as reader:  # one that takes its time
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM trials").fetchone()
            before = committed(left)
            assert wait_for(lambda: committed(left) > before + 2, 60), "a reader blocks the driver"
        assert command(place, "stop", "calm") == "sweep calm: stopped; go on with: sweeps resume calm\n"
        assert process.wait(10) == STOPPED
    assert "calm: stopped; sweeps resume calm" in command(place, "status")
    assert command(place, "stop", "calm") == "sweep calm: nobody runs it\n"


@slow
def test_of_two_that_resume_at_once_one_goes_on_and_the_other_says_who_does(place: Path) -> None:
    begun(place / "runs", LONGER)
    other = place / "other"
    other.mkdir()
    resume = ["resume", "calm", *SERIAL, "--storage", str(place / "runs")]
    with driver(place, *resume) as one, driver(other, *resume) as two:
        codes = {one.wait(120): (one.pid, place), two.wait(120): (two.pid, other)}
    assert set(codes) == {0, 73}, said(place) + said(other)
    winner, loser = codes[0][0], said(codes[73][1])
    assert re.search(rf"sweep calm: run by process {winner} on \S+ since 20.*; stop that one first", loser), loser
    left = Left(place / "runs", "calm")
    assert_whole(left, ARMS)
    assert_tracked(left)
