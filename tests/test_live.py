"""The progress display: what it says, how often, and that nothing it writes to can stop a sweep."""

import io
import os
import pty
import re
import subprocess
import sys
import termios
import threading
import time

import pytest
from rich.console import Console

from sweeps.search.trials import Trial
from sweeps.show.board import Board, board, line, meter
from sweeps.show.live import Live, sentence
from sweeps.show.progress import ArmProgress, Pace, Snapshot

ARMS = (
    ArmProgress("consensus", 6, 4, 1, 1, 1, 0, 3.2149, 0.875, "waiting"),
    ArmProgress("gda", 6, 6, 0, 2, 0, 1, 41.0, 0.125, "done"),
)
TRIAL = Trial("gda", "search", 3, {"lr": 4e-4, "lr_ratio": 2.0}, "complete", 1, 3.2149, (0, 1, 2, 3))


def snapshot(spent: float = 4000.0, doing: str = "") -> Snapshot:
    return Snapshot(ARMS, spent, 10000.0, doing)


class Clock:
    """Seconds that pass when told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Screen(io.StringIO):
    """A terminal to rich, a string to the test."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def text(width: int, ascii_only: bool = False, arms: tuple[ArmProgress, ...] = ARMS) -> str:
    file = io.StringIO()
    state = Board(snapshot()._replace(arms=arms), 80.0, 95.0, ("MLflow does not answer",))
    Console(file=file, width=width).print(board(state, width, ascii_only))
    return file.getvalue()


def test_the_line_has_all_totals() -> None:
    assert line(Board(snapshot(doing="starting Ray"), 80.4, 95.0)) == (
        "10/12 trials, 1 running, 3 pruned, 1 diverged, 1 failed, 1/2 arms confirmed; 40% of the work; "
        "1:20 elapsed, about 1:35 left; starting Ray"
    )
    assert "time left not known yet" in line(Board(snapshot(0.0), 5.0, None))
    assert "left" not in line(Board(snapshot(10000.0), 5.0, 0.0))


def test_the_table_has_a_row_an_arm() -> None:
    shown = text(120)
    consensus = next(row for row in shown.splitlines() if "consensus" in row)
    assert re.split(r"\s{2,}", consensus.strip())[2:] == ["4/6", "1", "1", "1", "·", "3.21", "88%", "waiting"]
    assert shown.splitlines()[0].startswith("10/12 trials")
    assert shown.splitlines()[-1].startswith("MLflow does not answer")


@pytest.mark.parametrize("width", [30, 60, 80, 120, 200])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_table_fits_and_keeps_to_ascii(width: int, ascii_only: bool) -> None:
    shown = text(width, ascii_only, (*ARMS, ArmProgress("x" * 300 if ascii_only else "名" * 300, 1)))
    assert max(len(row) for row in shown.splitlines()) <= width
    assert shown.isascii() or not ascii_only


def test_an_empty_sweep_and_hostile_names_are_shown() -> None:
    assert "0/0 trials" in text(100, arms=())
    shown = text(112, arms=(ArmProgress("[red]a\x1b[2J\n", 0),))
    assert "[red]a�[2J" in shown
    assert "\x1b" not in shown


def test_a_meter_is_full_only_at_the_end() -> None:
    assert meter(0.0, 10, ascii_only=True).plain == ".........."
    assert meter(0.999, 10, ascii_only=True).plain == "#########."
    assert meter(1.0, 10, ascii_only=True).plain == "##########"


def test_time_left_at_a_constant_rate() -> None:
    """Ten units a second, reported every ten seconds, after 13 seconds in which nothing trained."""
    pace = Pace()
    for second in range(13):
        pace.see(second, 500.0, working=False)
    assert pace.left(12, 1500.0) is None
    for second in range(13, 53):
        pace.see(second, 500.0 + 100 * ((second - 12) // 10))
        if second >= 22:
            assert pace.left(second, 1500.0) == pytest.approx(112 - second, abs=1e-9)


def test_time_left_follows_a_machine_that_slows_down() -> None:
    pace = Pace()
    for second in range(101):
        pace.see(second, 10.0 * second)
    for second in range(101, 401):
        pace.see(second, 1000.0 + (second - 100))
    assert pace.left(400, 1400.0) == pytest.approx(100, rel=1e-6)


def test_time_left_grows_while_nothing_is_heard() -> None:
    pace = Pace()
    for second in range(0, 101, 10):
        pace.see(second, 10.0 * second)
    assert pace.left(105, 2000.0) == pytest.approx(95)
    assert pace.left(110, 2000.0) == pytest.approx(90)
    assert (pace.left(160, 2000.0) or 0) > 100
    assert pace.left(160, 1000.0) == 0.0


def test_plain_lines_are_one_a_trial_and_one_every_15_seconds() -> None:
    file, clock = io.StringIO(), Clock()
    with Live(file=file, clock=clock) as live:
        for _ in range(480):
            live.update(snapshot())
            clock.now += 0.125
        live.finished(TRIAL, 0.75)
        live.messages.put("MLflow does not answer\x1b[2J")
        live.update(snapshot())
    lines = file.getvalue().splitlines()
    # At 0, 15, 30, 45 and 60 seconds, and at the end.
    assert [row.startswith("10/12 trials") for row in lines].count(True) == 6
    assert "gda/search-0003 complete: 3.21, success 75%; lr 4e-4, lr_ratio 2" in lines
    assert "MLflow does not answer�[2J" in lines


def test_a_failed_and_a_pruned_trial_in_words() -> None:
    failed = TRIAL._replace(state="failed", value=None, error="OutOfMemoryError:\n no room")
    assert sentence(failed) == "gda/search-0003 failed: OutOfMemoryError:\n no room; lr 4e-4, lr_ratio 2"
    assert sentence(TRIAL._replace(state="pruned", params={})) == "gda/search-0003 pruned; nothing to set"


def test_messages_come_from_any_thread() -> None:
    file = io.StringIO()
    with Live(plain=True, file=file) as live:
        threads = [threading.Thread(target=live.messages.put, args=(f"event {i}",)) for i in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(file.getvalue().splitlines()) == sorted(f"event {i}" for i in range(20))


def test_the_screen_is_redrawn_at_a_bounded_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    file, began = Screen(), time.monotonic()
    with Live(file=file) as live:
        updates = 0
        while time.monotonic() - began < 1.0:
            live.update(snapshot())
            updates += 1
    drawings = file.getvalue().count("consensus")
    assert updates > 50
    assert 2 <= drawings <= 4 * (time.monotonic() - began) + 3


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_dumb_terminal_gets_lines(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    file = Screen()
    with Live(file=file) as live:
        live.update(snapshot())
    assert "\x1b" not in file.getvalue()
    assert file.getvalue().startswith("10/12 trials")


SHOW = """
import sys, time
from sweeps.show.live import Live
from sweeps.show.progress import ArmProgress, Snapshot
with Live(plain={plain}, every=0.0) as live:
    for i in range(40):
        live.update(Snapshot((ArmProgress("\\u03bb", 40, i),), i, 40))
        time.sleep({pause})
print("printed after it")
print("ended well", file=sys.stderr)
"""


def show(plain: bool, pause: float, **environment: str) -> subprocess.Popen[bytes]:
    code = SHOW.format(plain=plain, pause=pause)
    env = {**os.environ, "PYTHONUTF8": "0", **environment}
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)


@pytest.mark.parametrize("plain", [True, False])
def test_a_closed_pipe_stops_nothing(plain: bool) -> None:
    process = show(plain, 0.02, TERM="xterm", FORCE_COLOR="1")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    complaints = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(30) == 0
    assert complaints == "ended well\n"


def test_a_locale_without_unicode_stops_nothing() -> None:
    out, complaints = show(True, 0.0, LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONCOERCECLOCALE="0").communicate()
    assert complaints == b"ended well\n"
    assert out.endswith(b"printed after it\n")


def test_a_terminal_that_hangs_up_stops_nothing() -> None:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 100))
    code = SHOW.format(plain=None, pause=0.02)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm"}, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    assert os.read(master, 100)
    os.close(master)
    _, complaints = process.communicate(timeout=30)
    assert complaints == b"ended well\n"
    assert process.returncode == 0
