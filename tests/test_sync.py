"""MLflow rebuilt from the records alone, in the same server and in another; MLflow down and slow beside a sweep."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recorded import tracker, trial, write
from sweeping import SPEC, Left, begun

from sweeps.records.folder import Folder
from sweeps.records.store import Store
from sweeps.run.driver import carry_on
from sweeps.spec.sweep import Sweep
from sweeps.track.following import sync
from sweeps.track.reconcile import Counts

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")


def held(uri: str, experiment: str) -> dict[str, Any]:
    """All that MLflow holds of a sweep, by trial."""
    from mlflow import MlflowClient

    client, seen = MlflowClient(uri), {}
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    for run in client.search_runs([found.experiment_id]):
        info, data = run.info, run.data
        values = {
            (name, each.step): (each.value, each.timestamp)
            for name in data.metrics
            for each in client.get_metric_history(info.run_id, name)
        }
        datasets = [(each.dataset.name, each.dataset.digest) for each in run.inputs.dataset_inputs]
        told = (info.run_name, info.status, info.start_time, info.end_time)
        tags = {name: value for name, value in data.tags.items() if name != "mlflow.artifactLocation"}
        artifacts = dict(hashes(client, info.run_id, ""))
        assert data.tags["key"] not in seen, "two runs of one trial"
        seen[data.tags["key"]] = (told, tags, data.params, values, datasets, artifacts)
    return seen


def hashes(client: Any, run: str, folder: str) -> Iterator[tuple[str, str]]:
    for file in client.list_artifacts(run, folder or None):
        if file.is_dir:
            yield from hashes(client, run, file.path)
        else:
            with tempfile.TemporaryDirectory() as place:  # MLflow would leave one of its own
                data = Path(client.download_artifacts(run, file.path, place)).read_bytes()
            yield file.path, hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A small sweep that was followed while it ran."""
    folder = begun(tmp_path_factory.mktemp("sync"), SPEC)
    carry_on(folder, serial=True)
    return folder


def uri_of(folder: Folder) -> str:
    return f"sqlite:///{folder.path.parent / 'mlflow.db'}"


def test_rebuilt_from_the_records_alone_elsewhere_all_is_equal(finished: Folder, tmp_path: Path) -> None:
    original = held(uri_of(finished), "calm")
    assert set(original) == {*Left(finished.path.parent, "calm").trials(), "summary"}
    copy = tmp_path / "copy"
    shutil.copytree(finished.path, copy / "calm", ignore=shutil.ignore_patterns("studies.db*"))
    assert not list(copy.rglob("*.db"))
    folder = Folder(str(copy), "calm")
    sweep = Sweep.from_normalized(folder.read()["sweep"])
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert sync(folder, sweep, other).runs == len(original) - 1
    assert held(other, "calm") == original
    assert sync(folder, sweep, other) == Counts()
    assert held(other, "calm") == original


def test_what_a_run_says_of_its_trial(finished: Folder) -> None:
    about = finished.read()
    spec = json.dumps(about["sweep"], sort_keys=True, ensure_ascii=False)
    for key, (_, tags, _, values, datasets, artifacts) in held(uri_of(finished), "calm").items():
        if key == "summary":
            assert set(artifacts) == {"spec.yaml", "sweep.json", "report.html", "ranking.json", "standings.json"}
            continue
        wanted = {"arm", "kind", "trial", "seeds", "commit", "dirty", "torch", "python", "device", "diagnosis", "spec"}
        assert wanted <= set(tags)
        assert tags["spec"] == hashlib.sha256(spec.encode()).hexdigest() and tags["dirty"] in ("true", "false")
        assert datasets == [("gaussians", about["dataset"]["digest"])]
        steps = {step for _, step in values}
        for name in ("cpu_percent", "memory_megabytes"):
            assert {step for metric, step in values if metric == f"system/{name}"} == steps
        assert all(value > 50 for (metric, _), (value, _) in values.items() if metric == "system/memory_megabytes")
        for role in ("checkpoint", "checkpoint.best"):
            assert f"checkpoint/{tags[role].rpartition('/')[2]}/state.safetensors" in artifacts


def test_the_report_links_to_every_trial_s_run(finished: Folder) -> None:
    from mlflow import MlflowClient

    experiment, runs = finished.runs()
    page = (finished.path / "report.html").read_text()
    client = MlflowClient(uri_of(finished))
    assert set(runs) == set(Left(finished.path.parent, "calm").trials())
    for key, run in runs.items():
        assert client.get_run(run).data.tags["key"] == key
        assert f'href="http://127.0.0.1:5000/#/experiments/{experiment}/runs/{run}"' in page


# Calls


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from mlflow.tracking._tracking_service.client import TrackingServiceClient

    calls: list[str] = []
    for name in ("log_batch", "create_run", "search_runs", "get_metric_history", "set_terminated", "update_run",
                 "list_artifacts", "log_artifacts", "log_inputs", "set_tag"):  # fmt: skip
        method = getattr(TrackingServiceClient, name)

        def counting(*args: Any, _name: str = name, _method: Any = method, **options: Any) -> Any:
            calls.append(_name)
            return _method(*args, **options)

        monkeypatch.setattr(TrackingServiceClient, name, counting)
    return calls


def test_calls_grow_with_trials_and_not_with_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch)
    trials = [trial(number, "complete") for number in range(3)]
    for each in trials:
        write(Store(str(tmp_path / "digits")), each, range(100, 1100, 100))
    assert tracker(tmp_path, trials).reconcile().metrics == 3 * 10 * 4
    assert len(calls) <= 1 + 9 * len(trials) and "get_metric_history" not in calls
    calls.clear()
    assert tracker(tmp_path, trials).reconcile() == Counts()
    assert calls == ["search_runs"]
    calls.clear()
    running = [each._replace(attempt=2, state="running") for each in trials]
    assert tracker(tmp_path, running).reconcile().metrics == 0
    assert "get_metric_history" not in calls
