"""What a sweep left behind, read by the libraries' own means, not ours: Optuna's tables, MLflow's client, files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.faults.trace import Trace
from bench.faults.work import LENGTH, PLANNED, key_of


class Row(NamedTuple):
    """A trial as Optuna, or MLflow, has it: its key (None: it lacks its parameters), whether it is still running, and
    in MLflow the steps at which the objective has a value."""

    key: str | None
    running: bool
    steps: list[int]


class Left(NamedTuple):
    """``finished``: the trials with a result at full length, by the side's own books."""

    finished: list[str]
    study: list[Row]
    runs: list[Row]


class Counts(NamedTuple):
    """The columns of the table. Of several sweeps the sum, of ``processes`` and ``most_again`` the most."""

    trials: int = 0
    lost: int = 0
    doubled: int = 0
    restarted: int = 0
    running_study: int = 0
    running_mlflow: int = 0
    recomputed: int = 0
    most_again: int = 0
    points_missing: int = 0
    points_doubled: int = 0
    processes: int = 0
    wrong: int = 0
    resumed: int = 0

    def plus(self, other: Counts) -> Counts:
        """Both sweeps together."""
        most = {name: max(getattr(self, name), getattr(other, name)) for name in ("most_again", "processes")}
        return Counts(*(mine + its for mine, its in zip(self, other, strict=True)))._replace(**most)


def counted(left: Left, trace: Trace, processes: int) -> Counts:
    """The columns of one sweep."""
    finished, begun = set(left.finished), set(trace.trials)
    expected = {key: trace.reports(key, key in finished) for key in begun}
    logged = Counter((row.key, step) for row in left.runs for step in row.steps)
    return Counts(
        trials=PLANNED,
        lost=max(PLANNED, len(begun)) - len(finished),
        doubled=len(
            _twice(left.finished) | _twice(row.key for row in left.study) | _twice(row.key for row in left.runs)
        ),
        restarted=sum(attempt.restarted for attempt in trace.attempts),
        running_study=sum(row.running for row in left.study),
        running_mlflow=sum(row.running for row in left.runs),
        recomputed=trace.recomputed,
        most_again=max((attempt.again for attempt in trace.attempts), default=0),
        points_missing=sum((key, step) not in logged for key, steps in expected.items() for step in steps),
        points_doubled=sum(times - 1 for times in logged.values()),
        processes=processes,
        wrong=trace.wrong(finished),
        resumed=trace.resumed,
    )


def study_in(url: str) -> list[Row]:
    """The trials of all studies of a database, by Optuna."""
    import optuna

    studies = [optuna.load_study(study_name=name, storage=url) for name in optuna.get_all_study_names(url)]
    return [_row(trial) for study in studies for trial in study.trials]


def study_in_searcher(path: Path) -> list[Row]:
    """The trials of the study in memory that Tune saved with its searcher, by the searcher itself."""
    from ray.tune.search.optuna import OptunaSearch

    search = OptunaSearch()
    search.restore(str(path))
    return [] if search._ot_study is None else [_row(trial) for trial in search._ot_study.trials]


def runs_in(uri: str, experiment: str, objective: str, unit: int) -> list[Row]:
    """The runs of an experiment that stand for a trial; a step of theirs is ``unit`` field units."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = [each for each in client.search_experiments() if each.name.partition(" ")[0] == experiment]
    runs = client.search_runs([each.experiment_id for each in found]) if found else []
    rows = []
    for run in runs:
        said, tags = run.data.params, run.data.tags
        if tags.get("kind") != "summary":
            key = key_of(said["arm"], tags.get("kind", "search"), float(said["lr"])) if "lr" in said else None
            steps = [value.step * unit for value in client.get_metric_history(run.info.run_id, objective)]
            rows.append(Row(key, run.info.status == "RUNNING", steps))
    return rows


def recorded(trials: Path) -> Iterator[str]:
    """The trials of our records with a report of full length: its history, proven by the manifest beside it."""
    for config in trials.glob("*/*/config.json"):
        said = json.loads(config.read_bytes())
        for history in config.parent.glob(f"attempt-*/history/{LENGTH:06d}.json"):
            if (history.parents[1] / "checkpoint" / history.stem / "manifest.json").exists():
                yield key_of(said["arm"], said["kind"], said["hypers"]["lr"])


def tuned(experiment: Path) -> list[str]:
    """The trials that Tune's newest state says are over, and whose result file holds the last result."""
    states = sorted(experiment.glob("experiment_state-*.json"))
    if not states:
        return []
    try:
        known = [json.loads(own[0]) for own in json.loads(states[-1].read_bytes())["trial_data"]]
    except ValueError:
        return []
    over = [trial for trial in known if trial["status"] == "TERMINATED"]
    return [
        key_of(trial["config"]["arm"], "search", trial["config"]["lr"])
        for trial in over
        if _last_step(experiment / trial["relative_logdir"] / "result.json") == LENGTH
    ]


def _last_step(results: Path) -> int:
    lines = results.read_text().splitlines() if results.exists() else []
    try:
        return int(json.loads(lines[-1])["step"]) if lines else 0
    except ValueError:
        return 0


def _row(trial: object) -> Row:
    params, said = trial.params, trial.user_attrs  # type: ignore[attr-defined]
    params = said.get("params") or params
    arm, kind = said.get("arm") or params.get("arm"), said.get("kind", "search")
    key = key_of(arm, kind, params["lr"]) if arm and "lr" in params else None
    return Row(key, trial.state.name == "RUNNING", [])  # type: ignore[attr-defined]


def _twice(keys: Iterable[str | None]) -> set[str]:
    return {key for key, times in Counter(keys).items() if key is not None and times > 1}
