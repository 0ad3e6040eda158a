"""The other side: Ray Tune's Tuner, OptunaSearch and MLflowLoggerCallback, as their documentation puts them together.

``python -m bench.faults.plain``: begins the experiment in the working directory, or goes on with it where Tune says
that it can. A function trainable that reports with a checkpoint every time, TPE, the callback, and resuming by
``Tuner.restore(…, resume_errored=True)``; up to two more attempts for a failed trial; actors are reused.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import ray
import torch
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.search.optuna import OptunaSearch

import minmax
from bench.faults.work import ARMS, LENGTH, LR, LR_RATIO, PLANNED, REPORT_EVERY, SEED, game, gap, logged

NAME = "faults"
STUDY = "FAULTS_STUDY"  # in the environment: a database's URL; the study is in memory without it
SPACE = {"arm": tune.choice(list(ARMS)), "lr": tune.loguniform(*LR), "lr_ratio": tune.loguniform(*LR_RATIO)}


def train(config: dict[str, Any]) -> None:
    """One trial: from its checkpoint where it has one."""
    state, checkpoint = None, tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            state = torch.load(Path(folder, "state.pt"))
    hypers = {"lr": config["lr"], "lr_ratio": config["lr_ratio"]}
    played, optimizer, metric = game(), logged(config["arm"]), gap()
    for report in minmax.train(
        played, optimizer, hypers, [SEED], length=LENGTH, report_every=REPORT_EVERY, resume=state, device="cpu"
    ):
        value = metric.measure(played, report.players, torch.Generator())["gap"].item()
        with tempfile.TemporaryDirectory() as folder:
            torch.save(report.state, Path(folder, "state.pt"))
            tune.report({"gap": value, "step": report.step}, checkpoint=tune.Checkpoint.from_directory(folder))


def main() -> int:
    """Begins, or goes on; 1 if trials ended in errors."""
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    storage, study = Path.cwd() / "tune", os.environ.get(STUDY)
    if tune.Tuner.can_restore(storage / NAME):
        tuner = tune.Tuner.restore(
            str(storage / NAME),
            trainable=tune.with_resources(train, {"cpu": 1}),
            resume_errored=True,
            param_space=SPACE,
        )
    else:
        search = OptunaSearch(
            metric="gap", mode="min", sampler=TPESampler(seed=0), storage=RDBStorage(study) if study else None
        )
        tuner = tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            param_space=SPACE,
            tune_config=tune.TuneConfig(search_alg=search, num_samples=PLANNED, reuse_actors=True),
            run_config=tune.RunConfig(
                name=NAME,
                storage_path=str(storage),
                failure_config=tune.FailureConfig(max_failures=2),
                callbacks=[MLflowLoggerCallback(tracking_uri=os.environ["MLFLOW_TRACKING_URI"], experiment_name=NAME)],
            ),
        )
    results = tuner.fit()
    print(f"{len(results)} trials, {results.num_errors} errors")
    return int(results.num_errors > 0)


if __name__ == "__main__":
    sys.exit(main())
