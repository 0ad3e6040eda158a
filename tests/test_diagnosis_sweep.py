"""A sweep over a user's own data and metric: any aggregate is an objective, and every trial gets its diagnosis."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sweeping import Left, driven

from minmax import diagnose
from minmax.diagnosis import RULES, UNSETTLED
from sweeps.judge.stats import aggregate
from sweeps.show import gather, standings
from sweeps.spec.source import SpecErrors
from sweeps.spec.sweep import load
from sweeps.track.following import tracker_of

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic")  # as in test_track

SPEC = """
name: mine
game: {data: {name: "usergames:cloud", count: 300}, net: {name: mlp, widths: [8]}, batch: 8, latent: 2}
length: 40
seeds: 3
optimizers: [gda, extragradient]
trials: 2
space: {lr: {log: [1.0e-3, 1.0e-1]}}
metrics: [{name: "usergames:offset", count: 50}, diversity]
objective: {minimize: quantile90.offset}
report_every: 10
confirm: {seeds: 4}
"""


@pytest.mark.parametrize(
    "measure", ["quantile90.offset", "mean.offset", "median.offset", "max.offset", "quantile5.offset"]
)
def test_any_aggregate_of_a_users_metric(tmp_path: Path, measure: str) -> None:
    """The value of a report is that aggregate of its members, as the record holds them."""
    driven(tmp_path, SPEC, f"objective={{minimize: {measure}}}")
    left = Left(tmp_path, "mine")
    trials = left.trials()
    assert all(trial.state.name in ("COMPLETE", "PRUNED") for trial in trials.values())
    for key in trials:
        record = left.record(key)
        assert record.config()["metrics"] == {"usergames:offset": {"count": 50}, "diversity": {}, "symptoms": {}}
        for report in record.history():
            assert report.values == {measure: aggregate(measure.partition(".")[0], report.metrics["offset"])}


@pytest.mark.parametrize("aim", ["rate", "lower", "min"])
def test_aggregates_of_a_users_rule_of_success(tmp_path: Path, aim: str) -> None:
    """Rates of zeros and ones, of each report as its members were; some succeed and some do not."""
    driven(tmp_path, SPEC, "success=usergames:near", f"objective={{maximize: {aim}.success}}", "seeds=6", "trials=1")
    left, seen = Left(tmp_path, "mine"), set[float]()
    for key in left.trials():
        for report in left.record(key).history():
            own = report.metrics["success"]
            assert set(own) <= {0.0, 1.0}
            seen.add(sum(own) / len(own))
            assert report.values[f"{aim}.success"] == aggregate(aim, own)
    assert len(seen) > 1


def test_samples_held_out_reach_the_diagnosis_of_a_sweep(tmp_path: Path) -> None:
    """A user's data set with samples that nothing trains on: its discriminator learns sixteen points by heart."""
    spec = SPEC.replace('{name: "usergames:cloud", count: 300}', '{name: "usergames:few"}')
    driven(tmp_path, spec, "game.net.widths=[64, 64]", "game.batch=32", "game.latent=8", "length=400",
           "report_every=40", "optimizers=[gda]", "trials=1", "space={lr: 1.0e-3, lr_ratio: 5}", "metrics=[]",
           "objective={maximize: mean.diversity}")  # fmt: skip
    left = Left(tmp_path, "mine")
    for key in left.trials():
        last = left.record(key).history()[-1]
        assert "accuracy_held_out" in last.metrics
        assert set(last.diagnoses) == {"overfitting"}


def test_every_trial_has_its_diagnosis(tmp_path: Path) -> None:
    """In the record, one a member; in the ranking, the report and MLflow."""
    sweep, service, folder = driven(tmp_path, SPEC)
    left = Left(tmp_path, "mine")
    for key in left.trials():
        history = left.record(key).history()
        for index, report in enumerate(history):
            assert set(report.diagnoses) <= {*RULES, UNSETTLED}
            assert report.diagnoses == diagnose(history[: index + 1])
    ranking = gather.ranking(sweep, service)
    assert all(len(row.diagnoses) == 4 for row in ranking.standings)
    assert json.loads(left.ranking)["standings"][0]["diagnoses"] == list(ranking.standings[0].diagnoses)
    word = ranking.standings[0].diagnoses[0]
    assert f"{ranking.standings[0].diagnoses.count(word)} {word}" in standings.as_text(ranking, width=200)
    assert word in (left.folder / "report.html").read_text()
    tracker = tracker_of(sweep, folder, service.studies.trials)
    tracker.reconcile()
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("mine")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == len(left.trials())
    assert {run.data.tags["diagnosis"] for run in runs} <= {*RULES, UNSETTLED}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("metrics=[nothing]", "metrics[0]: unknown metric 'nothing'"),
        ("metrics=[{name: kid, size: 3}]", "metrics[0].size: unknown option of metric 'kid'"),
        ("metrics=[{name: kid, count: 1}]", "metrics[0]: metric 'kid' cannot be built: count: 1 given"),
        ("metrics=[kid, kid]", "metrics[1]: a second metric 'kid', first at metrics[0]"),
        ("objective={minimize: mean.offsets}", "unknown metric output 'offsets'; did you mean 'offset'?"),
        ("objective={maximize: mean.offset}", "offset is better the lower"),
        ("objective={minimize: rate.offset}", "rate is of zeros and ones"),
    ],
)
def test_what_is_wrong_with_metrics(tmp_path: Path, override: str, said: str) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    with pytest.raises(SpecErrors) as errors:
        load(tmp_path / "spec.yaml", [override])
    assert said in str(errors.value)
