"""The driver of one sweep: owns it, prepares its data, drives it to its end, keeps MLflow and the report in step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sweeps.judge.maps import ArmMap
from sweeps.judge.ranking import Ranking
from sweeps.records.changed import Change, code_of, of_spec, of_what_runs, refused
from sweeps.records.folder import Folder, versions
from sweeps.run.assemble import prepare, service_of
from sweeps.run.owner import Ownership
from sweeps.run.refresh import Refresher
from sweeps.run.room import refuse_too_much
from sweeps.run.service import RayFailed
from sweeps.run.stopping import GRACE, LAST_PASS, Stopping
from sweeps.search.database import engine_of
from sweeps.search.trials import FAILED
from sweeps.show import gather, mapgather
from sweeps.show.display import Changes, Display
from sweeps.show.live import Live
from sweeps.show.pagegather import Gatherer
from sweeps.show.report.page import render
from sweeps.show.results import results_of
from sweeps.spec.environment import veiled
from sweeps.spec.redact import redacted
from sweeps.spec.sweep import Sweep
from sweeps.track.background import promise
from sweeps.track.following import created, run_pages
from sweeps.track.process import TrackingProcess
from sweeps.track.summarize import summary_of

if TYPE_CHECKING:
    from sweeps.run.service import Service


LOOK = 0.25  # seconds between looks at where a sweep stands: each goes over all trials


class BrokenOff(RuntimeError):
    """A drive ended before its sweep did, and not by the sweep's doing; the message says why, and how to go on."""


class Outcome(NamedTuple):
    """How a drive ended: the ranking so far, or the maps; what MLflow lacks (None: nothing), and whether it was
    stopped."""

    ranking: Ranking
    tracking_error: str | None
    stopped: bool
    maps: tuple[ArmMap, ...] = ()


def extend(folder: Folder, trials: int, accept: bool = False) -> None:
    """Raises each search's trials, while nobody drives the sweep; to be carried on from there.

    Raises:
        NoSweep: it does not exist. NoExtension: it has as many. Owned: another process runs it.
        Changed: versions or code did, and it was not accepted.
    """
    with _owned(folder):
        sweep, _ = folder.extended(trials)
        _accept(folder, _of_what_runs(folder, sweep), sweep, accept)
        folder.extend(trials)


def open_sweep(folder: Folder) -> tuple[Sweep, Service]:
    """The sweep as it was asked for, and the service over its studies and records."""
    about = folder.read()
    sweep = Sweep.from_normalized(about["sweep"])
    return sweep, service_of(
        sweep, about["success"], folder.store, folder.database, folder.title, about.get("taken", {})
    )


def retry(folder: Folder, accept: bool = False) -> int:
    """Makes every failed trial unfinished again, confirmations too, for a drive to take up; how many there were.

    Raises:
        NoSweep: it does not exist. Owned: another process runs it.
        Changed: versions or code did, and it was not accepted.
    """
    with _owned(folder):
        sweep, service = open_sweep(folder)
        failed = [trial for trial in service.studies.trials() if trial.state == FAILED]
        if failed:
            _accept(folder, _of_what_runs(folder, sweep), sweep, accept)
        for trial in failed:
            service.studies.reopen(trial)
    return len(failed)


def carry_on(
    folder: Folder,
    serial: bool = False,
    display: Display | None = None,
    asked: Sweep | None = None,
    accept: bool = False,
) -> Outcome:
    """Drives a sweep from wherever it stands to its end, or until it is stopped: all that was reported is kept.

    Args:
        folder: the sweep's.
        serial: one trial after another in this process.
        display: what shows it; a table or lines if left out.
        asked: the spec as it is now, where there is one.
        accept: goes on although spec, versions or code have changed, and notes that.

    Raises:
        NoSweep: it does not exist. Owned: another process runs it. NoRoom: a trial asks for more than there is.
        Changed: something did, and it was not accepted, or nobody can.
        BrokenOff: the storage, the database or Ray was out for too long, or never there.
    """
    folder.read()
    with display or Live() as live, Stopping(live.alert) as stopping, _owned(folder, stopping.ask):
        sweep, service = _settled(folder, asked, accept)
        refuse_too_much(sweep.resources)
        folder.note_end("", "")
        stopping.tells(service.halt)
        tracker = TrackingProcess(folder, service.studies.trials)
        service.make_up()
        tracker.start()
        refresher = Refresher(folder)
        refresher.start()
        status, reason = "broken", ""
        with _broken_off(folder):
            try:
                status = _driven(sweep, service, serial, live, stopping)
            except Exception as error:
                reason = veiled(redacted(f"{type(error).__name__}: {error}".splitlines()[0]), folder.storage)
                raise
            finally:
                refresher.stop()
                with suppress(KeyboardInterrupt), stopping.section(LAST_PASS):
                    live.update(gather.snapshot(sweep, service, "writing the report"))
                    _conclude(sweep, service, folder, tracker, (status, reason))
        lacks = tracker.error and veiled(tracker.error, sweep.tracking or "")
        maps = () if sweep.map is None else mapgather.maps(sweep, service)
        return Outcome(gather.ranking(sweep, service), lacks, stopping.asked, maps)


@contextmanager
def _broken_off(folder: Folder) -> Iterator[None]:
    """What ends a drive and is none of the sweep's doing, as ``BrokenOff``."""
    try:
        yield
    except (OSError, RayFailed) as error:
        told = veiled(str(error), folder.storage)
        raise BrokenOff(f"{told}; all that was reported is kept: `{folder.command('resume')}` goes on") from error


def _settled(folder: Folder, asked: Sweep | None, accept: bool) -> tuple[Sweep, Service]:
    """The sweep, once what has changed since it was begun is accepted. Where nothing is left to run, nothing has."""
    sweep, service = open_sweep(folder)
    changes = [] if asked is None else of_spec(sweep, asked)
    if changes or not service.is_done:
        changes += _of_what_runs(folder, sweep)
    if not changes:
        return sweep, service
    _accept(folder, changes, asked or sweep, accept)
    return open_sweep(folder)


def _of_what_runs(folder: Folder, sweep: Sweep) -> list[Change]:
    return of_what_runs(folder.read(), versions(), code_of(sweep.normalized()))


def _accept(folder: Folder, changes: list[Change], sweep: Sweep, accept: bool) -> None:
    """Notes the changes of a sweep that is now as given, or raises ``Changed`` where it may not go on with them."""
    if changes and (not accept or any(change.is_bound for change in changes)):
        raise refused(folder.name, changes)
    if changes:
        folder.accept(changes, sweep)


def _owned(folder: Folder, stop: Callable[[], None] | None = None) -> Ownership:
    return Ownership(engine_of(folder.database), folder.title, stop, folder.option)


def _driven(sweep: Sweep, service: Service, serial: bool, live: Display, stopping: Stopping) -> str:
    """How it ended: ``finished`` or ``stopped``."""
    try:
        with stopping.section(GRACE):
            _drive(sweep, service, serial, live)
    except KeyboardInterrupt:
        return "stopped"
    except Exception:
        if not stopping.asked:
            raise
        return "stopped"  # Ray's processes hear a signal to the whole group too, and may be gone first
    return "finished" if service.is_done else "stopped"


def write_report(sweep: Sweep, service: Service, folder: Folder, status: str, detail: str = "") -> bytes:
    """Writes ``report.html`` and the files of results; returns the page."""
    view = Gatherer(sweep, service, folder.read(), folder.option).view(status, detail, run_pages(folder, sweep))
    page = render(view).encode()
    folder.store.replace("report.html", page)
    for name, data in results_of(view).items():
        folder.store.replace(name, data)
    return page


def _drive(sweep: Sweep, service: Service, serial: bool, live: Display) -> None:
    changes, looked = Changes(service), -LOOK

    def refresh(always: bool = False) -> None:
        nonlocal looked
        changes.tell(live)
        if always or time.monotonic() - looked >= LOOK:
            live.update(gather.snapshot(sweep, service))
            looked = time.monotonic()

    if service.is_done:
        return
    service.show = partial(refresh, always=True)
    live.update(gather.snapshot(sweep, service, "preparing data" if serial else "preparing data, starting Ray"))
    data = promise(lambda: prepare(sweep), "prepare")
    try:
        if serial:
            from sweeps.run import serial as alone

            data.result()
            alone.drive(service, sweep.resources.cpu, sweep.resources.gpu, refresh)
        else:
            from sweeps.run import tune

            tune.drive(service, sweep.resources, data.result, refresh)
    finally:
        refresh(always=True)


def _conclude(sweep: Sweep, service: Service, folder: Folder, tracker: TrackingProcess, ended: tuple[str, str]) -> None:
    """How it ended, the report, and a last pass over MLflow with the summary run."""
    folder.note_end(*ended)
    linked = folder.runs()
    tracker.begin_to_end()
    try:
        write_report(sweep, service, folder, *ended)
        tracker.catch_up()
        if folder.runs() != linked:  # the page links to them, and MLflow is to have the same page
            write_report(sweep, service, folder, *ended)
    finally:
        tracker.finish(summary_of(folder.store, sweep, created(folder.read())))
