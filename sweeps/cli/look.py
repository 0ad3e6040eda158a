"""Looking at sweeps: how far they are, what they found, their reports and MLflow's pages."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.cli.base import Name, Storage, There, app, told
from sweeps.cli.codes import FAILED

if TYPE_CHECKING:
    from sweeps.records.folder import Folder
    from sweeps.show.view import SweepView


@app.command("list")
def list_sweeps(storage: Storage = "./runs") -> None:
    """All sweeps of a storage: state, progress, age, owner, best arm."""
    with told():
        from sweeps.records.folder import Folder, names
        from sweeps.run.owner import owner_of
        from sweeps.show import overview

        known = [Folder(storage, name) for name in names(storage)]
        if known:
            overview.show([overview.of(folder, owner_of(folder)) for folder in known])
        else:
            print(f"no sweeps in {storage}")


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="A sweep's name; all of them if left out.")] = None,
    storage: Storage = "./runs",
    address: There = None,
) -> None:
    """Where sweeps stand."""
    with told():
        if address is not None:
            from sweeps.cli.submit import show_status

            show_status(address, name)
            return
        from sweeps.records.folder import Folder, names

        known = [name] if name else names(storage)
        if not known:
            print(f"no sweeps in {storage}")
        for each in known:
            _show_status(Folder(storage, each))


@app.command()
def best(name: Name, storage: Storage = "./runs") -> None:
    """The ranking, and each arm's best configuration; of a map, its phase diagrams."""
    with told():
        from sweeps.records.folder import Folder
        from sweeps.run.driver import open_sweep
        from sweeps.show import gather, mapgather, phases, standings

        sweep, service = open_sweep(Folder(storage, name))
        if sweep.map is not None:
            phases.show(mapgather.maps(sweep, service))
        else:
            standings.show(gather.ranking(sweep, service))


class Format(StrEnum):
    """What a report may be written as."""

    HTML = "html"
    MD = "md"
    CSV = "csv"
    PNG = "png"
    PDF = "pdf"
    SVG = "svg"


@app.command()
def report(
    names: Annotated[list[str], typer.Argument(help="A sweep's name; several are shown side by side.")],
    kind: Annotated[Format, typer.Option("--format", help="A page; for papers, tables or figures.")] = Format.HTML,
    storage: Storage = "./runs",
) -> None:
    """Write a sweep's report anew: a page, or what a paper takes of it; or a page of several sweeps."""
    if len(names) > 1 and kind is not Format.HTML:
        raise typer.BadParameter(
            f"--format: {kind.value} given with {len(names)} sweeps; html is allowed, or one sweep"
        )
    with told():
        from sweeps.records.folder import Folder
        from sweeps.run.seen import seen
        from sweeps.show.paper.files import printed

        folders = [Folder(storage, name) for name in dict.fromkeys(names)]
        views = [seen(folder, _has_owner(folder)) for folder in folders]
        if len(views) > 1:
            _put_side_by_side(storage, views)
        elif kind is not Format.HTML:
            _print(folders[0], printed(views[0], kind))
        else:
            _put(folders[0], views[0])
        for view in views:
            if view.status == "broken":
                print(f"sweeps: {view.name} is broken: {view.detail}", file=sys.stderr)
                raise typer.Exit(FAILED)


@app.command()
def ui(storage: Storage = "./runs", port: Annotated[int, typer.Option(help="The first port to try.")] = 5000) -> None:
    """Open MLflow on 127.0.0.1 over the storage's sweeps, until Ctrl-C."""
    with told():
        from sweeps.ui import serve

        serve(storage, port)


def _has_owner(folder: Folder) -> bool:
    """Whether a process runs the sweep; not where its studies cannot be asked."""
    from sweeps.run.owner import owner_of
    from sweeps.search.database import DatabaseOut

    try:
        return owner_of(folder) is not None
    except DatabaseOut:
        return False


def _put(folder: Folder, view: SweepView) -> None:
    """The page of one sweep, beside its records, and the files of its results."""
    from sweeps.show.report.page import render
    from sweeps.show.results import results_of

    files = {"report.html": render(view).encode(), **results_of(view)}
    for name, data in files.items():
        folder.store.replace(name, data)
    print(f"{folder.store.root}/report.html")


def _put_side_by_side(storage: str, views: list[SweepView]) -> None:
    """The page of several, beside their folders."""
    from sweeps.records.store import Store
    from sweeps.show.report.page import render
    from sweeps.show.report.sides import together
    from sweeps.spec.environment import expand

    store, name = Store(expand(storage)), f"report-{'-'.join(view.name for view in views)}.html"
    store.replace(name, render(together(views)).encode())
    print(f"{store.root}/{name}")


def _print(folder: Folder, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        folder.store.replace(name, data)
        print(f"{folder.store.root}/{name}")


def _show_status(folder: Folder) -> None:
    from rich.console import Console

    from sweeps.records.changed import Change
    from sweeps.run.driver import open_sweep
    from sweeps.run.owner import owner_of
    from sweeps.show import gather
    from sweeps.show.board import arms_table, trials_table
    from sweeps.show.wording import inert

    about = folder.read()
    owner = owner_of(folder)
    if not folder.has_studies:
        print(f"{folder.name}: not started; {folder.command('resume')}")
        return
    sweep, service = open_sweep(folder)
    stopped = f"stopped; {folder.command('resume')}"
    state = f"running: {owner.told}" if owner else "finished" if service.is_done else stopped
    console = Console()
    ascii_only = not console.encoding.startswith("utf")
    console.print(f"{folder.name}: {inert(state)}", markup=False, highlight=False, soft_wrap=True)
    for change in about.get("changes", []):
        said = Change(change["key"], change["from"], change["to"])
        console.print(f"  changed {change['at']}: {said}", markup=False, highlight=False, soft_wrap=True)
    now = gather.snapshot(sweep, service)
    console.print(arms_table(now.arms, console.width, ascii_only))
    if owner and now.trials:
        console.print(trials_table(now.trials, console.width, ascii_only))
