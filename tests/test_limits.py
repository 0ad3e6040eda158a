"""Limits of a sweep: as a spec says them, and what becomes of trials that meet them. Real disks that fill."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from driving import ROOT
from sweeping import SPEC, Left, assert_whole, begun, driven

from sweeps.records.folder import Folder
from sweeps.records.record import TrialRecord
from sweeps.records.store import Store
from sweeps.run import serial
from sweeps.run.assemble import service_of
from sweeps.run.driver import BrokenOff, carry_on, open_sweep, retry
from sweeps.run.failure import LINE, failure_of
from sweeps.run.outage import Outage, StorageOut
from sweeps.run.owner import Ownership
from sweeps.run.patience import Waiting
from sweeps.run.service import Service, Work
from sweeps.run.trial import Progress, run
from sweeps.run.watchdog import INTERVALS, LEAST, PATIENCE, Watchdog
from sweeps.search.database import DatabaseOut, engine_of
from sweeps.search.trials import COMPLETE, CONFIRM, FAILED, PRUNED, RUNNING, SEARCH, Trial
from sweeps.show import gather
from sweeps.show.live import Quiet
from sweeps.spec.limits import BYTES, SECONDS, Limits, Resources, duration, size
from sweeps.spec.source import SpecErrors
from sweeps.spec.sweep import Sweep

MLFLOW_WARNS = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")

# What a spec says


@pytest.mark.parametrize(
    ("said", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("1.5h", 5400), ("0.25 s", 0.25)]
)
def test_times_are_said_with_their_unit(said: str, seconds: float) -> None:
    limits = Limits.model_validate({"trial": said})
    assert limits.trial == seconds
    assert Limits.model_validate(limits.model_dump(mode="json")) == limits


@pytest.mark.parametrize(
    ("said", "amount"), [("500MB", 5 * 10**8), ("2GB", 2 * 10**9), ("4GiB", 2**32), ("1.5kB", 1500), ("7B", 7)]
)
def test_sizes_are_said_with_their_unit(said: str, amount: int) -> None:
    resources = Resources.model_validate({"memory": said})
    assert resources.memory == amount
    assert Resources.model_validate(resources.model_dump(mode="json")) == resources


def test_the_page_says_what_is_so() -> None:
    page = (ROOT / "docs" / "limits.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    said = yaml.safe_load(example)
    Resources.model_validate(said["resources"])
    assert set(Limits.model_validate(said["limits"]).model_fields_set) == set(Limits.model_fields)
    defaults = Limits()
    assert f"| `retries` | {defaults.retries} |" in page and f"| `disk` | {size(defaults.disk)} |" in page
    assert f"| `outage` | {duration(defaults.outage)} |" in page
    assert (defaults.trial, defaults.sweep, defaults.silence) == (None, None, None)
    assert (LEAST, INTERVALS, PATIENCE) == (30 * 60, 20, 4), "half an hour, twenty times, four times"


def test_what_is_told_is_what_would_be_said() -> None:
    assert [duration(s) for s in (0.5, 90, 600, 5400, 7200, 172800)] == ["0.5s", "90s", "10m", "90m", "2h", "2d"]
    assert [size(b) for b in (0, 7, 1500, 2 * 10**9, 2**32)] == ["0B", "7B", "1500B", "2GB", "4GiB"]
    assert SECONDS["d"] == 24 * 60 * 60 and BYTES["GiB"] == 1024**3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("limits: {trial: 2}", "spec.yaml:12: limits.trial: is 2; a time such as 90s, 10m, 2h or 1d is allowed"),
        ("limits: {sweep: 2 weeks}", "limits.sweep: is '2 weeks'; a time"),
        ("limits: {silence: 0s}", "limits.silence: is nothing; more than that is allowed"),
        ("limits: {disk: -1GB}", "limits.disk: is '-1GB'; a size such as 500MB, 2GB or 4GiB is allowed"),
        ("limits: {disk: 2gb}", "limits.disk: is '2gb'; a size"),
        ("limits: {retries: -1}", "limits.retries: is -1; 0 or more is allowed"),
        ("limits: {retry: 1}", "limits.retry: unknown key; did you mean 'retries'?"),
        ("limits: {outage: 1h30}", "limits.outage: is '1h30'; a time"),
        ("resources: {memory: 4}", "resources.memory: is 4; a size"),
        ("resources: {max_concurrent: 0}", "resources.max_concurrent: is 0; 1 or more is allowed"),
    ],
)
def test_a_limit_that_is_none_is_told_with_its_place(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(SpecErrors) as errors:
        begun(tmp_path, SPEC + line + "\n")
    assert message in str(errors.value)


# Who is silent for too long


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float, look: Callable[[], object]) -> None:
        """Second by second, as a driver does."""
        for _ in range(round(seconds)):
            self.now += 1
            look()


def test_a_trial_is_silent_once_it_was_not_heard_of_for_that_long() -> None:
    clock = Clock()
    watchdog = Watchdog(10.0, clock)
    watchdog.begun("a", 0)
    watchdog.begun("b", 0)
    clock.passes(8, watchdog.silent)
    watchdog.heard("a")
    clock.passes(2, watchdog.silent)
    assert not watchdog.silent()
    clock.passes(1, watchdog.silent)
    assert watchdog.silent() == {"b": 11}
    watchdog.ended("b")
    clock.passes(20, watchdog.silent)
    assert set(watchdog.silent()) == {"a"}


def test_a_driver_that_did_not_look_blames_nobody() -> None:
    clock = Clock()
    watchdog = Watchdog(10.0, clock)
    watchdog.begun("a", 0)
    clock.now += 1000  # it slept: reports may lie unread
    assert not watchdog.silent()
    clock.passes(11, watchdog.silent)
    assert "a" in watchdog.silent()


def test_unsaid_it_follows_what_was_seen_and_is_more_patient_with_every_retry() -> None:
    clock = Clock()
    watchdog = Watchdog(None, clock)
    watchdog.begun("a", 0)
    watchdog.begun("again", 2)
    assert (watchdog.allowed("a"), watchdog.allowed("again")) == (LEAST, LEAST * PATIENCE**2)
    clock.now += LEAST
    watchdog.heard("a", trained=False)  # waited for the disk: says nothing of training
    assert watchdog.allowed("a") == LEAST
    clock.now += LEAST / 2
    watchdog.heard("a")
    assert watchdog.allowed("a") == INTERVALS * LEAST / 2


def test_failures_are_counted_over_all_drivers_and_so_is_patience(tmp_path: Path) -> None:
    folder = begun(tmp_path, SPEC, "limits.retries=1", "limits.silence=null")
    for again in (True, False):
        _, service = open_sweep(folder)
        work = service.next()
        assert isinstance(work, Work) and work.trial.key == "extragradient/search-0000"
        assert service.watchdog.allowed(work.trial.key) == LEAST * (1 if again else PATIENCE)
        service.ended(work.trial, "it fell")
        assert ("trying again" in service.events[-1]) == again, service.events
    assert service.studies.trial(work.trial.key).state == FAILED
    assert retry(folder, accept=True) == 1
    _, service = open_sweep(folder)
    work = service.next()
    assert isinstance(work, Work)
    service.ended(work.trial, "it fell")
    assert "trying again" in service.events[-1], "all its retries are back"


# Time


def test_a_search_trial_over_its_time_is_pruned_with_the_value_it_has(tmp_path: Path) -> None:
    _, service, _ = driven(tmp_path, SPEC, "limits.trial=0.001s", "search.pruner=none")
    trials = service.studies.trials()
    assert {(trial.kind, trial.state) for trial in trials} == {(SEARCH, PRUNED)} and len(trials) == 6
    for trial in trials:
        assert list(service.studies.values(trial)) == [10] and trial.value == service.studies.values(trial)[10]
        assert any(event.startswith(f"{trial.key} ended at 10: it trained for ") for event in service.events)


def test_a_search_whose_time_is_up_is_confirmed_as_far_as_it_came(tmp_path: Path) -> None:
    folder = begun(tmp_path, SPEC, "limits.sweep=1h", "search.pruner=none")
    sweep, service = open_sweep(folder)

    heard = 0

    def hear() -> None:
        nonlocal heard
        heard += 1
        if heard == 2 * (5 + 1) + 1:  # reports and ends of two trials, the first report of a third
            service.halt()

    serial.drive(service, sweep.resources.cpu, sweep.resources.gpu, hear)
    before = {trial.key: trial for trial in service.studies.trials()}
    assert sorted(trial.state for trial in before.values()) == [COMPLETE, COMPLETE, RUNNING]
    assert service.studies.driven() == pytest.approx(0, abs=3500)
    service.studies.note_driven(3601.0)
    sweep, service = open_sweep(folder)
    assert service.is_closed and not service.is_done
    serial.drive(service, sweep.resources.cpu, sweep.resources.gpu, lambda: None)
    after = {trial.key: trial for trial in service.studies.trials()}
    assert service.is_done and not service.halted
    assert set(after) - set(before) == {f"{arm.name}/confirm-0000" for arm in sweep.optimizers}
    assert {after[key].state for key in before} == {COMPLETE, PRUNED}
    assert {trial.state for trial in after.values() if trial.kind == CONFIRM} == {COMPLETE}
    pruned = next(trial for trial in after.values() if trial.state == PRUNED)
    assert pruned.value == before[pruned.key].value
    ranked = gather.ranking(sweep, service)
    assert {row.arm for row in ranked.standings} == {arm.name for arm in sweep.optimizers}
    assert ranked.caveat.startswith(
        "The search ended after 3 of 6 trials, as its time was up (limits.sweep). Intervals"
    )


# Disks


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path, leave: int) -> Path:
    """A file that leaves so many bytes free."""
    import shutil

    ballast = disk / "ballast"
    with open(ballast, "wb") as file:
        file.write(b"\0" * max(0, shutil.disk_usage(disk).free - leave))
    return ballast


def test_below_the_floor_a_sweep_waits_says_so_once_and_goes_on_by_itself(small: Path, tmp_path: Path) -> None:
    *_, calm = driven(tmp_path / "calm", SPEC)
    folder = begun(small / "runs", SPEC, "limits.disk=4MB")
    sweep, service = open_sweep(folder)
    heard, released = 0, threading.Event()

    def free() -> None:
        while not any("paused" in event for event in service.events):
            time.sleep(0.05)
        time.sleep(0.5)
        (small / "ballast").unlink()
        released.set()

    def hear() -> None:
        nonlocal heard
        heard += 1
        if heard == 3:
            fill(small, leave=3_000_000)
            threading.Thread(target=free).start()

    serial.drive(service, sweep.resources.cpu, sweep.resources.gpu, hear)
    assert released.wait(10)
    paused, goes_on = (event for event in service.events if "paused" in event or "goes on, after" in event)
    assert paused.startswith(f"paused, and goes on by itself: {small}/runs/calm has 2,")
    assert paused.endswith("bytes free, and limits.disk is 4,000,000") and "of waiting" in goes_on
    left = Left(small / "runs", "calm")
    assert_whole(left)
    assert left.results() == Left(calm.path.parent, calm.name).results()
    assert {trial.attempt for trial in service.studies.trials()} == {1}


def test_a_disk_that_is_full_to_the_last_byte_tears_and_loses_nothing(small: Path, tmp_path: Path) -> None:
    _, service = open_sweep(begun(tmp_path, SPEC))
    work = service.next()
    assert isinstance(work, Work)
    store = Store(str(small))
    reports = run(work.config, store, 1)
    first = next(reports)
    ballast = fill(small, leave=0)
    waits = [next(reports) for _ in range(3)]
    assert all(isinstance(wait, Waiting) and wait.for_room and "No space left" in wait.reason for wait in waits)
    assert [report.step for report in TrialRecord(store, work.trial.key).history()] == [10]
    ballast.unlink()
    rest = list(reports)
    assert all(isinstance(said, Progress) for said in [first, *rest])
    assert [report.step for report in TrialRecord(store, work.trial.key).history()] == [10, 20, 30, 40, 50]
    undisturbed = list(run(work.config, Store(str(tmp_path / "other")), 1))
    assert untimed([first, *rest]) == untimed(undisturbed)


def test_studies_on_a_full_disk_are_waited_for_and_who_watches_is_told(small: Path, tmp_path: Path) -> None:
    """The records lie elsewhere, as on an object store: nothing but the database lacks room."""
    *_, calm = driven(tmp_path / "calm", SPEC)
    folder = begun(small, SPEC, "limits.outage=1s", "limits.disk=0B")
    sweep, service = recorded_on(tmp_path / "records", folder)
    told: list[str] = []
    heard = 0

    def free() -> None:
        told.extend(event for event in service.events if "paused" in event)
        time.sleep(0.5)
        if len(told) == 4:  # for room there is all the time, whatever limits.outage
            (small / "ballast").unlink()

    def hear() -> None:
        nonlocal heard
        heard += 1
        if heard == 3:
            fill(small, leave=0)

    service.show = free
    serial.drive(service, sweep.resources.cpu, sweep.resources.gpu, hear)
    reason = f"{folder.path} has 0 bytes free; the studies' database: database or disk is full"
    assert set(told) == {f"paused, and goes on by itself: {reason}"}
    assert sum("goes on, after" in event for event in service.events) == 1
    assert Left(small, "calm").results() == Left(calm.path.parent, calm.name).results()


def test_a_sweep_whose_studies_have_no_room_from_the_start_is_told_in_one_line(small: Path) -> None:
    folder = begun(small, SPEC)
    engine_of(folder.database).connect().close()
    fill(small, leave=0)
    with pytest.raises(DatabaseOut, match="the studies of sweep calm cannot be written: database or disk is full"):
        carry_on(folder, serial=True, display=Quiet())
    (small / "ballast").unlink()
    with Ownership(engine_of(folder.database), folder.title):
        pass


@MLFLOW_WARNS
def test_a_drive_that_ends_over_its_storage_says_how_to_go_on(small: Path, tmp_path: Path) -> None:
    folder = begun(tmp_path, SPEC, "limits.outage=1s", "limits.disk=0B", "trials=1")
    (small / "trials").mkdir()
    (folder.path / "trials").symlink_to(small / "trials")
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    way = re.escape(f"`sweeps resume calm --storage {tmp_path}` goes on")
    with pytest.raises(BrokenOff, match=rf"Read-only file system.*; all that was reported is kept: {way}"):
        carry_on(folder, serial=True, display=Quiet())


def untimed(reports: list[Any]) -> list[Any]:
    return [progress._replace(seconds=0.0) for progress in reports]


def test_a_storage_that_stays_out_stops_the_sweep_which_is_resumed_when_it_is_back(small: Path, tmp_path: Path) -> None:
    """Read-only, as a disk is after errors. The database lies elsewhere, as PostgreSQL would."""
    folder = begun(tmp_path, SPEC, "limits.outage=1s", "limits.disk=0B")
    sweep, service = recorded_on(small, folder)
    heard = 0

    def hear() -> None:
        nonlocal heard
        heard += 1
        if heard == 3:
            subprocess.run(["mount", "-o", "remount,ro", small], check=True)

    with pytest.raises(StorageOut, match=r"the storage was out for 1s \(limits.outage\): .*Read-only file system"):
        serial.drive(service, sweep.resources.cpu, sweep.resources.gpu, hear)
    states = [trial.state for trial in service.studies.trials()]
    assert RUNNING in states and FAILED not in states
    assert max(trial.attempt for trial in service.studies.trials()) == 1, "an outage starts no attempts"
    subprocess.run(["mount", "-o", "remount,rw", small], check=True)
    sweep, service = recorded_on(small, folder)
    serial.drive(service, sweep.resources.cpu, sweep.resources.gpu, lambda: None)
    assert service.is_done
    *_, calm = driven(tmp_path / "calm", SPEC)
    assert Left(tmp_path, "calm").results() == Left(calm.path.parent, calm.name).results()


def recorded_on(disk: Path, folder: Folder) -> tuple[Sweep, Service]:
    """The sweep, with its records there."""
    sweep, _ = open_sweep(folder)
    return sweep, service_of(sweep, "modes", Store(str(disk)), folder.database, folder.title)


def test_an_outage_is_told_once_whoever_waits_and_only_one_without_a_break_ends_a_sweep() -> None:
    told: list[str] = []
    clock = Clock()
    outage = Outage(60.0, told.append, clock)
    away, full = Waiting("server away", for_room=False), Waiting("disk full", for_room=True)
    for second in range(100):
        clock.now = second
        outage.begins("a" if second % 2 else "b", full)
    assert outage.given_up is None, "for room there is all the time"
    outage.begins("a", away)
    clock.now += 60
    outage.begins("a", away)
    assert outage.given_up is None
    outage.ends("a")
    assert len(told) == 1
    outage.ends("b")
    outage.ends("b")
    assert told == ["paused, and goes on by itself: disk full", "goes on, after 159s of waiting"]
    outage.begins("a", away)
    clock.now += 61
    outage.begins("a", away)
    with pytest.raises(StorageOut, match="server away"):
        outage.check()


# What a failure says


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


TRIAL = Trial("gda", SEARCH, 0, {}, RUNNING, 1, None, (0, 1))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Mute(), "Mute: (its message cannot be made)"),
        (KeyError("größe"), "KeyError: 'größe'"),
        (OSError("lone \ud800 half"), "OSError: lone � half"),
        (OSError("bell \a and \0"), "OSError: bell � and �"),
        (RuntimeError("first\n  second\tthird"), "RuntimeError: first second third"),
        (RuntimeError(), "RuntimeError"),
        (SystemExit(3), "SystemExit: 3"),
        (RuntimeError("x" * 10**7), "RuntimeError: " + "x" * (LINE - len("RuntimeError: "))),
    ],
)
def test_any_exception_is_one_line_and_a_traceback_on_record(tmp_path: Path, error: BaseException, line: str) -> None:
    store = Store(str(tmp_path))
    try:
        raise error
    except BaseException as raised:
        failure = failure_of(raised, store, TRIAL)
    assert failure.error == line and failure.error.encode()
    recorded = store.get("trials/gda/search-0000/attempt-1/error.txt")
    assert recorded.startswith(b"Traceback") and b"test_limits.py" in recorded and len(recorded) < 200_000


def test_a_reason_of_any_kind_is_kept_by_the_study(tmp_path: Path) -> None:
    _, service = open_sweep(begun(tmp_path, SPEC))
    work = service.next()
    assert isinstance(work, Work)
    failure = failure_of(ValueError("größe \ud800 \0" * 100), service.store, work.trial)
    service.ended(work.trial, *failure)
    assert service.studies.trial(work.trial.key).error == failure.error
