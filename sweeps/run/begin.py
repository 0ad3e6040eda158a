"""The beginning of a sweep: its name is free, its parts fit, this machine has room, and then there is a folder."""

from __future__ import annotations

from datetime import datetime

from sweeps.records.folder import Folder, NoSweep, SweepExists
from sweeps.run.assemble import Unfit, rehearse
from sweeps.run.driver import open_sweep
from sweeps.run.owner import Holder, owner_of
from sweeps.run.room import refuse_too_much
from sweeps.run.worker import Worker
from sweeps.search.database import open_storage
from sweeps.search.enqueue import Points, taken_from
from sweeps.search.mounts import refuse_network
from sweeps.spec.environment import expand, veiled
from sweeps.spec.sweep import Sweep
from sweeps.track.following import dataset_of


def begin(sweep: Sweep, text: str) -> Folder:
    """Creates the sweep's folder, once all its parts have been seen to fit.

    Raises:
        SweepExists: the name is taken.
        NoRoom: this machine has not what a trial asks for.
        Unfit: they do not.
        OSError: the storage cannot be written.
    """
    folder = Folder(sweep.storage, sweep.name)
    if folder.exists:  # at once: data may take a while
        raise _exists(folder)
    refuse_too_much(sweep.resources)
    _refuse_studies(sweep, folder)
    taken = _taken(sweep)
    try:
        folder.create(sweep, text, rehearse(sweep), taken, dataset_of(sweep), Worker.here()._asdict())
    except SweepExists as error:
        raise _exists(folder) from error
    return folder


def _exists(folder: Folder) -> SweepExists:
    """The refusal of a name that is taken: who runs that sweep, or was about to when it was begun."""
    about = folder.read()
    runner = owner_of(folder)
    if runner is None and about.get("by") and not folder.store.list("trials"):
        since = datetime.fromisoformat(about["created"]).timestamp()
        runner = Holder(token="", since=since, heartbeat=since, **about["by"])
    if runner is not None and runner.lives():
        what = f"run by {runner.told}: `{folder.command('status')}` shows it"
    else:
        what = f"`{folder.command('resume')}`"
    return SweepExists(f"sweep {folder.name} exists in {folder.storage}: {what}, or another name")


def _taken(sweep: Sweep) -> dict[str, Points]:
    """The points that the sweep begins with because an earlier one tried them, copied so as not to need that again."""
    said = sweep.search.start_from
    if said is None:
        return {}
    try:
        taken = taken_from(sweep, open_sweep(Folder(sweep.storage, said.sweep))[1], said.trials)
    except NoSweep as error:
        raise Unfit(("search", "start_from", "sweep"), str(error)) from error
    if not any(taken.values()):
        what = f"sweep {said.sweep} has no complete trial of these arms that fits their space"
        raise Unfit(("search", "start_from"), f"{what}; one with some is allowed")
    return taken


def _refuse_studies(sweep: Sweep, folder: Folder) -> None:
    """Raises ``Unfit`` where the studies cannot be kept."""
    try:
        if sweep.studies is None:
            refuse_network(folder.path)
        else:
            open_storage(expand(sweep.studies)).engine.dispose()
    except OSError as error:
        key = "storage" if sweep.studies is None else "studies"
        raise Unfit((key,), veiled(str(error), sweep.studies or sweep.storage)) from error
