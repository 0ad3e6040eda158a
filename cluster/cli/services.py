"""The shared services of this machine."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.base import FAILED, app, told

if TYPE_CHECKING:
    from cluster.services.service import Running

FOLDER = Path("services")
Folder = Annotated[Path, typer.Option(help="Where their data, secrets and logs lie.")]
ABOUT = """\
In the shell of a driver, or where a cluster's nodes are started, with passwords (the file is yours alone):
  . {exports}
In a spec, beside a `storage` that all workers reach:
  storage: ${{env:SWEEPS_STORAGE}}
  studies: ${{env:STUDIES_URL}}
  tracking: ${{env:MLFLOW_TRACKING_URI}}
To look: {tracking}, as user {user}, whose password is in {password}"""


@app.command("services-up")
def services_up(
    folder: Folder = FOLDER,
    host: Annotated[
        str | None, typer.Option(help="The address to listen on; any but 127.0.0.1 with TLS.", show_default=False)
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="A further name that clients use, as often as needed.", show_default=False)
    ] = None,
    port: Annotated[int | None, typer.Option(help="MLflow's; a free one from 5001 on.", show_default=False)] = None,
    postgres_port: Annotated[
        int | None, typer.Option(help="PostgreSQL's; a free one from 5433 on.", show_default=False)
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Whom servers run as; you, and postgres for root.", show_default=False)
    ] = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="First bring tables that another MLflow wrote to this one's version.")
    ] = False,
) -> None:
    """Start PostgreSQL and an MLflow server for a team; what is not said is as it was last time."""
    with told():
        from cluster.services import tracking
        from cluster.services.place import Place
        from cluster.services.service import Wanted, status, up

        settings = up(folder, Wanted(host, name, port, postgres_port, user), print, upgrade)
        place = Place(folder)
        _print(status(folder))
        print(
            ABOUT.format(
                exports=shlex.quote(str(place.exports)),
                tracking=settings.tracking,
                user=tracking.USER,
                password=place.secrets / f"mlflow-{tracking.USER}",
            )
        )


@app.command("services-status")
def services_status(folder: Folder = FOLDER) -> None:
    """Say whether they run, and where; exit code 1 if one does not."""
    with told():
        from cluster.services.service import status

        found = status(folder)
        _print(found)
        if not all(server.pid for server in found):
            raise typer.Exit(FAILED)


@app.command("services-down")
def services_down(folder: Folder = FOLDER) -> None:
    """End them; databases, artifacts and passwords stay in their folder."""
    with told():
        from cluster.services.service import down

        down(folder)


@app.command("services-user")
def services_user(
    name: Annotated[str, typer.Argument(help="Who is to log in.", show_default=False)], folder: Folder = FOLDER
) -> None:
    """Make a user of MLflow, who sees his own sweeps, and those that are shared with him."""
    with told():
        from cluster.services.service import user

        print(f"{name}: the password is in {user(folder, name)}")


def _print(servers: Iterable[Running]) -> None:
    for server in servers:
        print(f"{server.name:12}{server.address:32}{f'process {server.pid}' if server.pid else 'does not run'}")
