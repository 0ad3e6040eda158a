"""The command line. Heavy imports happen inside the commands that need them: ``--help`` answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sweeps.folder import Folder
    from sweeps.spec import Sweep

BAD_SPEC, TAKEN, INTERRUPTED = 2, 73, 130

app = typer.Typer(
    name="sweeps",
    help="Which optimizer, with which settings, makes my adversarial game converge, and how sure am I?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Spec = Annotated[Path, typer.Argument(help="A sweep's YAML file.", show_default=False)]
Name = Annotated[str, typer.Argument(help="A sweep's name.", show_default=False)]
Storage = Annotated[str, typer.Option(help="Where the sweeps lie.")]
Serial = Annotated[bool, typer.Option("--serial", help="One trial after another in this process, without Ray.")]
Plain = Annotated[bool | None, typer.Option("--plain/--live", help="Lines, or the live table; by default what fits.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="key=value over the spec, as often as needed.")]


@app.command()
def run(
    spec: Spec,
    serial: Serial = False,
    plain: Plain = None,
    overrides: Overrides = None,
    or_resume: Annotated[bool, typer.Option("--or-resume", help="Go on with the sweep if it was begun.")] = False,
) -> None:
    """Run a sweep to its end and rank its arms."""
    with _told():
        sweep = _load(spec, overrides)
        from sweeps.driver import begin
        from sweeps.folder import Folder

        folder = Folder(sweep.storage, sweep.name)
        if or_resume and folder.exists:
            folder.refuse_other(sweep)
        else:
            with _placed(spec, overrides):
                begin(sweep, spec.read_text())
        _go(folder, serial, plain)


@app.command()
def resume(name: Name, storage: Storage = "./runs", serial: Serial = False, plain: Plain = None) -> None:
    """Go on with a sweep after anything: every committed report counts, nothing is lost or done twice."""
    with _told():
        from sweeps.folder import Folder

        _go(Folder(storage, name), serial, plain)


@app.command()
def check(spec: Spec, overrides: Overrides = None, estimate: bool = True) -> None:
    """Say what is wrong with a spec, or what the sweep will take."""
    with _told():
        sweep = _load(spec, overrides)
        arms = len(sweep.optimizers)
        print(f"{spec}: sweep {sweep.name}: {arms} arms × ({sweep.trials} trials × {sweep.seeds} seeds + "
              f"{sweep.confirm.seeds} confirmation seeds), {sweep.length} field units a member")  # fmt: skip
        if estimate:
            from sweeps import driver

            with _placed(spec, overrides):
                about = driver.estimate(sweep, os.cpu_count() or 1)
            print(f"at most {about.trials} trials; without pruning about {about.minutes:.1f} minutes of training on "
                  f"this machine's {os.cpu_count()} cores, {about.disk_megabytes:.0f} MB on disk and "
                  f"{about.memory_megabytes:.0f} MB of memory")  # fmt: skip


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="A sweep's name; all of them if left out.")] = None,
    storage: Storage = "./runs",
) -> None:
    """Where sweeps stand."""
    with _told():
        from sweeps.folder import Folder, names

        known = [name] if name else names(storage)
        if not known:
            print(f"no sweeps in {storage}")
        for each in known:
            _show_status(Folder(storage, each))


@app.command()
def best(name: Name, storage: Storage = "./runs") -> None:
    """The ranking, and each arm's best configuration."""
    with _told():
        from sweeps import gather, standings
        from sweeps.driver import open_sweep
        from sweeps.folder import Folder

        standings.show(gather.ranking(*open_sweep(Folder(storage, name))))


@app.command()
def report(name: Name, storage: Storage = "./runs") -> None:
    """Write the sweep's HTML report anew."""
    with _told():
        from sweeps.driver import open_sweep, write_report
        from sweeps.folder import Folder

        folder = Folder(storage, name)
        sweep, service = open_sweep(folder)
        write_report(
            sweep, service, folder, "finished" if service.is_done else "running" if _owned(folder) else "stopped"
        )
        print(f"{folder.store.root}/report.html")


@app.command()
def ui(storage: Storage = "./runs", port: Annotated[int, typer.Option(help="The first port to try.")] = 5000) -> None:
    """Open MLflow on 127.0.0.1 over the storage's sweeps, until Ctrl-C."""
    with _told():
        from sweeps.ui import serve

        serve(storage, port)


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="mnist, mnist01 or cifar10.", show_default=False)]) -> None:
    """Download a data set into MINMAX_DATA (or the platform's cache), and check what it holds."""
    with _told():
        from sweeps.fetch import fetch as fetched

        print(f"{name}: whole, in {fetched(name)}")


@app.command()
def reproduce(
    claims: Annotated[
        list[str] | None, typer.Argument(help="Names; left out, what fits half an hour on 2 cores.", show_default=False)
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that share the work, one thread each.")] = 2,
    device: Annotated[str, typer.Option(help="auto takes a GPU if there is one; cpu or cuda.")] = "auto",
    results: Annotated[
        str, typer.Option(help="Where what has been run is kept; a killed run goes on.")
    ] = "runs/claims",
    page: Annotated[Path, typer.Option(help="What the verdicts are appended to.")] = Path("docs/claims.md"),
    as_is: Annotated[bool, typer.Option("--as-is", help="Judge what has been run already; run nothing.")] = False,
) -> None:
    """Re-run published claims: what was published, what came out with its 95% interval, consistent or not."""
    with _told():
        from sweeps.claims import reproduce as claiming

        claiming.reproduce(claims or [], workers, device, results, page, as_is)


def _load(spec: Path, overrides: list[str] | None) -> Sweep:
    from sweeps.spec import load

    return load(spec, overrides or ())


@contextmanager
def _placed(spec: Path, overrides: list[str] | None) -> Iterator[None]:
    """What is found out by trying is told as what is found out by reading: with file, line and key."""
    from sweeps.assemble import Unfit
    from sweeps.source import SpecErrors, read

    try:
        yield
    except Unfit as unfit:
        source = read(spec, overrides or ())
        what, _, allowed = str(unfit).removeprefix(f"{unfit.key[0]}: ").partition("; ")
        source.report(unfit.key, what, allowed)
        raise SpecErrors(source.problems) from unfit


def _go(folder: Folder, serial: bool, plain: bool | None) -> None:
    from sweeps import standings
    from sweeps.driver import carry_on

    try:
        outcome = carry_on(folder, serial, plain)
    except KeyboardInterrupt:
        print(f"\nstopped; go on with: sweeps resume {folder.name}{_where(folder)}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    standings.show(outcome.ranking)
    print(f"\nreport:  {folder.store.root}/report.html")
    print(f"MLflow:  sweeps ui{_where(folder)}    (or: make ui)")
    if outcome.tracking_error:
        print(f"MLflow is not in step yet: {outcome.tracking_error}; `sweeps resume {folder.name}` tries again")
    if not outcome.ranking.standings:
        raise typer.Exit(1)  # no arm came to its confirmation


def _where(folder: Folder) -> str:
    return "" if folder.storage == "./runs" else f" --storage {folder.storage}"


def _owned(folder: Folder) -> bool:
    from sweeps.assemble import engine_of
    from sweeps.owner import holder

    owner = holder(engine_of(folder.database), folder.name)
    return owner is not None and owner.lives()


def _show_status(folder: Folder) -> None:
    from rich.console import Console

    from sweeps import gather
    from sweeps.board import arms_table
    from sweeps.driver import open_sweep

    sweep, service = open_sweep(folder)
    state = "finished" if service.is_done else "running" if _owned(folder) else f"stopped; sweeps resume {folder.name}"
    console = Console()
    console.print(f"[bold]{folder.name}[/bold]: {state}")
    console.print(
        arms_table(gather.snapshot(sweep, service).arms, console.width, not console.encoding.startswith("utf"))
    )


@contextmanager
def _told() -> Iterator[None]:
    """What a user can do something about, as one message and an exit code, without a traceback."""
    from sweeps.source import SpecErrors

    try:
        yield
    except SpecErrors as errors:
        print(errors, file=sys.stderr)
        raise typer.Exit(BAD_SPEC) from None
    except Exception as error:
        code = _code_of(error)
        if code is None:
            raise
        print(f"sweeps: {error}", file=sys.stderr)
        raise typer.Exit(code) from None


def _code_of(error: Exception) -> int | None:
    from sweeps.claims.reproduce import NotReady, UnknownClaim
    from sweeps.claims.results import Missing
    from sweeps.claims.work import WorkFailed
    from sweeps.fetch import NotFetched
    from sweeps.folder import NoSweep, SweepExists
    from sweeps.owner import Owned
    from sweeps.service import NoRoom

    codes = {SweepExists: TAKEN, Owned: TAKEN, NoSweep: 1, NoRoom: 1, NotFetched: 1, OSError: 1,
             UnknownClaim: BAD_SPEC, Missing: 1, NotReady: 1, WorkFailed: 1}  # fmt: skip
    return next((code for kind, code in codes.items() if isinstance(error, kind)), None)


def main() -> None:
    """The entry point. The working directory is where a user's own ``module:function`` lies."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    app()


if __name__ == "__main__":
    main()
