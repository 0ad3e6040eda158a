"""Small sweeps, and what they left behind read by the libraries' own means: Optuna's tables, MLflow's, the files."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from sweeps.records.folder import Folder
from sweeps.records.record import TrialRecord
from sweeps.records.store import Store
from sweeps.run import serial
from sweeps.run.begin import begin
from sweeps.run.driver import open_sweep, write_report
from sweeps.run.service import Service
from sweeps.search.database import open_storage
from sweeps.spec.sweep import Sweep, load

SPEC = """
name: calm
game: {data: {name: gaussians, modes: 2, std: 0.3, count: 500}, net: {name: mlp, widths: [8]}, batch: 8, latent: 2}
length: 50
seeds: 2
optimizers: [extragradient, accept_reject]
trials: 3
space: {lr: {log: [1.0e-3, 1.0e-1]}}
objective: {maximize: mean.high_quality}
report_every: 10
confirm: {seeds: 3}
"""
ARMS, TRIALS = ("extragradient", "accept_reject"), 3

Files = dict[str, tuple[int, str]]  # path -> time of its last change, SHA-256


class Left(NamedTuple):
    """The sweep ``name`` in ``storage``, its studies there or at an address of their own."""

    storage: Path
    name: str
    studies: str | None = None

    @property
    def folder(self) -> Path:
        return self.storage / self.name

    @property
    def ranking(self) -> bytes:
        return (self.folder / "ranking.json").read_bytes()

    def record(self, key: str) -> TrialRecord:
        return TrialRecord(Store(str(self.folder)), key)

    def trials(self) -> dict[str, FrozenTrial]:
        """Every trial of every study, by key; fails on two of one key."""
        found: dict[str, FrozenTrial] = {}
        storage = open_storage(self.studies or f"sqlite:///{self.folder / 'studies.db'}")
        for study in optuna.get_all_study_summaries(storage):
            for trial in optuna.load_study(study_name=study.study_name, storage=storage).trials:
                kind, arm = trial.user_attrs["kind"], trial.user_attrs["arm"]
                key = f"{arm}/{kind}-{trial.number if kind == 'search' else trial.user_attrs.get('number', 0):04d}"
                assert key not in found, f"two trials {key}"
                found[key] = trial
        storage.remove_session()
        storage.engine.dispose()
        return found

    def results(self) -> dict[str, Any]:
        """What the studies hold of each trial, without times and the number of attempts."""
        told = ("arm", "kind", "seeds", "params", "error", "confirms")
        return {
            key: (
                trial.state.name,
                trial.params,
                trial.values,
                trial.intermediate_values,
                trial.system_attrs,
                {name: trial.user_attrs.get(name) for name in told},
            )
            for key, trial in self.trials().items()
        }

    def checkpoints(self) -> dict[str, tuple[int, dict[str, str]]]:
        """Of every trial the step and the hashes of its last checkpoint, whichever attempt wrote it."""
        last = {key: self.record(key).last_checkpoint() for key in self.trials()}
        return {
            key: (kept.step, {name: hashlib.sha256(data).hexdigest() for name, data in kept.contents.items()})
            for key, kept in last.items()
            if kept is not None
        }

    def finished(self) -> dict[str, Files]:
        """The files of the trials that have ended."""
        ended = (key for key, trial in self.trials().items() if trial.state.is_finished())
        return {key: files(self.folder / "trials" / key) for key in ended}


def begun(storage: Path, text: str, *overrides: str) -> Folder:
    """A sweep that nobody drives yet."""
    storage.mkdir(exist_ok=True)
    (storage / "spec.yaml").write_text(text)
    return begin(load(storage / "spec.yaml", [f"storage={storage}", *overrides]), text)


def driven(storage: Path, text: str, *overrides: str) -> tuple[Sweep, Service, Folder]:
    """A sweep driven serially to its end, with its report."""
    folder = begun(storage, text, *overrides)
    sweep, service = open_sweep(folder)
    serial.drive(service, sweep.resources.cpu, sweep.resources.gpu, lambda: None)
    write_report(sweep, service, folder, "finished")
    return sweep, service, folder


def files(folder: Path) -> Files:
    """All files below. Closing a file drops this process's locks on it: no database in there may be open here."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in paths
    }


def assert_untouched(left: Left, before: dict[str, Files]) -> None:
    """The trials that had ended then are, file for file, as they were."""
    now = left.finished()
    for key, then in before.items():
        assert now.get(key) == then, f"{key} had ended and was touched"


def assert_whole(left: Left, arms: Iterable[str] = ARMS, trials: int = TRIALS) -> None:
    """No trial lost, none doubled, none running, and each agrees with a record of its own."""
    found = left.trials()
    searches = {f"{arm}/search-{number:04d}" for arm in arms for number in range(trials)}
    assert set(found) == searches | {f"{arm}/confirm-0000" for arm in arms}
    folders = {f"{path.parent.name}/{path.name}" for path in (left.folder / "trials").glob("*/*")}
    assert folders == set(found)
    for key, trial in found.items():
        assert trial.state in (TrialState.COMPLETE, TrialState.PRUNED), f"{key} is {trial.state.name}"
        record, config = left.record(key), left.record(key).config()
        values = {report.step: report.values[config["objective"]] for report in record.history()}
        assert values == trial.intermediate_values, f"{key}: study and record differ"
        assert trial.value == values[max(values)]
        assert trial.state == TrialState.PRUNED or max(values) == config["length"]
        assert record.attempts()[-1] <= trial.user_attrs["attempt"]


def assert_committed_once(log: Path) -> None:
    """No attempt began to commit a step twice. A line of ``log``: an attempt's folder, a step."""
    twice = [line for line, times in Counter(log.read_text().splitlines()).items() if times > 1]
    assert not twice, f"committed twice: {twice}"


def assert_tracked(left: Left) -> None:
    """MLflow has one run a trial and a summary, none of them running, with one value per metric per step recorded."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{left.storage / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(left.name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    keys = Counter(run.data.tags["key"] for run in runs)
    assert keys == Counter([*left.trials(), "summary"])
    for run in runs:
        key = run.data.tags["key"]
        assert run.info.status == "FINISHED", f"{key} is {run.info.status}"
        assert run.info.end_time is not None
        if key != "summary":
            assert run.data.metrics, f"{key} has no metrics"
            steps = [report.step for report in left.record(key).history()]
            for metric in run.data.metrics:
                logged = [value.step for value in client.get_metric_history(run.info.run_id, metric)]
                assert sorted(logged) == steps, f"{key} {metric}"


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
