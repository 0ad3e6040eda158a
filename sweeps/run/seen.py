"""A sweep as its page shows it, whatever state it is in: not begun, running, stopped, finished, or broken."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from sweeps.records.folder import Folder
from sweeps.records.record import TrialRecord
from sweeps.run.driver import open_sweep
from sweeps.search.trials import Trial
from sweeps.show.pagegather import Gatherer
from sweeps.show.view import SweepView
from sweeps.spec.environment import veiled
from sweeps.spec.redact import redacted
from sweeps.spec.sweep import Sweep
from sweeps.track.following import run_pages
from sweeps.track.summarize import keys

if TYPE_CHECKING:
    from sweeps.run.service import Service

UNREADABLE = (SQLAlchemyError, ValueError, LookupError, OSError)
"""What reading studies or records raises where they are damaged, or out."""


def seen(folder: Folder, running: bool) -> SweepView:
    """The sweep; ``running``: whether a process has it now.

    Raises:
        NoSweep: there is none.
    """
    about = folder.read()
    if not folder.has_studies:
        return _unopened(folder, about, "empty", f"`sweeps resume {folder.name}{folder.option}` begins it.")
    try:
        sweep, service = open_sweep(folder)
        status, detail = state_of(folder, service, running)
        return Gatherer(sweep, service, about, folder.option).view(status, detail, run_pages(folder, sweep))
    except UNREADABLE as error:
        reason = veiled(redacted(f"{type(error).__name__}: {error}".splitlines()[0]), folder.storage)
        detail = f"It cannot be read: {reason}. The trials below are those of the records."
        return _unopened(folder, about, "broken", detail)


def state_of(folder: Folder, service: Service, running: bool) -> tuple[str, str]:
    """The status of the page, and what there is to add: why the last drive broke off, if it did."""
    if running:
        return "running", ""
    if service.is_done:
        return "finished", ""
    status, reason = folder.ended()
    resume = f"`sweeps resume {folder.name}{folder.option}` goes on."
    return ("broken", f"{reason} {resume}") if status == "broken" else ("stopped", resume)


def _unopened(folder: Folder, about: dict[str, Any], status: str, detail: str) -> SweepView:
    """The page of a sweep whose studies are not there."""
    sweep = Sweep.from_normalized(about["sweep"])
    return SweepView(
        name=sweep.name,
        spec=sweep.normalized(),
        status=status,
        objective=sweep.objective.output,
        direction=sweep.objective.direction,
        trials=tuple(_recorded(folder)) if status == "broken" else (),
        detail=detail,
        written=time.strftime("%Y-%m-%d %H:%M"),
        place=folder.store.root,
        options=folder.option,
    )


def _recorded(folder: Folder) -> list[Trial]:
    """The trials that the records tell of."""
    found = []
    with suppress(OSError):
        for key in keys(folder.store):
            with suppress(ValueError, TypeError, OSError):
                trial = TrialRecord(folder.store, key).trial()
                found += [] if trial is None else [trial]
    return found
