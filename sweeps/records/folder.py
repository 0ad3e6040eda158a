"""A sweep's folder: what was asked for, the studies, the records. Made whole, found by name."""

from __future__ import annotations

import difflib
import json
import os
import platform
import secrets
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.records.changed import Change, code_of
from sweeps.records.store import RecordExists, Store, make_folder
from sweeps.search.mounts import refuse_network
from sweeps.spec.environment import expand

if TYPE_CHECKING:
    from sweeps.spec.sweep import Sweep

FORMAT = 1
ENDED, RUNS = "ended.json", "mlflow.json"
LIBRARIES = ("torch", "optuna", "ray", "mlflow", "numpy")


class NoSweep(LookupError):
    """No sweep of that name; the message lists those there are."""


class NoExtension(ValueError):
    """More trials were asked for than which the sweep has as many already."""


class SweepExists(FileExistsError):
    """The name is taken; the message says who runs that sweep, or what to do."""


class Folder:
    """Where sweep ``name`` lives below a storage: ``store`` for its records, ``database`` for its studies.

    Records may lie on an object store; the studies' SQLite file is always local (``./runs`` then).
    """

    def __init__(self, storage: str, name: str) -> None:
        self.storage, self.name = storage, name
        place = os.path.expanduser(expand(storage))
        remote = "://" in place and not place.startswith("file://")
        self.path = Path("./runs" if remote else place.removeprefix("file://")).absolute() / name
        self.store = Store(f"{storage.rstrip('/')}/{name}" if remote else str(self.path))  # the same in every process

    @property
    def database(self) -> str:
        """The studies' URL: the spec's, else a file of the sweep's own."""
        said = self.read()["sweep"].get("studies")
        return f"sqlite:///{self.path / 'studies.db'}" if said is None else expand(said)

    @property
    def option(self) -> str:
        """What a command of this sweep needs beside its name."""
        return "" if self.storage == "./runs" else f" --storage {shlex.quote(self.storage)}"

    @property
    def title(self) -> str:
        """What the sweep is called in its database: one that others share may hold another of its name."""
        about = self.read()
        return self.name if about["sweep"].get("studies") is None else f"{self.name}@{about['identity']}"

    @property
    def exists(self) -> bool:
        """Whether the sweep was begun."""
        return self.store.exists("sweep.json")

    @property
    def has_studies(self) -> bool:
        """Whether anybody has begun to drive it; asking the database itself would make one."""
        return not self.database.startswith("sqlite") or (self.path / "studies.db").exists()

    def command(self, verb: str) -> str:
        """What to type: ``sweeps resume digits --storage /data/runs``."""
        return f"sweeps {verb} {self.name}{self.option}"

    def accept(self, changes: Sequence[Change], sweep: Sweep) -> None:
        """Goes on otherwise than before, and notes each change with its date: in ``sweep.json``, which says what holds
        now, and for good in an object of its own."""
        self._change(
            changes, {"sweep": sweep.normalized(), "versions": versions(), "code": code_of(sweep.normalized())}
        )

    def extend(self, trials: int) -> None:
        """Raises the trials of each search to ``trials``, and notes it as ``accept`` does; what is left to do follows.

        Raises:
            NoSweep, NoExtension: as ``extended``.
        """
        sweep, longer = self.extended(trials)
        self._change([Change("spec.trials", sweep.share, trials)], {"sweep": longer.normalized()})

    def extended(self, trials: int) -> tuple[Sweep, Sweep]:
        """The sweep as it is, and with so many trials of each search.

        Raises:
            NoSweep: there is none. NoExtension: it has as many, or is a map.
        """
        from sweeps.spec.sweep import Sweep

        sweep = Sweep.from_normalized(self.read()["sweep"])
        if sweep.map is not None:
            raise NoExtension(f"sweep {self.name} is a map, which searches nothing; a search is allowed")
        if trials <= sweep.share:
            said = f"sweep {self.name} has {sweep.share} trials a search; more than that are allowed, not {trials}"
            raise NoExtension(f"{said} (`{self.command('resume')}` goes on with those)")
        return sweep, sweep.model_copy(update={"trials": trials, "budget": None})

    def _change(self, changes: Sequence[Change], now: Mapping[str, Any]) -> None:
        about, at = self.read(), time.strftime("%Y-%m-%dT%H:%M:%S%z")
        noted = [{"at": at, "key": change.key, "from": change.before, "to": change.after} for change in changes]
        about |= {**now, "changes": [*about.get("changes", []), *noted]}
        number = len(self.store.list("changes")) + 1
        self.store.put(f"changes/{number:04d}.json", json.dumps(noted, indent=1, ensure_ascii=False).encode())
        self.store.replace("sweep.json", json.dumps(about, indent=1, ensure_ascii=False).encode())

    def create(
        self,
        sweep: Sweep,
        text: str,
        success: str | None,
        taken: Mapping[str, list[dict[str, float]]] | None = None,
        dataset: Mapping[str, str] | None = None,
        by: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes down what was asked for, with the points ``taken`` from an earlier sweep for each arm, the ``dataset``
        that is trained on, and the process ``by`` which it is begun. ``sweep.json`` makes it a sweep: of two at once
        one is let through.

        Raises:
            SweepExists: there is one of that name.
        """
        if sweep.studies is None:
            make_folder(self.path)
            refuse_network(self.path)
        about = {
            "format": FORMAT,
            "identity": secrets.token_hex(8),  # tells it from another sweep of this name, here or elsewhere
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "sweep": sweep.normalized(),
            "success": success,
            "taken": dict(taken or {}),
            "dataset": None if dataset is None else dict(dataset),
            "by": None if by is None else dict(by),
            "versions": versions(),
            "code": code_of(sweep.normalized()),
        }
        try:
            self.store.claim("sweep.json", json.dumps(about, indent=1, ensure_ascii=False).encode())
        except RecordExists as error:
            raise SweepExists(f"sweep {self.name} exists in {self.storage}") from error
        self.store.replace("spec.yaml", text.encode())  # its winner's

    def read(self) -> dict[str, Any]:
        """What ``create`` wrote.

        Raises:
            NoSweep: there is none, or it is of a format that this version does not know.
        """
        try:
            about: dict[str, Any] = json.loads(self.store.get("sweep.json"))
        except FileNotFoundError:
            raise NoSweep(self._missing()) from None
        if about.get("format") != FORMAT:
            raise NoSweep(f"sweep {self.name}: format {about.get('format')!r}; this version reads format {FORMAT}")
        return about

    def note_end(self, status: str, reason: str) -> None:
        """Notes how the last drive ended: ``finished``, ``stopped``, or ``broken`` with its reason in a line; nothing,
        while one goes on."""
        self.store.replace(ENDED, json.dumps({"status": status, "reason": reason}, ensure_ascii=False).encode())

    def ended(self) -> tuple[str, str]:
        """What ``note_end`` noted; nothing, where no drive ended yet."""
        noted = self._noted(ENDED)
        return str(noted.get("status", "")), str(noted.get("reason", ""))

    def note_runs(self, experiment: str, runs: Mapping[str, str]) -> None:
        """Notes where MLflow has the sweep: its experiment, and each trial's run."""
        self.store.replace(RUNS, json.dumps({"experiment": experiment, "runs": dict(runs)}).encode())

    def runs(self) -> tuple[str, dict[str, str]]:
        """What ``note_runs`` noted; nothing, where MLflow has had no trial yet."""
        noted = self._noted(RUNS)
        return str(noted.get("experiment", "")), dict(noted.get("runs", {}))

    def _noted(self, name: str) -> dict[str, Any]:
        try:
            noted = json.loads(self.store.get(name))
        except (FileNotFoundError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def _missing(self) -> str:
        known = names(self.storage)
        close = difflib.get_close_matches(self.name, known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return f"no sweep {self.name!r} in {self.storage}; {hint}there is: {', '.join(known) or 'none'}"


def names(storage: str) -> list[str]:
    """The sweeps in a storage."""
    store = Store(storage)
    return [name for name in store.list() if store.exists(f"{name}/sweep.json")]


def versions() -> dict[str, str]:
    """What ran: python, libraries, this project, and its commit where it is a checkout."""
    own = {"python": platform.python_version(), "minmax-sweeps": version("minmax-sweeps"), "commit": _commit()}
    return {**{name: version(name) for name in LIBRARIES}, **own}


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
