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

from sweeps.guard import MARK, guarded

ROOT = Path(__file__).parents[1]

DRIVER = """
import subprocess, sys, time
from sweeps.guard import guarded

CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
with guarded():
    subprocess.Popen([sys.executable, "-c", CHILD], start_new_session=True)
    print("there", flush=True)
    time.sleep(600)
"""


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_driver_started_ends_with_it(how: signal.Signals) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, env=environment)
    try:
        assert driver.stdout is not None and driver.stdout.readline() == b"there\n"
        assert wait_for(lambda: len(below(driver.pid)) == 3, 60), "a guard, a child and its child"
        family = below(driver.pid)
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
