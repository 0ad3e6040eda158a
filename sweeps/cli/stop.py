"""Stopping a sweep that another terminal, or another host, runs."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.cli.base import Name, Storage, app, owner_of, told, where
from sweeps.cli.codes import FAILED


@app.command()
def stop(
    name: Name,
    storage: Storage = "./runs",
    wait: Annotated[float, typer.Option(help="Seconds until it is given up.")] = 120.0,
) -> None:
    """Ask the process that runs a sweep to stop, as Ctrl-C does, and wait for its end."""
    with told():
        from sweeps.records.folder import Folder
        from sweeps.run import owner as owners
        from sweeps.search.database import engine_of

        folder = Folder(storage, name)
        folder.read()
        owner = owner_of(folder)
        if owner is None:
            print(f"sweep {name}: nobody runs it")
        elif owners.stop(engine_of(folder.database), folder.title, owner, wait):
            print(f"sweep {name}: stopped; go on with: sweeps resume {name}{where(folder)}")
        else:
            print(f"sweep {name}: still run by {owner.told}, after {wait:g} s")
            raise typer.Exit(FAILED)
