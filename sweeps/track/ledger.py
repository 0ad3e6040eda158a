"""The calls to MLflow that reconciling needs, in plain types. MLflow is imported by the first that logs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sweeps.track.describe import Dataset

if TYPE_CHECKING:
    from mlflow import MlflowClient

VALUES = 800  # metrics a call, as 1000 are allowed of metrics, params and tags together
SETTINGS = 100  # params, or tags, a call
PAGE = 1000  # runs a search


class Run(NamedTuple):
    """A run as MLflow has it. ``metrics``: name -> latest value; ``last``: name -> its step; ``datasets``: digests."""

    run_id: str
    start: int
    status: str
    tags: Mapping[str, str]
    params: frozenset[str]
    metrics: Mapping[str, float]
    last: Mapping[str, int]
    datasets: frozenset[str]


class Value(NamedTuple):
    """One value of a metric."""

    name: str
    value: float
    time_ms: int
    step: int


class Ledger:
    """One experiment's calls.

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
