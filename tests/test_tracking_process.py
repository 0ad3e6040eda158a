"""The process that keeps MLflow in step: killed, orphaned, and with nobody to talk to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from driving import ROOT
from sweeping import driven, wait_for
from test_sync import held

from sweeps.records.folder import Folder
from sweeps.run.service import Service
from sweeps.spec.sweep import Sweep
from sweeps.track.following import created, sync
from sweeps.track.process import TrackingProcess
from sweeps.track.reconcile import Summary
from sweeps.track.summarize import summary_of

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")

SPEC = """
name: mine
game: bilinear
length: 40
seeds: 2
optimizers: [gda, extragradient]
trials: 2
space: {lr: {log: [1.0e-3, 1.0e-1]}}
objective: {minimize: mean.distance}
report_every: 10
confirm: {seeds: 2}
"""
Swept = tuple[Sweep, Service, Folder]
ORPHAN = """
import os, sys, time
from sweeps.records.folder import Folder
from sweeps.track.process import TrackingProcess
following = TrackingProcess(Folder(sys.argv[1], "mine"), list)
following.start()
print(following._process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def swept(tmp_path: Path) -> Swept:
    return driven(tmp_path, SPEC)


def summary(swept: Swept) -> Summary:
    sweep, _, folder = swept
    return summary_of(folder.store, sweep, created(folder.read()))


def children() -> list[psutil.Process]:
    """Those that follow; other tests of this process may leave a child that has ended."""
    alive = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if TrackingProcess.__module__ in child.cmdline()]


def assert_in_step(swept: Swept, place: Path) -> None:
    sweep, _, folder = swept
    again = f"sqlite:///{place / 'again.db'}"
    sync(folder, sweep, again)
    assert held(f"sqlite:///{place / 'mlflow.db'}", "mine") == held(again, "mine")


def test_what_it_logs_is_what_the_records_hold(swept: Swept, tmp_path: Path) -> None:
    following = TrackingProcess(swept[2], swept[1].studies.trials)
    following.start()
    following.finish(summary(swept))
    assert (following.error, children()) == (None, [])
    assert_in_step(swept, tmp_path)


def test_killed_in_a_pass_another_goes_on(swept: Swept, tmp_path: Path) -> None:
    following = TrackingProcess(swept[2], swept[1].studies.trials)
    following.start()
    (first,) = children()
    assert wait_for((tmp_path / "mlflow.db").exists, 60)
    first.kill()
    following.finish(summary(swept))
    assert (following.error, children()) == (None, [])
    assert_in_step(swept, tmp_path)


def test_it_ends_with_its_driver(swept: Swept, tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORPHAN, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as driver:
        assert driver.stdout is not None
        child = psutil.Process(int(driver.stdout.readline()))
        assert child.is_running()
        driver.kill()
    assert wait_for(lambda: not child.is_running(), 30)


def test_it_ends_with_its_driver_in_the_midst_of_a_pass(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        driven(tmp_path, SPEC, f"tracking=http://127.0.0.1:{silent.getsockname()[1]}")
        orphan = ORPHAN.replace("time.sleep", "following.begin_to_end(); time.sleep")
        command = [sys.executable, "-c", orphan, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as driver:
            assert driver.stdout is not None
            child = psutil.Process(int(driver.stdout.readline()))
            silent.settimeout(60)
            held_open, _ = silent.accept()
            driver.kill()
        with held_open:
            assert wait_for(lambda: not child.is_running(), 30)


def test_a_server_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    swept = driven(tmp_path, SPEC, "tracking=http://127.0.0.1:9")
    following = TrackingProcess(swept[2], swept[1].studies.trials)
    following.start()
    following.finish(summary(swept))
    assert following.error is not None and "\n" not in following.error
    assert "127.0.0.1" in following.error


def test_a_terminals_signal_is_the_drivers_business(swept: Swept, tmp_path: Path) -> None:
    following = TrackingProcess(swept[2], swept[1].studies.trials)
    following.start()
    (child,) = children()
    assert wait_for((tmp_path / "mlflow.db").exists, 60)
    os.kill(child.pid, 2)
    following.finish(summary(swept))
    assert following.error is None and not child.is_running()
    assert_in_step(swept, tmp_path)
