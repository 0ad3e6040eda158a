"""One MLflow run brought in step with one trial's record: compare, log what is missing, and end it last.

What makes each part safe to be killed in and to be repeated:

- A metric is logged where its history lacks the step. Times are recorded, so two processes log the same row: one row.
  Reports go in by step, each batch in one transaction, so a metric's last step tells which it has.
- A picture's name follows from trial and step; a torn copy has another size and is written again. The thumbnail goes
  first, so a whole picture has one.
- A checkpoint counts when the tag that names it is set, and the run when its status is: both come last. A run that
  must change after that is reopened before anything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from sweeps.records.record import Report, TrialRecord
from sweeps.records.store import Store
from sweeps.search.trials import COMPLETE, FAILED, PRUNED, RUNNING, Trial
from sweeps.track.describe import (
    NOTE,
    PARAM_LIMIT,
    TAG_LIMIT,
    Dataset,
    Description,
    clipped,
    diagnosis_of,
    metrics_of,
    params_of,
    run_name,
    tags_of,
)
from sweeps.track.ledger import Ledger, Run, Value
from sweeps.track.pictures import FOLDER, picture_name, thumbnail

STATUS = {RUNNING: "RUNNING", COMPLETE: "FINISHED", PRUNED: "FINISHED", FAILED: "FAILED"}
LOGGED_IMAGES = "mlflow.loggedImages"  # what makes the run page look for pictures
LOGGED_TABLES = "mlflow.loggedArtifacts"  # what makes its tab for tables show one
TABLE = "ranking.json"  # in the form that mlflow.log_table writes and mlflow.load_table reads
COLOUR = "mlflow.runColor"  # of a run in MLflow's lists and charts, which else follows from its random id
SUMMARY = "summary"


class Counts(NamedTuple):
    """What one pass changed in MLflow; all zero when it was in step already."""

    runs: int = 0
    merged: int = 0
    metrics: int = 0
    images: int = 0
    checkpoints: int = 0
    ended: int = 0

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(*(mine + its for mine, its in zip(self, other, strict=True)))


class Table(NamedTuple):
    """Columns and rows of what MLflow shows as a table."""

    columns: list[str]
    rows: list[list[object]]


class Summary(NamedTuple):
    """What the sweep's summary run shows, as of ``time_ms``. ``table``: the ranking's columns and rows. ``ended``:
    whether that is all; else the sweep is running. ``note``: what it comes to, in Markdown. ``began``: since when it
    does; None: since that time."""

    files: Mapping[str, bytes]
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    table: Table
    time_ms: int
    ended: bool = True
    note: str = ""
    began: int | None = None


def is_complete(run: Run, trial: Trial) -> bool:
    """Whether the run shows this attempt's end: its status is set after all else."""
    told = (run.status, run.tags.get("attempt"), run.tags.get("state"))
    return trial.state != RUNNING and told == (STATUS[trial.state], str(trial.attempt), trial.state)


def create(ledger: Ledger, sweep: str, trial: Trial, record: TrialRecord, description: Description) -> Run:
    """A new run, with its identity in the same call, that began when the trial did."""
    tags = tags_of(trial, description, sweep)
    coloured = tags | {COLOUR: description.colour} if description.colour else tags
    return ledger.create(run_name(trial), _started(record, description), coloured)


class Follower:
    """One trial's run, looked at once; after that it is known what it has, and a pass logs news only.

    ``full`` asks for every metric's whole history, a call each, in place of its last step.
    """

    def __init__(self, ledger: Ledger, run: Run, full: bool = False) -> None:
        self._ledger = ledger
        self._run_id = run.run_id
        self._status = run.status
        self._tags = dict(run.tags)
        self._params = set(run.params)
        self._last = {} if full else run.last
        asked = run.metrics if full else ()
        self._metrics = {(name, step) for name in asked for step in ledger.steps(run.run_id, name)}
        self._datasets = set(run.datasets)
        self._found = ledger.sizes(run.run_id, FOLDER) if LOGGED_IMAGES in run.tags else {}
        self._pictures: set[str] = set()  # known to be whole

    @property
    def run_id(self) -> str:
        """The run's."""
        return self._run_id

    def follow(self, sweep: str, trial: Trial, store: Store, record: TrialRecord, description: Description) -> Counts:
        """Logs what the run lacks, and ends it if the trial has ended."""
        tags = tags_of(trial, description, sweep)
        if self._status != "RUNNING" and any(self._tags.get(name) != tags[name] for name in ("attempt", "state")):
            self._ledger.set_status(self._run_id, "RUNNING")
            self._status = "RUNNING"
        history, samples = record.history(), record.samples()
        if samples:
            tags[LOGGED_IMAGES] = "True"
        if history:
            tags |= diagnosis_of(history[-1])
        images, checkpoints = self._log_pictures(store, trial.key, samples, history), 0
        if trial.state != RUNNING:
            named, checkpoints = self._log_checkpoints(record)
            tags |= named
        metrics = self._log(params_of(trial, description), tags, history)
        self._log_dataset(description.dataset)
        if trial.state == RUNNING:
            return Counts(metrics=metrics, images=images)
        ended = history[-1].time_ms if history else _started(record, description)
        return Counts(0, 0, metrics, images, checkpoints, self._end(trial, ended))

    def _log(self, params: dict[str, str], tags: dict[str, str], history: list[Report]) -> int:
        new = [
            Value(name, value, report.time_ms, report.step)
            for report in history
            for name, value in metrics_of(report).items()
            if report.step > self._last.get(name, -1) and (name, report.step) not in self._metrics
        ]
        missing = {name: value for name, value in params.items() if name not in self._params}
        changed = {name: value for name, value in tags.items() if self._tags.get(name) != value}
        if new or missing or changed:
            self._ledger.log(self._run_id, missing, new, changed)
        self._metrics.update((value.name, value.step) for value in new)
        self._params.update(missing)
        self._tags |= changed
        return len(new)

    def _log_pictures(self, store: Store, key: str, samples: dict[int, str], history: list[Report]) -> int:
        pictures = {}
        for report in history:
            name = picture_name(key, report.step, report.time_ms)
            if report.step in samples and name not in self._pictures:
                picture = store.get(samples[report.step])
                if self._found.get(f"{name}.png") != len(picture):
                    pictures[name] = picture
                self._pictures.add(name)
        if pictures:
            small = {f"{name}+compressed.webp": thumbnail(picture) for name, picture in pictures.items()}
            self._ledger.upload(self._run_id, FOLDER, small)
            self._ledger.upload(self._run_id, FOLDER, {f"{name}.png": data for name, data in pictures.items()})
        return len(pictures)

    def _log_checkpoints(self, record: TrialRecord) -> tuple[dict[str, str], int]:
        """Uploads the last and the best, which may be one, each folder once; the tags that name them, to be logged
        after that, and how many were uploaded."""
        shown = {"checkpoint": record.last_checkpoint(), "checkpoint.best": record.best_checkpoint()}
        named: dict[str, str] = {}
        there = {self._tags.get(tag) for tag in shown}
        logged = 0
        for tag, checkpoint in shown.items():
            if checkpoint is None:
                continue
            folder = f"checkpoint/{checkpoint.step:06d}"
            named[tag] = f"attempt-{checkpoint.attempt}/{folder}"
            if named[tag] not in there:
                self._ledger.upload(self._run_id, folder, checkpoint.files())
                there.add(named[tag])
                logged += 1
        return named, logged

    def _log_dataset(self, dataset: Dataset | None) -> None:
        if dataset is not None and dataset.digest not in self._datasets:
            self._ledger.log_dataset(self._run_id, dataset)
            self._datasets.add(dataset.digest)

    def _end(self, trial: Trial, ended: int) -> int:
        status = STATUS[trial.state]
        if self._status == status:
            return 0
        self._ledger.set_status(self._run_id, status, ended)
        self._status = status
        return 1


def write_summary(ledger: Ledger, sweep: str, run: Run | None, summary: Summary) -> None:
    """Brings the summary run to what ``summary`` says: files over older ones, a metric that changed at a new step."""
    tables = json.dumps([{"path": TABLE, "type": "table"}])
    tags = {"sweep": sweep, "key": SUMMARY, "kind": SUMMARY, LOGGED_TABLES: tables}
    began = summary.time_ms if summary.began is None else summary.began
    run = run or ledger.create(f"summary · {sweep}", began, tags)
    columns, rows = summary.table
    table = json.dumps({"columns": columns, "data": rows}, ensure_ascii=False, allow_nan=False).encode()
    ledger.upload(run.run_id, "", {**summary.files, TABLE: table})
    params = {
        name: clipped(str(value), PARAM_LIMIT) for name, value in summary.params.items() if name not in run.params
    }
    values = [
        Value(name, value, summary.time_ms, run.last.get(name, -1) + 1)
        for name, value in summary.metrics.items()
        if run.metrics.get(name) != value
    ]
    note = {NOTE: clipped(summary.note, TAG_LIMIT)} if summary.note else {}
    ledger.log(run.run_id, params, values, {**tags, **note})
    if summary.ended:
        ledger.set_status(run.run_id, "FINISHED", summary.time_ms)
    elif run.status != "RUNNING":
        ledger.set_status(run.run_id, "RUNNING")


def _started(record: TrialRecord, description: Description) -> int:
    """When the trial began: as recorded where it is, so that a run made afterwards says the same."""
    if description.began is not None:
        return description.began
    first = next(iter(record.history()), None)
    return description.created if first is None else first.time_ms - round(1000 * first.seconds)
