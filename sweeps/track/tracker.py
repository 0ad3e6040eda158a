"""MLflow, kept in step with the records by reconciling.

A pass compares what each trial's run has with what its record holds and logs what is missing, with the recorded steps
and times. So it may be killed anywhere and repeated any number of times, MLflow may be down for an hour, and a run that
is rebuilt from nothing equals one that was followed live. A run is created with its identity (tags ``sweep`` and
``key``) in one call; should two processes create one each, the later one is deleted by the next that looks.

The only file that imports MLflow, and only once a pass begins: that takes seconds. It never uses the fluent API, whose
active run is a global, and prints nothing.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from sweeps.records.aside import made_aside
from sweeps.records.record import TrialRecord
from sweeps.records.store import Store
from sweeps.search.database import make_private
from sweeps.search.mounts import refuse_network
from sweeps.search.trials import RUNNING, Trial
from sweeps.spec.redact import redacted
from sweeps.track.background import Background
from sweeps.track.describe import Dataset, Description
from sweeps.track.reconcile import SUMMARY, Counts, Follower, Run, Summary, Value, create, is_complete, write_summary
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
VALUES = 800  # metrics a call, as 1000 are allowed of metrics, params and tags together
SETTINGS = 100  # params, or tags, a call
PAGE = 1000  # runs a search
NOTE = "mlflow.note.content"
IDENTITY = "sweep.identity"
KIND = ("mlflow.experimentKind", "custom_model_development")  # else MLflow 3 opens its page for chat traces


class TrackingError(RuntimeError):
    """MLflow can't hold this sweep; the message says what to do about it."""


class Ledger:
    """The calls to MLflow that reconciling needs, for one experiment, in plain types.

    Every method raises ``MlflowException`` or ``OSError`` where MLflow does.
    """

    def __init__(self, client: MlflowClient, experiment: str) -> None:
        self._client = client
        self._experiment = experiment

    @property
    def experiment(self) -> str:
        """Its number."""
        return self._experiment

    def runs(self, sweep: str) -> Iterator[Run]:
        """The runs of ``sweep`` that nobody deleted."""
        token: str | None = ""
        while token is not None:
            page = self._client.search_runs(
                [self._experiment], f"tags.sweep = '{sweep}'", max_results=PAGE, page_token=token or None
            )
            for run in page:
                info, data = run.info, run.data
                last = {metric.key: metric.step for metric in data._metric_objs}
                inputs = run.inputs.dataset_inputs if run.inputs else []
                datasets = frozenset(each.dataset.digest for each in inputs)
                params = frozenset(data.params)
                yield Run(info.run_id, info.start_time, info.status, data.tags, params, data.metrics, last, datasets)
            token = page.token or None

    def create(self, name: str, start: int, tags: Mapping[str, str]) -> Run:
        """A new run with its tags, in one transaction."""
        run = self._client.create_run(self._experiment, start, dict(tags), name)
        return Run(run.info.run_id, start, "RUNNING", dict(tags), frozenset(), {}, {}, frozenset())

    def steps(self, run: str, metric: str) -> list[int]:
        """Steps at which ``metric`` has a value."""
        return [value.step for value in self._client.get_metric_history(run, metric)]

    def log(self, run: str, params: Mapping[str, str], values: list[Value], tags: Mapping[str, str]) -> None:
        """Adds params and values and sets tags, in as few calls as MLflow's limits allow."""
        from mlflow.entities import Metric, Param, RunTag

        metrics = iter([Metric(value.name, value.value, value.time_ms, value.step) for value in values])
        settings = iter([Param(name, value) for name, value in params.items()])
        labels = iter([RunTag(name, value) for name, value in tags.items()])
        while True:
            batch = list(islice(metrics, VALUES)), list(islice(settings, SETTINGS)), list(islice(labels, SETTINGS))
            if not any(batch):
                return
            self._client.log_batch(run, *batch)

    def log_dataset(self, run: str, dataset: Dataset) -> None:
        """Says what the run trained on."""
        from mlflow.entities import Dataset as Logged
        from mlflow.entities import DatasetInput, InputTag

        logged = Logged(dataset.name, dataset.digest, "sweeps", dataset.source, profile=dataset.profile)
        self._client.log_inputs(run, [DatasetInput(logged, [InputTag("mlflow.data.context", "training")])])

    def sizes(self, run: str, folder: str) -> dict[str, int]:
        """Name -> bytes of the artifacts in ``folder``."""
        files = self._client.list_artifacts(run, folder)
        return {file.path.rpartition("/")[2]: file.file_size or 0 for file in files if not file.is_dir}

    def upload(self, run: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Writes artifacts, over those of the same names."""
        with tempfile.TemporaryDirectory(prefix="sweeps-") as scratch:
            for name, data in files.items():
                Path(scratch, name).write_bytes(data)
            self._client.log_artifacts(run, scratch, folder or None)

    def set_status(self, run: str, status: str, ended: int | None = None) -> None:
        """Sets ``RUNNING``, or a terminal status and when it was reached."""
        if ended is None:
            self._client.update_run(run, status)
        else:
            self._client.set_terminated(run, status, ended)

    def delete(self, run: str) -> None:
        """Moves the run to MLflow's bin."""
        self._client.delete_run(run)


class Tracker:
    """Follows one sweep into one MLflow experiment.

    Args:
        store: the sweep's records.
        sweep_name: the experiment's name, and every run's tag ``sweep``.
        tracking_uri: where MLflow is, see `local_tracking`.
        artifact_root: where the artifacts of a new experiment go; None leaves that to the server.
        trials: what trials there are; called from the tracker's thread.
        describe: what to show of a trial beside what it says itself; called from the tracker's thread.
        note: what was swept, in Markdown, shown above the experiment's runs.
        identity: what tells this sweep from another of the same name, which gets an experiment of its own.
        views: tags that the experiment gets where it has none of the name, see `views`: a person may have changed them.
        every: seconds between passes.
        note_runs: told the experiment and each trial's run, once there are new ones.
        fresh: what the summary run is to show while the sweep runs; None as long as it shows that.
    """

    def __init__(
        self,
        store: Store,
        sweep_name: str,
        tracking_uri: str,
        artifact_root: str | None,
        trials: Callable[[], list[Trial]],
        describe: Callable[[Trial], Description],
        note: str = "",
        identity: str = "",
        every: float = 2.0,
        views: Mapping[str, str] = MappingProxyType({}),
        note_runs: Callable[[str, Mapping[str, str]], None] | None = None,
        fresh: Callable[[], Summary | None] | None = None,
    ) -> None:
        self._store = store
        self._sweep = sweep_name
        self._uri = tracking_uri
        self._artifacts = None if artifact_root is None else f"{artifact_root.rstrip('/')}/{sweep_name}"
        self._trials = trials
        self._describe = describe
        self._about = {NOTE: note, IDENTITY: identity, **dict([KIND])}
        self._views = views
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self._runs: dict[str, Run] | None = None  # by key, from the last search
        self._followers: dict[str, Follower] = {}
        self._settled: dict[str, tuple[int, str]] = {}  # key -> attempt and state that need no further look
        self._records: dict[str, TrialRecord] = {}
        self._summary: Summary | None = None
        self._note, self._noted, self._fresh = note_runs, dict[str, str](), fresh
        self._background = Background(self.reconcile, every)

    @property
    def error(self) -> str | None:
        """Why the last pass of `start` or `stop` failed, in one line; None when MLflow is in step."""
        error = self._background.error
        return None if error is None else redacted(f"{type(error).__name__}: {error}".splitlines()[0])

    def start(self) -> None:
        """Reconciles every few seconds on a daemon thread, from now on."""
        self._background.start()

    def stop(self, final: bool = True) -> None:
        """Ends the thread, and with ``final`` makes a last pass. Never raises; see `error`."""
        self._background.stop(final)

    def summary(self, summary: Summary) -> None:
        """Sets what the summary run shows; the next pass writes it, in place of what was there."""
        self._summary = summary

    def reconcile(self, full: bool = False) -> Counts:
        """One pass. ``full`` compares every run again, also those that are known, or say, to be complete.

        Raises:
            TrackingError: the experiment was deleted.
            MlflowException, OSError: MLflow or the records failed; what could be done is done, the next pass goes on.
        """
        with self._lock:
            if full:
                self._forget(*self._followers, *self._settled)
            self._ledger = ledger = self._ledger or self._connected()
            (runs, counts), failed = self._found(ledger), []
            for trial in self._trials():
                try:
                    counts = counts.plus(self._follow(ledger, trial, runs.get(trial.key), full))
                except Exception as error:
                    self._forget(trial.key)
                    self._ledger = None
                    next(ledger.runs(self._sweep), None)  # raises while MLflow is down: no use in going on then
                    failed.append(error)
            self._note_runs(ledger)
            self._summary = self._summary or (self._fresh and self._fresh())
            self._write_summary(ledger)
            if failed:
                raise failed[0]
            return counts

    def _connected(self) -> Ledger:
        return _connect(self._uri, self._sweep, self._artifacts, self._about, self._views)

    def _forget(self, *keys: str) -> None:
        """Looks at these runs afresh in the next pass: what they have is not certain."""
        self._runs = None
        for key in keys:
            self._followers.pop(key, None)
            self._settled.pop(key, None)

    def _found(self, ledger: Ledger) -> tuple[dict[str, Run], Counts]:
        """Runs by key, searched for once: only this process makes more. Of two runs of one key the older stays."""
        if self._runs is not None:
            return self._runs, Counts()
        found: dict[str, Run] = {}
        merged = 0
        for run in sorted(ledger.runs(self._sweep), key=lambda run: (run.start, run.run_id)):
            if found.setdefault(run.tags.get("key", run.run_id), run) is not run:
                ledger.delete(run.run_id)
                merged += 1
        self._runs = found
        return found, Counts(merged=merged)

    def _follow(self, ledger: Ledger, trial: Trial, run: Run | None, full: bool) -> Counts:
        told = (trial.attempt, trial.state)
        if trial.attempt < 1 or self._settled.get(trial.key) == told:
            return Counts()
        follower, created = self._followers.get(trial.key), 0
        if follower is None and run is not None and not full and is_complete(run, trial):
            self._settled[trial.key] = told
            return Counts()
        record = self._records.setdefault(trial.key, TrialRecord(self._store, trial.key))
        description = self._describe(trial)
        if follower is None:
            if run is None and description.began is None and trial.state == RUNNING and not record.history():
                return Counts()  # its first report says when it began, and a run's start can't be changed
            if run is None:
                run, created = create(ledger, self._sweep, trial, record, description), 1
            follower = self._followers[trial.key] = Follower(ledger, run, full)
        counts = follower.follow(self._sweep, trial, self._store, record, description)
        if trial.state != RUNNING:
            self._settled[trial.key] = told
            del self._records[trial.key]
        return counts._replace(runs=created)

    def _note_runs(self, ledger: Ledger) -> None:
        """Tells whoever keeps it where each trial's run is, once there are new ones."""
        known = {key: run.run_id for key, run in (self._runs or {}).items() if key != SUMMARY}
        known |= {key: follower.run_id for key, follower in self._followers.items()}
        if self._note and known and known != self._noted:
            self._note(ledger.experiment, known)
            self._noted = known

    def _write_summary(self, ledger: Ledger) -> None:
        summary = self._summary
        if summary is not None:
            run = next((run for run in ledger.runs(self._sweep) if run.tags.get("key") == SUMMARY), None)
            write_summary(ledger, self._sweep, run, summary)
            if self._summary is summary:  # else another was set meanwhile: the next pass's
                self._summary = None


def local_tracking(storage: str) -> tuple[str, str]:
    """Tracking URI and artifact root below a local storage folder: the default, shared by all sweeps in it."""
    folder = Path(storage.removeprefix("file://")).absolute()
    return f"sqlite:///{folder / 'mlflow.db'}", str(folder / "mlartifacts")


def experiments(uri: str) -> dict[str, str]:
    """Names of the experiments that hold sweeps, and what opens their pages after the server's address."""
    client = _client(uri)
    found = client.search_experiments(filter_string=f"tags.`{KIND[0]}` = '{KIND[1]}'", order_by=["name"])
    return {experiment.name: page(experiment.experiment_id, experiment.tags) for experiment in found}


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


def _connect(uri: str, sweep: str, artifacts: str | None, about: Mapping[str, str], views: Mapping[str, str]) -> Ledger:
    """A quiet client, and the sweep's experiment found or made."""
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
