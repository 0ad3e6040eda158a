"""The studies' database: an SQLite file of the sweep's own, or PostgreSQL. One that is locked or away is waited for.

What was asked for while it was may have happened all the same (the commit arrived, its answer did not), so a call that
is repeated is one that may be: a new trial carries a token by which it is found again.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import optuna
import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from sweeps.search.mounts import refuse_network
from sweeps.spec.redact import redacted

LOCKED_FOR = 60  # seconds that SQLite itself waits for a lock
AWAY_FOR = 900.0  # seconds that a database may be out before a sweep ends over it
FIRST, LONGEST = 0.1, 5.0  # seconds between tries, doubling
POSTGRESQL = ("postgresql", "postgres")
TOKEN = "token"

T = TypeVar("T")


class DatabaseOut(OSError):
    """The studies' database cannot be reached; the message says which, and why."""


def engine_of(url: str) -> sqlalchemy.Engine:
    """The database beside the studies' own use of it."""
    address, options = _connection(url)
    return sqlalchemy.create_engine(address, **options)


def open_storage(url: str) -> RDBStorage:
    """Optuna's storage at a database URL, its tables made where they are not there; SQLite in WAL mode.

    Raises:
        NetworkFolder: SQLite on a network file system.
        DatabaseOut: the database does not let itself be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    address, options = _connection(url)
    try:
        storage = _opened(address, options)
        if address.startswith("sqlite"):
            with storage.engine.connect() as connection:
                connection.execute(sqlalchemy.text("PRAGMA journal_mode=WAL"))  # stays with the file
    except (DBAPIError, StorageInternalError) as error:
        raise DatabaseOut(f"the studies at {redacted(url)} cannot be opened: {reason(error)}") from error
    return storage


def _opened(address: str, options: dict[str, Any]) -> RDBStorage:
    try:
        return WaitingStorage(address, engine_kwargs=options)
    except (IntegrityError, ProgrammingError):  # another process made the tables at the same time
        return WaitingStorage(address, engine_kwargs=options)


def _connection(url: str) -> tuple[str, dict[str, Any]]:
    """SQLAlchemy's address, and how to connect; an SQLite file is made here, so that it is its owner's alone."""
    scheme, _, rest = url.partition("://")
    if scheme in POSTGRESQL:
        keep = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
        connect = {"connect_timeout": 10, "application_name": "sweeps", **keep}
        return f"postgresql+psycopg://{rest}", {"pool_pre_ping": True, "connect_args": connect}
    if scheme == "sqlite":
        make_private(Path(rest.removeprefix("/")))
    return url, {"connect_args": {"timeout": LOCKED_FOR}}


def make_private(path: Path) -> None:
    """An SQLite file, empty if it is new, that nobody else may read (mode 0600): its side files take after it.

    Raises:
        NetworkFolder: it would lie on a network file system.
    """
    refuse_network(path)
    if path.parent.is_dir() and not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def is_out(error: Exception) -> bool:
    """Whether the database is locked or away, and not the call wrong."""
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    if isinstance(cause, DBAPIError) and cause.connection_invalidated:
        return True
    if not isinstance(cause, OperationalError | InterfaceError):
        return False
    of_sqlite = type(cause.orig).__module__.startswith("sqlite3")
    return not of_sqlite or any(word in str(cause.orig) for word in ("locked", "busy", "full"))


def reason(error: BaseException) -> str:
    """What the database said, in one line, without SQL, parameters or passwords."""
    cause = error.__cause__ or error if isinstance(error, StorageInternalError) else error
    said = getattr(cause, "orig", None) or cause
    return redacted(" ".join(str(said).split()))


def is_full(error: Exception) -> bool:
    """Whether what the database lacks is room on its disk."""
    said = reason(error)
    return "disk is full" in said or "No space left" in said  # SQLite's words and PostgreSQL's


def once_it_answers(
    call: Callable[[bool], T], tell: Callable[[Exception], None] | None = None, away: float = AWAY_FOR
) -> T:
    """The call's result, tried again while the database is out; the call is told whether it was tried before.

    ``tell`` hears of every wait; where there is one, there is all the time for room on a disk.

    Raises:
        DatabaseOut: it was out for ``away`` seconds.
    """
    pause, end = FIRST, time.monotonic() + away
    again = False
    while True:
        try:
            return call(again)
        except (DBAPIError, StorageInternalError) as error:
            if not is_out(error):
                raise
            if tell is not None:
                tell(error)
            if time.monotonic() > end and not (tell is not None and is_full(error)):
                what = f"the studies' database was out for {away / 60:g} minutes"
                raise DatabaseOut(f"{what}: {reason(error)}") from error
        time.sleep(pause)
        pause, again = min(2 * pause, LONGEST), True


class WaitingStorage(RDBStorage):
    """Optuna's storage, each of whose calls waits while the database is out, and has its effect once.

    What a sweep does at every report takes a statement or two: Optuna's own reads a trial before each write, which
    costs several times as much. Only the sweep's owner writes, so there is nothing to be read.
    """

    _newest = 0  # the last trial made here
    waits: Callable[[str, bool], None] | None = None  # hears before every try but the first why, and if it is for room
    answers: Callable[[], None] | None = None  # hears that it did after all

    def patiently(self, call: Callable[[bool], T]) -> T:
        """The call's result, tried again while the database is out (`once_it_answers`)."""
        waited = False

        def tell(error: Exception) -> None:
            nonlocal waited
            waited = True
            if self.waits is not None:
                self.waits(self._trouble(error), is_full(error))

        result = once_it_answers(call, tell)
        if waited and self.answers is not None:
            self.answers()
        return result

    def _trouble(self, error: Exception) -> str:
        said, place = f"the studies' database: {reason(error)}", self.engine.url.database
        if self.engine.dialect.name != "sqlite" or not place or not is_full(error):
            return said
        folder = Path(place).absolute().parent
        return f"{folder} has {shutil.disk_usage(folder).free:,} bytes free; {said}"

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """A new trial, once: Optuna's own retries, too, find the one that is there already."""
        if template_trial is not None:
            template_trial = copy.copy(template_trial)
            template_trial.user_attrs = {**template_trial.user_attrs, TOKEN: secrets.token_hex(16)}
        self._newest = self.patiently(lambda _: RDBStorage.create_new_trial(self, study_id, template_trial))
        return self._newest

    def _get_prepared_new_trial(self, study_id: int, template_trial: FrozenTrial | None, session: Any) -> Any:
        """Optuna's, in a few statements in place of several a parameter and attribute."""
        if template_trial is None:
            return super()._get_prepared_new_trial(study_id, template_trial, session)
        token, told = template_trial.user_attrs.get(TOKEN), models.TrialUserAttributeModel
        query = session.query(models.TrialModel).join(told, told.trial_id == models.TrialModel.trial_id)
        since = query.filter(models.TrialModel.trial_id > self._newest)  # what is older was answered
        known = since.filter(told.key == TOKEN, told.value_json == json.dumps(token)).one_or_none()
        if known is not None:
            return known
        trial = models.TrialModel(
            study_id=study_id, number=None, state=template_trial.state, datetime_start=template_trial.datetime_start
        )
        session.add(trial)
        session.flush()
        for table, rows in _rows(template_trial).items():
            if rows:
                session.execute(sqlalchemy.insert(table), [{"trial_id": trial.trial_id, **row} for row in rows])
        trial.number = trial.count_past_trials(session)
        return trial

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Stores a report that was not there; the same again, where the answer may have been lost, is no error."""
        table = models.TrialIntermediateValueModel
        value, kind = table.intermediate_value_to_stored_repr(intermediate_value)
        row = {"trial_id": trial_id, "step": step, "intermediate_value": value, "intermediate_value_type": kind}
        self._insert(table, [row])

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Stores a fact over what was said before."""
        table, said = models.TrialUserAttributeModel, json.dumps(value)

        def store(_: bool) -> None:
            with self.engine.begin() as connection:
                there = (table.trial_id == trial_id, table.key == key)
                if connection.execute(sqlalchemy.update(table).where(*there).values(value_json=said)).rowcount == 0:
                    row = {"trial_id": trial_id, "key": key, "value_json": said}
                    connection.execute(sqlalchemy.insert(table), [row])

        self.patiently(store)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Ends a trial; that it has ended so already is no error where the answer may have been lost."""
        table, trials = models.TrialValueModel, models.TrialModel
        kinds = ("value", "value_type")
        rows = [
            {"trial_id": trial_id, "objective": at, **dict(zip(kinds, table.value_to_stored_repr(value), strict=True))}
            for at, value in enumerate(values or ())
        ]

        def end(again: bool) -> bool:
            with self.engine.begin() as connection:
                running = (trials.trial_id == trial_id, trials.state == TrialState.RUNNING)
                ended = sqlalchemy.update(trials).where(*running)
                count = connection.execute(ended.values(state=state, datetime_complete=datetime.now())).rowcount
                if count == 0 and not again:
                    raise UpdateFinishedTrialError(f"trial {trial_id} has ended already")
                if count and rows:
                    connection.execute(sqlalchemy.insert(table), rows)
            return True

        return self.patiently(end)

    def _insert(self, table: Any, rows: list[dict[str, Any]]) -> None:
        def store(again: bool) -> None:
            try:
                with self.engine.begin() as connection:
                    connection.execute(sqlalchemy.insert(table), rows)
            except IntegrityError:
                if not again:
                    raise

        self.patiently(store)


def _rows(template: FrozenTrial) -> dict[Any, list[dict[str, Any]]]:
    """What a new trial has, by table."""
    drawn = template.distributions
    params = [
        {
            "param_name": name,
            "param_value": drawn[name].to_internal_repr(value),
            "distribution_json": distribution_to_json(drawn[name]),
        }
        for name, value in template.params.items()
    ]
    said, noted = (
        [{"key": key, "value_json": json.dumps(value)} for key, value in attrs.items()]
        for attrs in (template.user_attrs, template.system_attrs)
    )
    tables = (models.TrialParamModel, models.TrialUserAttributeModel, models.TrialSystemAttributeModel)
    return dict(zip(tables, (params, said, noted), strict=True))


def _waiting(name: str) -> Callable[..., Any]:
    method = getattr(RDBStorage, name)

    @functools.wraps(method)
    def waiting(self: WaitingStorage, *args: Any, **kwargs: Any) -> Any:
        return self.patiently(lambda _: method(self, *args, **kwargs))

    return waiting


for _name in (
    "create_new_study", "get_study_id_from_name", "get_all_studies", "get_all_trials", "get_trial",
    "get_study_user_attrs", "get_study_system_attrs", "set_study_user_attr", "set_study_system_attr",
    "set_trial_system_attr",
):  # fmt: skip
    setattr(WaitingStorage, _name, _waiting(_name))


def reopen(engine: sqlalchemy.Engine, trial: int) -> None:
    """Makes a failed trial of Optuna's a running one; by itself it changes none that has ended."""
    table = models.TrialModel
    failed = sqlalchemy.update(table).where(table.trial_id == trial, table.state == TrialState.FAIL)
    with engine.begin() as connection:
        connection.execute(failed.values(state=TrialState.RUNNING, datetime_complete=None))
