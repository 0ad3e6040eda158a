"""One owner at a time: live ones are respected, dead ones replaced, and of two that start at once one wins."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine
from sweeping import wait_for

from sweeps.run import owner
from sweeps.run.owner import DEAD_AFTER, Owned, Ownership, holder
from sweeps.search.database import engine_of

ROOT = Path(__file__).parents[1]

HOLD = """
import sys
import threading
from sweeps.search.database import engine_of
from sweeps.run.owner import Ownership
with Ownership(engine_of(sys.argv[1]), "digits"):
    print("owner", flush=True)
    sys.stdin.read()
"""

# Two processes per database, let go at one moment; each prints what became of it before either lets go.
RACE = """
import os, sys
from sweeps.search.database import engine_of
from sweeps.run.owner import Owned, Ownership

def say(*words):
    os.write(1, (" ".join(words) + "\\n").encode())  # in one piece: the other one writes too

def enter(url, start, end):
    os.read(start, 1)
    try:
        with Ownership(engine_of(url), "digits"):
            say("won")
            os.read(end, 1)
    except Owned as error:
        say("refused", str(error))
    except BaseException as error:
        say("broken", type(error).__name__, *str(error).split())
    os._exit(0)

for url in sys.argv[1:]:
    start, end = os.pipe(), os.pipe()
    racers = []
    for _ in range(2):
        racers.append(os.fork())
        if racers[-1] == 0:
            os.close(start[1]); os.close(end[1])
            enter(url, start[0], end[0])
    os.close(start[1])
    ended = os.wait()[0]  # the one that was refused: the other waits
    os.close(end[1])
    os.waitpid((set(racers) - {ended}).pop(), 0)
    for descriptor in (start[0], end[0]):
        os.close(descriptor)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = engine_of(url)
    yield made
    made.dispose()


@contextmanager
def another(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that owns the sweep until its input ends."""
    command = [sys.executable, "-c", HOLD, url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "owner\n"
        yield process


def say(engine: Engine, **values: Any) -> None:
    """Changes the owner's row."""
    with engine.begin() as connection:
        connection.execute(owner._TABLE.update().values(**values))


def test_a_second_process_is_told_who_owns_the_sweep_where_and_since_when(url: str, engine: Engine) -> None:
    with another(url) as process:
        with pytest.raises(Owned) as refused, Ownership(engine, "digits"):
            pytest.fail("two owners")
        wanted = (
            f"sweep digits: run by process {process.pid} on {re.escape(socket.gethostname())} since (.*); stop that one"
        )
        told = re.match(wanted, str(refused.value))
        assert told is not None, str(refused.value)
        assert 0 <= time.time() - time.mktime(time.strptime(told[1], "%Y-%m-%d %H:%M:%S")) < 60
        process.communicate()
        with Ownership(engine, "digits"):
            pass


def test_other_sweeps_in_the_same_database_have_owners_of_their_own(url: str, engine: Engine) -> None:
    with another(url) as process, Ownership(engine, "gaussians"):
        assert holder(engine, "digits").pid == process.pid  # type: ignore[union-attr]
        assert holder(engine, "gaussians").pid == os.getpid()  # type: ignore[union-attr]
        process.communicate()
    assert holder(engine, "gaussians") is None


@pytest.mark.parametrize("reaped", [True, False], ids=["gone", "zombie"])
def test_a_killed_owner_is_replaced_at_once(url: str, engine: Engine, reaped: bool) -> None:
    with another(url) as process:
        process.kill()
        if reaped:
            process.wait()
        else:
            assert wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, 10)
        began = time.monotonic()
        with Ownership(engine, "digits"):
            assert time.monotonic() - began < 2
            assert holder(engine, "digits").pid == os.getpid()  # type: ignore[union-attr]


def test_of_two_that_start_at_once_one_wins(tmp_path: Path) -> None:
    new = [f"sqlite:///{tmp_path / f'new-{index}.db'}" for index in range(5)]
    left = [f"sqlite:///{tmp_path / f'left-{index}.db'}" for index in range(5)]
    for url in left:  # what a driver that was killed leaves behind
        engine = engine_of(url)
        with Ownership(engine, "digits"), engine.begin() as connection:
            connection.execute(owner._TABLE.update().values(pid=2**22 + 1, token="dead"))
        engine.dispose()
    race = subprocess.run([sys.executable, "-c", RACE, *new, *left], cwd=ROOT, capture_output=True, text=True)
    assert (race.returncode, race.stderr) == (0, "")
    told = [line.split(maxsplit=1) for line in race.stdout.splitlines()]
    assert sorted(outcome for outcome, *_ in told) == 10 * ["refused"] + 10 * ["won"], race.stdout
    assert all("sweep digits: " in " ".join(words) for outcome, *words in told if outcome == "refused")


def test_another_process_with_the_pid_of_a_dead_owner_owns_nothing(engine: Engine) -> None:
    with Ownership(engine, "digits"):
        assert holder(engine, "digits").lives()  # type: ignore[union-attr]
        say(engine, started=psutil.Process().create_time() - 100)
        assert not holder(engine, "digits").lives()  # type: ignore[union-attr]
        with Ownership(engine, "digits"):
            pass


def test_on_another_host_silence_means_death(engine: Engine) -> None:
    with Ownership(engine, "digits"):
        say(engine, host="elsewhere", heartbeat=time.time() - DEAD_AFTER + 5)
        with pytest.raises(Owned, match=f"process {os.getpid()} on elsewhere since"), Ownership(engine, "digits"):
            pytest.fail("two owners")
        say(engine, heartbeat=time.time() - DEAD_AFTER - 1)
        with Ownership(engine, "digits"):
            assert holder(engine, "digits").host == socket.gethostname()  # type: ignore[union-attr]


def test_an_owner_says_that_it_lives(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "BEAT", 0.05)
    with Ownership(engine, "digits"):
        say(engine, heartbeat=0.0)
        assert wait_for(lambda: time.time() - holder(engine, "digits").heartbeat < 10, 10)  # type: ignore[union-attr]


def test_one_that_was_replaced_leaves_the_row_to_its_successor(engine: Engine) -> None:
    with Ownership(engine, "digits"):
        say(engine, token="another's", pid=1)
    assert holder(engine, "digits").token == "another's"  # type: ignore[union-attr]


def test_stop_ends_the_owner_on_this_host_and_waits_for_that(url: str, engine: Engine) -> None:
    with another(url) as process:
        found = holder(engine, "digits")
        assert found is not None
        reaper = threading.Thread(target=process.wait)
        reaper.start()
        assert owner.stop(engine, "digits", found, 20)
        reaper.join()
        assert process.returncode == -signal.SIGTERM


def test_stop_never_signals_another_process_with_the_owners_pid(url: str, engine: Engine) -> None:
    with another(url) as process:
        found = holder(engine, "digits")
        assert found is not None
        assert owner.stop(engine, "digits", found._replace(started=found.started - 100, token="old"), 5)
        assert not wait_for(lambda: process.poll() is not None, 1)
        process.communicate()


def test_an_owner_elsewhere_finds_word_that_it_is_to_stop(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "BEAT", 0.05)
    asked = threading.Event()
    with Ownership(engine, "digits", asked.set):
        found = holder(engine, "digits")
        assert found is not None
        say(engine, host="elsewhere")
        assert not asked.wait(0.3)
        assert not owner.stop(engine, "digits", found._replace(host="elsewhere"), 0.5), "it has not ended"
        assert asked.wait(10)
    asked.clear()
    with Ownership(engine, "digits", asked.set):
        assert not asked.wait(0.3), "word for the owner before"


def test_an_owner_that_was_replaced_stops(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "BEAT", 0.05)
    asked = threading.Event()
    with Ownership(engine, "digits", asked.set):
        say(engine, token="another's")
        assert asked.wait(10)
