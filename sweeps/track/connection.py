"""Where MLflow is, a client of it that prints nothing, and a sweep's experiment there.

MLflow is imported only once a pass begins: that takes seconds. Its fluent API, whose active run is a global, is never
used.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from sweeps.records.aside import made_aside
from sweeps.search.database import make_private
from sweeps.search.mounts import refuse_network
from sweeps.spec.redact import redacted
from sweeps.track.ledger import Ledger
from sweeps.track.views import page

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # a pass that failed is repeated anyway
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # with the password that is in it
}
IDENTITY = "sweep.identity"
KIND = ("mlflow.experimentKind", "custom_model_development")  # else MLflow 3 opens its page for chat traces


class TrackingError(RuntimeError):
    """MLflow can't hold this sweep; the message says what to do about it."""


def local_tracking(storage: str) -> tuple[str, str]:
    """Tracking URI and artifact root below a local storage folder: the default, shared by all sweeps in it."""
    folder = Path(storage.removeprefix("file://")).absolute()
    return f"sqlite:///{folder / 'mlflow.db'}", str(folder / "mlartifacts")


def experiments(uri: str) -> dict[str, str]:
    """Names of the experiments that hold sweeps, and what opens their pages after the server's address."""
    client = _client(uri)
    found = client.search_experiments(filter_string=f"tags.`{KIND[0]}` = '{KIND[1]}'", order_by=["name"])
    return {experiment.name: page(experiment.experiment_id, experiment.tags) for experiment in found}


def connect(uri: str, sweep: str, artifacts: str | None, about: Mapping[str, str], views: Mapping[str, str]) -> Ledger:
    """The sweep's experiment, found or made.

    Raises:
        TrackingError: it was deleted, and keeps its name.
        MlflowException, OSError: MLflow failed.
    """
    path = Path(uri.removeprefix("sqlite:///"))
    if uri.startswith("sqlite:////") and path.parent.is_dir():
        refuse_network(path)
        made_aside(path, _make_tables)
    client = _client(uri)
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(sweep)
    if experiment is not None and _is_anothers(experiment, about[IDENTITY]):  # its folder was removed, or is elsewhere
        sweep = f"{sweep} ({about[IDENTITY][:8]})"
        experiment = client.get_experiment_by_name(sweep)
    if experiment is None:
        try:
            told = {name: value for name, value in {**about, **views}.items() if value}
            return Ledger(client, client.create_experiment(sweep, artifacts, told))
        except MlflowException as error:
            experiment = client.get_experiment_by_name(sweep)  # another process may have been faster
            if experiment is None:
                raise error
    _refuse_deleted(experiment, uri)
    kept = {name: experiment.tags.get(name, value) for name, value in views.items()}
    for name, value in {**kept, **about}.items():
        if value and experiment.tags.get(name) != value:
            client.set_experiment_tag(experiment.experiment_id, name, value)
    return Ledger(client, experiment.experiment_id)


def _client(uri: str) -> MlflowClient:
    """A client that prints nothing."""
    _hush()
    from mlflow import MlflowClient

    if not event.contains(Engine, "connect", _light):
        event.listen(Engine, "connect", _light)
    return MlflowClient(uri)


def _hush() -> None:
    """MLflow, imported after this, prints nothing."""
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    logging.getLogger("alembic").setLevel(logging.ERROR)


def _light(connection: object, _: object) -> None:
    """A commit to SQLite that does not wait for the disk: what a power cut takes, the next pass logs again."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=NORMAL")


def _make_tables(path: Path) -> None:
    """MLflow's tables in a file of their own: of tables half made MLflow never makes the rest."""
    make_private(path)
    _hush()
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    engine = SqlAlchemyStore(f"sqlite:///{path}", DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH).engine
    with engine.connect() as connection:
        connection.execute(text("PRAGMA journal_mode=WAL"))  # stays with the file: who reads does not wait
    engine.dispose()


def _is_anothers(experiment: Experiment, identity: str) -> bool:
    """Whether it holds another sweep of the same name."""
    other = experiment.tags.get(IDENTITY)
    return bool(identity and other and other != identity)


def _refuse_deleted(experiment: Experiment, uri: str) -> None:
    if experiment.lifecycle_stage == "deleted":
        at = redacted(uri)
        number = experiment.experiment_id
        raise TrackingError(
            f"MLflow's experiment {experiment.name!r} was deleted, which keeps its name taken. Restore it: "
            f"`MLFLOW_TRACKING_URI={at} mlflow experiments restore -x {number}`; or purge it: "
            f"`mlflow gc --backend-store-uri {at} --experiment-ids {number}`; or name the sweep otherwise"
        )
