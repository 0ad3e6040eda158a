"""One owner at a time: a row beside the studies says which process runs a sweep, since when, and that it lives."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

import psutil
import sqlalchemy as sql

from sweeps.run.worker import began
from sweeps.search.database import DatabaseOut, engine_of, once_it_answers, reason

if TYPE_CHECKING:
    from sweeps.records.folder import Folder

BEAT, DEAD_AFTER = 10.0, 60.0  # seconds: between signs of life, and of silence before another host may take over
LET_GO = 60.0  # seconds that an owner tries to take its row away

_TABLE = sql.Table(
    "sweep_owner",
    sql.MetaData(),
    sql.Column("sweep", sql.String(128), primary_key=True),
    sql.Column("token", sql.String(32), nullable=False),
    sql.Column("host", sql.String(255), nullable=False),
    sql.Column("pid", sql.Integer, nullable=False),
    sql.Column("started", sql.Float, nullable=False),  # when the process began: pids come again
    sql.Column("since", sql.Float, nullable=False),
    sql.Column("heartbeat", sql.Float, nullable=False),
)

_STOPS = sql.Table(  # who is asked to stop: by token, so that a later owner is not
    "sweep_stop",
    _TABLE.metadata,
    sql.Column("sweep", sql.String(128), primary_key=True),
    sql.Column("token", sql.String(32), nullable=False),
)


class Owned(RuntimeError):
    """Another live process runs the sweep; the message says which, where, and since when."""


class Holder(NamedTuple):
    """The owner's row."""

    token: str
    host: str
    pid: int
    started: float
    since: float
    heartbeat: float

    def lives(self) -> bool:
        """On this host: the same process is there. On another: it was heard of within a minute."""
        if self.host != socket.gethostname():
            return time.time() - self.heartbeat < DEAD_AFTER
        try:
            process = psutil.Process(self.pid)
            return self.is_of(process) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def is_of(self, process: psutil.Process) -> bool:
        """Whether this is the row of ``process``, and not of an earlier one with its pid."""
        return abs(began(process) - self.started) < 1

    @property
    def told(self) -> str:
        """``process 4711 on gpu-1 since 2026-01-31 12:00:00``."""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} on {self.host} since {since}"


def ask_to_stop(engine: sql.Engine, sweep: str, owner: Holder) -> None:
    """Leaves word for an owner on another host, which sees it with its next sign of life."""
    _make_tables(engine)
    with engine.begin() as connection:
        connection.execute(_STOPS.delete().where(_STOPS.c.sweep == sweep))
        connection.execute(_STOPS.insert().values(sweep=sweep, token=owner.token))


def stop(engine: sql.Engine, sweep: str, owner: Holder, seconds: float) -> bool:
    """Asks an owner to stop, and waits for its end; whether it came.

    On this host that is SIGTERM to that very process (pids come again: its beginning is compared). A process elsewhere
    finds word in the database with its next sign of life.
    """
    if owner.host == socket.gethostname():
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(owner.pid)
            if owner.is_of(process):
                process.terminate()
    else:
        ask_to_stop(engine, sweep, owner)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = holder(engine, sweep)
        if now is None or now.token != owner.token or not now.lives():
            return True
        time.sleep(0.2)
    return False


def holder(engine: sql.Engine, sweep: str) -> Holder | None:
    """Who holds the sweep, alive or dead; None if it was let go."""
    with engine.connect() as connection:
        if not sql.inspect(connection).has_table(_TABLE.name):
            return None
        row = connection.execute(_TABLE.select().where(_TABLE.c.sweep == sweep)).mappings().first()
    return None if row is None else Holder(**{k: v for k, v in row.items() if k != "sweep"})


def _make_tables(engine: sql.Engine) -> None:
    for table in (_TABLE, _STOPS):
        with contextlib.suppress(sql.exc.IntegrityError), engine.begin() as connection:  # PostgreSQL's, of two at once
            connection.execute(sql.schema.CreateTable(table, if_not_exists=True))


def owner_of(folder: Folder) -> Holder | None:
    """The process that runs the sweep now; None if none does, or the one that did is dead.

    Raises:
        DatabaseOut: its database does not say.
    """
    if not folder.has_studies:
        return None
    try:
        owner = holder(engine_of(folder.database), folder.title)
    except sql.exc.DBAPIError as error:
        raise DatabaseOut(f"the studies of sweep {folder.name} cannot be read: {reason(error)}") from error
    return owner if owner is not None and owner.lives() else None


class Ownership:
    """Held for the length of a ``with`` block, by a row that a daemon thread keeps fresh.

    A dead owner is taken over. Two that try at once: the database lets one of them through.

    Args:
        stop: called from that thread where another host asks for a stop, or has taken the sweep over (this one was
            silent for too long: asleep, or cut off); None asks nobody.
        where: the option that a command for this sweep needs.

    Raises:
        Owned: on entering, if another live process is the owner.
        DatabaseOut: on entering, if the database cannot be written.
    """

    def __init__(self, engine: sql.Engine, sweep: str, stop: Callable[[], None] | None = None, where: str = "") -> None:
        self._engine, self._sweep, self._token = engine, sweep, secrets.token_hex(16)
        self._stop, self._where = stop, where
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="owner", daemon=True)

    def __enter__(self) -> Ownership:
        try:
            self._enter()
        except sql.exc.DBAPIError as error:  # nothing has begun, so nothing is worth waiting for
            raise DatabaseOut(f"the studies of sweep {self._name} cannot be written: {reason(error)}") from error
        self._thread.start()
        return self

    def _enter(self) -> None:
        _make_tables(self._engine)
        found = holder(self._engine, self._sweep)
        if found is not None and found.lives():
            raise self._refusal(found)
        if not self._take(found):
            raise self._refusal(holder(self._engine, self._sweep))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        own = (_TABLE.c.sweep == self._sweep) & (_TABLE.c.token == self._token)
        with contextlib.suppress(DatabaseOut):  # the row of a process that is gone holds nothing
            once_it_answers(lambda _: self._execute(_TABLE.delete().where(own)), away=LET_GO)

    @property
    def _name(self) -> str:
        return self._sweep.partition("@")[0]

    def _refusal(self, winner: Holder | None) -> Owned:
        if winner is None:
            return Owned(f"sweep {self._name}: two started at once, and the other has ended; try again")
        stop = f"`sweeps stop {self._name}{self._where}`"
        return Owned(f"sweep {self._name}: run by {winner.told}; stop that one first: {stop}")

    def _execute(self, statement: sql.Executable) -> None:
        with self._engine.begin() as connection:
            connection.execute(statement)

    def _take(self, dead: Holder | None) -> bool:
        row = {
            "token": self._token,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": began(psutil.Process()),
            "since": time.time(),
            "heartbeat": time.time(),
        }
        with self._engine.begin() as connection:
            if dead is not None:  # only if it is still the row that was seen
                seen = (_TABLE.c.sweep == self._sweep) & (_TABLE.c.token == dead.token)
                return connection.execute(_TABLE.update().where(seen).values(**row)).rowcount == 1
            try:
                connection.execute(_TABLE.insert().values(sweep=self._sweep, **row))
            except sql.exc.IntegrityError:
                return False
            return True

    def _beat(self) -> None:
        own = (_TABLE.c.sweep == self._sweep) & (_TABLE.c.token == self._token)
        asked = (_STOPS.c.sweep == self._sweep) & (_STOPS.c.token == self._token)
        while not self._ended.wait(BEAT):
            try:
                with self._engine.begin() as connection:
                    kept = connection.execute(_TABLE.update().where(own).values(heartbeat=time.time())).rowcount == 1
                    wanted = kept and connection.execute(_STOPS.select().where(asked)).first() is None
            except sql.exc.SQLAlchemyError:
                continue  # a locked database, a lost connection: the next beat says it
            if not wanted and self._stop is not None:
                self._stop()
                return
