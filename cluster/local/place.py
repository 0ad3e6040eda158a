"""The folder of a local cluster: its token, what runs, logs, and Ray's own files; nobody else may enter it."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cluster import private
from cluster.local.errors import LocalError
from cluster.processes import Process

ABOVE = Path("/tmp")  # short: a socket's path has 107 bytes at most, which $TMPDIR may fill by itself
NAME = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
PATH_ENDS = 107
LONGEST = "n999/session_2026-01-31_00-00-00_000000_4194304/sockets/dash_MetricsHead"  # of what Ray makes below


class State(NamedTuple):
    """What was started: each node as it was asked for, its process, and the mark in the environment of all of them."""

    mark: str
    nodes: list[dict[str, Any]]
    processes: list[Process]


class Place:
    """Where the cluster ``name`` of this user is.

    Raises:
        LocalError: the name could lead out of the folder that clusters lie in.
    """

    def __init__(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise LocalError(f"name: {name!r}; letters, digits, - and _ are allowed")
        self.name = name
        self.folder = ABOVE / f"minmax-{os.geteuid()}-{name}"
        self.token, self._state, self._lock = (self.folder / each for each in ("token", "state.json", "lock"))

    def make(self) -> None:
        """The folder, mode 0700.

        Raises:
            LocalError: its name is too long.
            NotPrivate: it is there, and others may enter it, or it is another's.
        """
        over = len(os.fsencode(self.folder / LONGEST)) - PATH_ENDS
        if over > 0:
            raise LocalError(f"name: {self.name} is too long for a socket in {ABOVE}; {over} letters less are allowed")
        private.make_folder(self.folder)

    def log(self, name: str) -> Path:
        """What ``ray start`` says of the node ``name``."""
        return self.folder / f"{name}.log"

    def temporary(self, number: int) -> Path:
        """For Ray, which opens to all what it is given: what lies above it is closed."""
        return self.folder / f"n{number}"

    def state(self) -> State | None:
        """What was started, whether it lives or not; None where nothing was.

        Raises:
            NotPrivate: others could have written it.
        """
        if not self._state.exists():
            return None
        private.make_folder(self.folder)
        found = json.loads(private.read(self._state))
        return State(found["mark"], found["nodes"], [Process(*each) for each in found["processes"]])

    def started(self, state: State) -> None:
        """Notes what was started."""
        private.replace(self._state, json.dumps(state._asdict(), indent=1) + "\n")

    def remove(self) -> None:
        """All of it."""
        shutil.rmtree(self.folder)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process brings this cluster up or down meanwhile.

        Raises:
            LocalError: one does.
        """
        taken = LocalError(f"cluster {self.name}: another process brings it up or down")
        with private.lock(self._lock, taken):
            yield


def new_state() -> State:
    """Of a cluster in which nothing runs yet."""
    return State(secrets.token_hex(8), [], [])
