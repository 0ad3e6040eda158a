"""Running a sweep: from its spec, from where it stands, or only asking what it will take."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.cli.base import Name, Overrides, Spec, Storage, app, told
from sweeps.cli.codes import FAILED, INTERRUPTED

if TYPE_CHECKING:
    from sweeps.records.folder import Folder
    from sweeps.run.driver import Outcome
    from sweeps.spec.sweep import Sweep

Serial = Annotated[bool, typer.Option("--serial", help="One trial after another in this process, without Ray.")]
Plain = Annotated[bool | None, typer.Option("--plain/--live", help="Lines, or the live table; by default what fits.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Only what goes wrong, and the ranking.")]
Accept = Annotated[bool, typer.Option("--accept-changes", help="Go on although spec, versions or code have changed.")]
Json = Annotated[bool, typer.Option("--json", help="Events as JSON, one object a line.")]


@app.command()
def run(
    spec: Spec,
    serial: Serial = False,
    plain: Plain = None,
    quiet: Quiet = False,
    json: Json = False,
    overrides: Overrides = None,
    or_resume: Annotated[bool, typer.Option("--or-resume", help="Go on with the sweep if it was begun.")] = False,
    accept: Accept = False,
) -> None:
    """Run a sweep to its end and rank its arms."""
    mode = _mode(plain, quiet, json)
    with told():
        sweep = _load(spec, overrides)
        from sweeps.records.folder import Folder
        from sweeps.run.begin import begin
        from sweeps.spec.reading import read

        folder = Folder(sweep.storage, sweep.name)
        if not (or_resume and folder.exists):
            with _placed(spec, overrides):
                begin(sweep, read(spec, overrides or ()).text)
        _go(folder, serial, mode, sweep, accept)


@app.command()
def resume(
    name: Name,
    storage: Storage = "./runs",
    serial: Serial = False,
    plain: Plain = None,
    quiet: Quiet = False,
    json: Json = False,
    accept: Accept = False,
) -> None:
    """Go on with a sweep after anything: every committed report counts, nothing is lost or done twice."""
    mode = _mode(plain, quiet, json)
    with told():
        from sweeps.records.folder import Folder

        _go(Folder(storage, name), serial, mode, accept=accept)


@app.command()
def retry(
    name: Name,
    failed: Annotated[bool, typer.Option("--failed", help="Every trial that failed.")] = False,
    storage: Storage = "./runs",
    serial: Serial = False,
    plain: Plain = None,
    quiet: Quiet = False,
    json: Json = False,
    accept: Accept = False,
) -> None:
    """Give failed trials fresh attempts, from their last checkpoints; a new best is confirmed anew."""
    mode = _mode(plain, quiet, json)
    if not failed:
        raise typer.BadParameter("which trials? --failed is allowed")
    with told():
        from sweeps.records.folder import Folder
        from sweeps.run.driver import retry as reopen
        from sweeps.show.wording import count

        folder = Folder(storage, name)
        print(f"sweep {name}: {count(reopen(folder, accept), 'failed trial')} to try again", file=sys.stderr)
        _go(folder, serial, mode, accept=accept)


@app.command()
def extend(
    name: Name,
    trials: Annotated[int, typer.Option(help="Of each search from now on, those it has included.", show_default=False)],
    storage: Storage = "./runs",
    serial: Serial = False,
    plain: Plain = None,
    quiet: Quiet = False,
    json: Json = False,
    accept: Accept = False,
) -> None:
    """Search on: more trials of each arm, and a new confirmation where a better configuration was found."""
    mode = _mode(plain, quiet, json)
    with told():
        from sweeps.records.folder import Folder
        from sweeps.run.driver import extend as extended

        folder = Folder(storage, name)
        extended(folder, trials, accept)
        _go(folder, serial, mode, accept=accept)


@app.command()
def check(spec: Spec, overrides: Overrides = None, estimate: bool = True) -> None:
    """Say what is wrong with a spec, or what the sweep will take."""
    with told():
        sweep = _load(spec, overrides)
        print(f"{spec}: {_shape(sweep)}, {sweep.length} field units a member")
        from rich.console import Console

        from sweeps.spec.understood import arms_table

        Console().print(arms_table(sweep))
        if estimate:
            from sweeps.run.estimate import estimate as measured

            with _placed(spec, overrides):
                about = measured(sweep, os.cpu_count() or 1)
            print(f"at most {about.trials} trials; without pruning about {about.minutes:.2g} minutes of training on "
                  f"this machine's {os.cpu_count()} cores, {about.disk_megabytes:.0f} MB on disk and "
                  f"{about.memory_megabytes:.0f} MB of memory")  # fmt: skip


def _shape(sweep: Sweep) -> str:
    if sweep.map is not None:
        from sweeps.show.mapgather import in_short

        return f"map {sweep.name}: {in_short(sweep)}"
    arms, confirmation = len(sweep.optimizers), f"{sweep.confirm.seeds} confirmation seeds"
    return f"sweep {sweep.name}: {arms} arms × ({sweep.share} trials × {sweep.seeds} seeds + {confirmation})"


def _load(spec: Path, overrides: list[str] | None) -> Sweep:
    from sweeps.spec.sweep import load

    return load(spec, overrides or ())


@contextmanager
def _placed(spec: Path, overrides: list[str] | None) -> Iterator[None]:
    """What is found out by trying is told as what is found out by reading: with file, line and key."""
    from sweeps.run.assemble import Unfit
    from sweeps.spec.armchecks import place_of
    from sweeps.spec.reading import read
    from sweeps.spec.source import SpecErrors

    try:
        yield
    except Unfit as unfit:
        source = read(spec, overrides or ())
        what, _, allowed = str(unfit).removeprefix(f"{unfit.key[0]}: ").partition("; ")
        source.report(place_of(source, unfit.key), what, allowed)
        raise SpecErrors(source.problems) from unfit


def _mode(plain: bool | None, quiet: bool, json: bool) -> str | None:
    """The display that was asked for; None takes what fits."""
    asked = [
        mode for mode, said in {"plain": plain, "live": plain is False, "quiet": quiet, "json": json}.items() if said
    ]
    if len(asked) > 1:
        raise typer.BadParameter(f"--{asked[0]} and --{asked[1]} were given; one of them is allowed")
    return asked[0] if asked else None


def _go(folder: Folder, serial: bool, mode: str | None, asked: Sweep | None = None, accept: bool = False) -> None:
    from sweeps.run.driver import carry_on
    from sweeps.show.display import DISPLAYS
    from sweeps.show.events import JsonLines

    display = DISPLAYS[mode]() if mode else None
    try:
        outcome = carry_on(folder, serial, display, asked, accept)
    except KeyboardInterrupt:  # before there was anything to stop
        _say_how_to_go_on(folder)
        raise typer.Exit(INTERRUPTED) from None
    if isinstance(display, JsonLines):
        status = "stopped" if outcome.stopped else "finished"
        display.done(
            status,
            outcome.ranking,
            outcome.maps,
            report=f"{folder.store.root}/report.html",
            tracking=outcome.tracking_error,
        )
    elif not outcome.stopped:
        _show(folder, outcome, mode)
    if outcome.stopped:
        _say_how_to_go_on(folder)
        raise typer.Exit(INTERRUPTED)
    if not outcome.ranking.standings and not any(shown.counts for shown in outcome.maps):
        raise typer.Exit(FAILED)  # no arm came to its confirmation, or no point was trained


def _say_how_to_go_on(folder: Folder) -> None:
    print(f"\nstopped; go on with: {folder.command('resume')}", file=sys.stderr)


def _show(folder: Folder, outcome: Outcome, mode: str | None) -> None:
    from sweeps.show import phases, standings
    from sweeps.spec.sweep import Sweep
    from sweeps.track.following import where_to_look

    if outcome.maps:
        phases.show(outcome.maps)
    else:
        standings.show(outcome.ranking)
    if mode != "quiet":
        print(f"\nreport:  {folder.store.root}/report.html")
        print(f"MLflow:  {where_to_look(folder, Sweep.from_normalized(folder.read()['sweep']))}")
    if outcome.tracking_error:
        print(f"MLflow is not in step yet: {outcome.tracking_error}; `{folder.command('resume')}` tries again",
              file=sys.stderr if mode == "quiet" else sys.stdout)  # fmt: skip
