"""Stopping a sweep that another terminal, or another host, runs."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.cli.base import Name, Storage, There, app, told
from sweeps.cli.codes import FAILED


@app.command()
def stop(
    name: Name,
    storage: Storage = "./runs",
    wait: Annotated[float, typer.Option(help="Seconds until it is given up.")] = 120.0,
    address: There = None,
) -> None:
    """Ask the process that runs a sweep to stop, as Ctrl-C does, and wait for its end."""
    with told():
        if address is not None:
            from sweeps.cli.submit import stop_there

            stop_there(address, name, wait)
            return
        from sweeps.records.folder import Folder
        from sweeps.run import owner as owners
        from sweeps.search.database import engine_of

        folder = Folder(storage, name)
        folder.read()
        owner = owners.owner_of(folder)
        if owner is None:
            print(f"sweep {name}: nobody runs it")
        elif owners.stop(engine_of(folder.database), folder.title, owner, wait):
            print(f"sweep {name}: stopped; go on with: {folder.command('resume')}")
        else:
            print(f"sweep {name}: still run by {owner.told}, after {wait:g} s")
            raise typer.Exit(FAILED)
