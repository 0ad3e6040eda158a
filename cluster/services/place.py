"""The folder of the services: settings, secrets, what servers are told, their data, and which processes run."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cluster import private
from cluster.processes import Process
from cluster.services.account import Account
from cluster.services.errors import ServiceError

PATH_ENDS = 107  # bytes of a socket's path, at most
ANY = ("0.0.0.0", "::")
OPEN = 0o711  # others can pass, and see nothing: servers of another user do


def bracketed(host: str) -> str:
    """A host as addresses have it.

    >>> bracketed("::1"), bracketed("db.example.org")
    ('[::1]', 'db.example.org')
    """
    return f"[{host}]" if ":" in host else host


def asked_for(hosts: Iterable[str], port: int) -> str:
    """What requests for MLflow may name, as its option has it: without a port too, as another server hands them on.

    >>> asked_for(["::1", "db.example.org"], 5000)
    '[::1],[::1]:5000,db.example.org,db.example.org:5000'
    """
    return ",".join(f"{name},{name}:{port}" for name in map(bracketed, hosts))


class Settings(NamedTuple):
    """What was asked for when the services were brought up last, and holds until something else is; and the version of
    MLflow that wrote its tables."""

    host: str
    names: list[str]
    port: int
    postgres_port: int
    user: str | None
    mlflow: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether they listen on this machine's loopback alone."""
        return self.host in ("127.0.0.1", "localhost")

    @property
    def reached(self) -> str:
        """The host that clients ask for: the first name where it listens on every address."""
        return self.names[0] if self.host in ANY and self.names else self.host

    @property
    def tracking(self) -> str:
        """MLflow's address."""
        return f"{'http' if self.is_local else 'https'}://{bracketed(self.reached)}:{self.port}"

    @property
    def hosts(self) -> list[str]:
        """All names of this machine that clients may use."""
        return list(dict.fromkeys([self.host, *self.names, "127.0.0.1", "localhost"]))


class State(NamedTuple):
    """What runs, and the mark in the environment of each such process."""

    mark: str
    processes: list[Process]


class Place:
    """Paths below ``folder``. Folders of servers are their account's, all others and every secret are ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.secrets, self.logs, self.config = (self.folder / name for name in ("secrets", "logs", "config"))
        self.database, self.socket = self.folder / "postgres", self.folder / "socket"
        self.artifacts, self.home = self.folder / "artifacts", self.folder / "home"
        self.runs, self.exports = self.folder / "runs", self.folder / "exports"
        self._settings, self._state = self.folder / "settings.json", self.folder / "state.json"

    def enter(self, account: Account, port: int) -> None:
        """Makes the folder itself.

        Raises:
            ServiceError: the account cannot come here, or a socket's path would be too long.
            private.NotPrivate: it is there, and others may enter it.
        """
        longest = len(os.fsencode(self.socket / f".s.PGSQL.{port}.lock"))
        if longest > PATH_ENDS:
            over = longest - PATH_ENDS
            raise ServiceError(f"folder: {self.folder} is too long for a socket in it; {over} bytes less are allowed")
        closed = account.closed(next(each for each in self.folder.parents if each.exists()))
        if closed is not None:
            allowed = "a folder that all may pass through is allowed, as /var/lib/minmax"
            raise ServiceError(f"folder: user {account.name}, who runs the servers, may not enter {closed}; {allowed}")
        mode = OPEN if account.foreign else private.FOLDER
        private.make_folder(self.folder, mode).chmod(mode)

    def make(self, account: Account) -> None:
        """All folders in it.

        Raises:
            private.NotPrivate: one of them is there, and others may enter it.
        """
        for path in (self.secrets, self.logs, self.runs):
            private.make_folder(path)
        private.make_folder(self.config, OPEN if account.foreign else private.FOLDER)
        for path in (self.socket, self.artifacts, self.home):
            if not path.exists():
                account.own(private.make_folder(path))

    def secret(self, name: str) -> str:
        """A password or key that is made when it is first asked for, and then stays.

        Raises:
            private.NotPrivate: others may read its file.
        """
        text = private.made(self.secrets / name, secrets.token_hex(24) + "\n").strip()
        if len(text) < 16:
            raise ServiceError(f"{self.secrets / name}: too short; 16 characters or more are allowed")
        return text

    def tell(self, name: str, text: str, account: Account) -> Path:
        """A file that servers read: written anew each time, the account's alone."""
        path = self.config / name
        private.replace(path, text, account.uid if account.foreign else None)
        return path

    def settings(self) -> Settings | None:
        """Those of last time; None if there was none."""
        found = self._read(self._settings)
        return None if found is None else Settings(**found)

    def remember(self, settings: Settings) -> None:
        private.replace(self._settings, json.dumps(settings._asdict(), indent=1) + "\n")

    def state(self) -> State:
        """What was started, whether it lives or not."""
        found = self._read(self._state)
        if found is None:
            return State(secrets.token_hex(8), [])
        return State(found["mark"], [Process(*each) for each in found["processes"]])

    def started(self, state: State) -> None:
        """Notes what was started."""
        private.replace(self._state, json.dumps(state._asdict(), indent=1) + "\n")

    def tidy(self) -> None:
        """Removes what only running servers need."""
        self._state.unlink(missing_ok=True)
        self.exports.unlink(missing_ok=True)
        shutil.rmtree(self.config, ignore_errors=True)
        for path in (self.socket, self.home):
            shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process brings the services up or down meanwhile.

        Raises:
            ServiceError: one does.
        """
        taken = ServiceError(f"{self.folder}: another process brings these services up or down")
        with private.lock(self.folder / "lock", taken):
            yield

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            return dict(json.loads(private.read(path)))
        except FileNotFoundError:
            return None
