"""A driver's processes end with it: also those of a process that it started, and nobody else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sweeping import wait_for

from sweeps.run.guard import MARK, guarded

ROOT = Path(__file__).parents[1]

DRIVER = """
import os, subprocess, sys, time
from sweeps.run.guard import guarded

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
PARENT = [sys.executable, "-c", f"import subprocess; subprocess.run({SLEEP})"]
with guarded():
    apart = {"start_new_session": True, "stdout": subprocess.DEVNULL}
    subprocess.Popen(PARENT, **apart)
    subprocess.Popen(SLEEP, env={}, **apart)  # without the mark
    print("there", flush=True)
    time.sleep(600)
"""


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def has_looked(guard: psutil.Process) -> bool:
    """Waits until it has slept several times."""
    before = guard.num_ctx_switches().voluntary
    return wait_for(lambda: guard.num_ctx_switches().voluntary >= before + 6, 120)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_driver_started_ends_with_it(how: signal.Signals) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, env=environment)
    try:
        assert driver.stdout is not None and driver.stdout.readline() == b"there\n"
        assert wait_for(lambda: len(below(driver.pid)) == 4, 60), "a guard, a child with its child, another child"
        family = below(driver.pid)
        assert has_looked(next(each for each in family if "guard.py" in " ".join(each.cmdline())))
        driver.send_signal(how)
        driver.wait()
        assert wait_for(lambda: not any(process.is_running() for process in family), 60)
        assert bystander.poll() is None
    finally:
        for process in (bystander, driver):
            process.kill()
            process.communicate()


def test_what_is_left_at_the_end_of_the_block_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, "another's")
    with guarded():
        left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    assert left.wait() == -signal.SIGKILL
    assert os.environ[MARK] == "another's"
