"""Bringing the services up and down, and looking at them."""

from __future__ import annotations

import errno
import re
import shlex
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from cluster import private, processes
from cluster.processes import Process
from cluster.services import postgres, tracking
from cluster.services.account import Account, account
from cluster.services.certificate import certificate
from cluster.services.errors import ServiceError
from cluster.services.place import ANY, Place, Settings, State, bracketed

USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
PORTS, TRIED = {"port": 5001, "postgres_port": 5433}, 50
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?|::1?")


class Wanted(NamedTuple):
    """What was asked for now; None where nothing was said."""

    host: str | None = None
    names: list[str] | None = None
    port: int | None = None
    postgres_port: int | None = None
    user: str | None = None


class Running(NamedTuple):
    """A server, and its process's pid; None where it does not run."""

    name: str
    address: str
    pid: int | None


def up(folder: Path, wanted: Wanted, tell: Callable[[str], None], upgrade: bool = False) -> Settings:
    """Starts what does not run yet, and waits until all of it answers. What was started is ended if that fails.

    Args:
        tell: told what is waited for.
        upgrade: tables that another version of MLflow wrote are brought to this one's before it starts.

    Raises:
        ServiceError: with what to do. private.NotPrivate: a file or folder is open to others.
    """
    place = Place(folder)
    before = place.settings() if place.folder.exists() else None
    settings = _settled(wanted, before)
    made_by = (before.mlflow if before is not None else None) or settings.mlflow
    if made_by != settings.mlflow and not upgrade:
        told = f"MLflow {made_by} wrote the tables in {place.folder}, and {settings.mlflow} is installed"
        raise ServiceError(f"{told}; --upgrade is allowed, after a backup: there is no other way back")
    who = account(settings.user)
    place.enter(who, settings.postgres_port)
    with place.alone():
        state = place.state()
        alive = [process for process in state.processes if process.found is not None]
        if alive and settings != before:
            raise ServiceError(f"the services of {place.folder} are up with other settings; `services-down` first")
        if not alive:
            _ended(place, state)
            _refuse_taken(settings)
        processes.kill(processes.orphans(state.mark, alive))  # of a server that was killed
        place.make(who)
        place.remember(settings._replace(mlflow=made_by))
        try:
            _start(place, settings, who, state.mark, alive, tell, upgrade=made_by != settings.mlflow)
        except BaseException:
            _ended(place, place.state())
            raise
        place.remember(settings)
    return settings


def down(folder: Path) -> None:
    """Ends the services; databases, artifacts and secrets stay.

    Raises:
        ServiceError: there are none, or one of them does not end.
    """
    place = Place(folder)
    if place.settings() is None:
        raise ServiceError(f"there are no services in {place.folder}")
    with place.alone():
        _ended(place, place.state())


def status(folder: Path) -> list[Running]:
    """Each server, whether it runs or not.

    Raises:
        ServiceError: there are none.
    """
    place = Place(folder)
    settings = place.settings()
    if settings is None:
        raise ServiceError(f"there are no services in {place.folder}")
    pids = {process.name: process.pid for process in place.state().processes if process.found is not None}
    answers = tracking.server_of(place, settings).ask("/health").code == 200
    return [
        Running(postgres.NAME, f"{settings.reached}:{settings.postgres_port}", pids.get(postgres.NAME)),
        Running(tracking.NAME, settings.tracking, pids.get(tracking.NAME) if answers else None),
    ]


def exports(place: Place, settings: Settings) -> dict[str, str]:
    """The variables that a spec and the driver of a sweep need, with passwords: for a file of mode 0600 alone."""
    studies = f"{bracketed(settings.reached)}:{settings.postgres_port}/studies"
    values = {
        "STUDIES_URL": f"postgresql://{postgres.STUDIES}:{place.secret(f'postgres-{postgres.STUDIES}')}@{studies}",
        "MLFLOW_TRACKING_URI": settings.tracking,
        "MLFLOW_TRACKING_USERNAME": tracking.USER,
        "MLFLOW_TRACKING_PASSWORD": place.secret(f"mlflow-{tracking.USER}"),
        "SWEEPS_STORAGE": str(place.runs),
    }
    if not settings.is_local:
        trusted = str(place.secrets / "certificate.pem")
        values["STUDIES_URL"] += f"?sslmode=verify-full&sslrootcert={quote(trusted)}"
        values["MLFLOW_TRACKING_SERVER_CERT_PATH"] = trusted
    return values


def _settled(wanted: Wanted, before: Settings | None) -> Settings:
    """What holds now: what was asked for, else what held last time, else what is usual and free."""
    usual: dict[str, Any] = {"host": "127.0.0.1", "names": [], "user": None}
    past = before._asdict() if before is not None else {}
    chosen = {name: value for name, value in wanted._asdict().items() if value is not None}
    found = {**usual, **past, **chosen}
    for host in (found["host"], *found["names"]):
        if not HOST.fullmatch(host):
            raise ServiceError(f"host: {host!r} is no name or address; one of this machine's is allowed")
    for name, first in PORTS.items():
        if name not in found:
            found[name] = _free(found["host"], first, [found.get(other) for other in PORTS])
    settings = Settings(**{**found, "mlflow": tracking.version()})
    if settings.host in ANY and not settings.names:
        raise ServiceError(f"host: {settings.host} is every address; then a --name that clients ask for is needed")
    for port in (settings.port, settings.postgres_port):
        if not 1024 <= port <= 65535:
            raise ServiceError(f"port: {port}; 1024 to 65535 is allowed")
    if settings.port == settings.postgres_port:
        raise ServiceError(f"port: {settings.port} for both servers; two different ones are allowed")
    return settings


def user(folder: Path, name: str) -> Path:
    """Makes a user of MLflow; where its password lies, for whoever hands it over.

    Raises:
        ServiceError: the services do not run, or the name cannot be taken.
    """
    if not USER.fullmatch(name) or name in (tracking.ADMIN, "key"):
        raise ServiceError(f"user: {name!r}; letters, digits, - and _ are allowed, and neither admin nor key")
    place = Place(folder)
    settings = place.settings()
    if settings is None:
        raise ServiceError(f"there are no services in {place.folder}")
    tracking.make_user(place, settings, name)
    return place.secrets / f"mlflow-{name}"


def _start(
    place: Place,
    settings: Settings,
    who: Account,
    mark: str,
    alive: list[Process],
    tell: Callable[[str], None],
    upgrade: bool,
) -> None:
    tls = None if settings.is_local else certificate(place.secrets, settings.hosts)
    running = {process.name: process for process in alive}
    for server in (postgres, tracking):
        process = running.get(server.NAME)
        if process is None:
            if upgrade and server is tracking:
                tracking.upgrade(place, settings, who)
            tell(f"{server.NAME}: starting")
            process = running[server.NAME] = server.start(place, settings, who, tls, mark)
            place.started(State(mark, list(running.values())))
        server.ready(place, settings, process)
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in exports(place, settings).items()]
    private.replace(place.exports, "".join(lines))


def _ended(place: Place, state: State) -> None:
    """Ends what was started, last first, and what is left of it."""
    ends = {server.NAME: server.end for server in (postgres, tracking)}
    left = [process.pid for process in reversed(state.processes) if not ends[process.name](place, process)]
    orphans = processes.orphans(state.mark)
    if left or not processes.kill(orphans):
        pids = ", ".join(map(str, (*left, *(orphan.pid for orphan in orphans))))
        raise ServiceError(f"processes that do not end: {pids}")
    place.tidy()


def _free(host: str, first: int, taken: list[int | None]) -> int:
    for port in range(first, first + TRIED):
        if port not in taken and _is_free(host, port):
            return port
    raise ServiceError(f"ports {first} to {first + TRIED - 1} are all taken; --port and --postgres-port name others")


def _refuse_taken(settings: Settings) -> None:
    for option, port in (("port", settings.port), ("postgres-port", settings.postgres_port)):
        until = time.monotonic() + 5  # connections of the last run may still be closing
        while not _is_free(settings.host, port):
            if time.monotonic() > until:
                raise ServiceError(f"{option}: {port} is taken by another process; a free one is allowed")
            time.sleep(processes.EVERY)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            told = f"cannot listen on {host} ({error.strerror}); an address of this machine is allowed"
            raise ServiceError(f"host: {told}") from None
        return True
