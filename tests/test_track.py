"""Tracking: MLflow shows what the records hold, once, whatever was killed, repeated or down. Real MLflow on SQLite."""

from __future__ import annotations

import base64
import json
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recorded import BEGAN, commit, describe, picture, report, state, tracker, trial, write
from sweeping import SPEC

from sweeps.records.record import Report, TrialRecord
from sweeps.records.store import Store
from sweeps.search.trials import Trial
from sweeps.spec.sweep import load
from sweeps.track import describe as shown
from sweeps.track.background import Background
from sweeps.track.connection import TrackingError, local_tracking
from sweeps.track.ledger import Ledger
from sweeps.track.reconcile import Counts, Summary, Table
from sweeps.track.tracker import Tracker
from sweeps.track.views import views_of

pytestmark = pytest.mark.filterwarnings(
    "ignore:::mlflow", "ignore:::alembic"
)  # what they deprecate is not ours to mend

ROOT = Path(__file__).parents[1]
NOTHING = Counts()
METRICS = {"mean.frechet", "rate.success", "mean.norm", "share.diverged"}

FIRST = """
import sys
import zlib
from sweeps.records.store import Store
from sweeps.track.connection import local_tracking
from sweeps.track.tracker import Tracker
assert "mlflow" not in sys.modules and "fsspec" not in sys.modules
Tracker(Store(sys.argv[1]), "empty", *local_tracking(sys.argv[1]), list, lambda trial: None).reconcile()
"""


KILLED = """
import os, signal, sys
import sqlalchemy
from sqlalchemy.engine import Engine

left = [int(sys.argv[2])]

def strike(*_):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

sqlalchemy.event.listen(Engine, "before_cursor_execute", strike)
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, which take seconds to make: made once, and by a first pass that must be silent."""
    folder = tmp_path_factory.mktemp("mlflow")
    run = subprocess.run([sys.executable, "-c", FIRST, str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    return folder / "mlflow.db"


@pytest.fixture
def folder(tmp_path: Path, made: Path) -> Path:
    """A storage with MLflow's tables."""
    shutil.copy(made, tmp_path / "mlflow.db")
    return tmp_path


def client(folder: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(local_tracking(str(folder))[0])


def runs(folder: Path) -> list[Any]:
    """All runs of the experiment that nobody deleted, by key."""
    mlflow = client(folder)
    found = mlflow.search_runs([mlflow.get_experiment_by_name("digits").experiment_id])
    return sorted(found, key=lambda run: run.data.tags["key"])


def files(folder: Path, run: Any) -> dict[str, bytes]:
    root = folder / "mlartifacts" / "digits" / run.info.run_id / "artifacts"
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def snapshot(folder: Path) -> dict[str, Any]:
    """Everything MLflow holds, by trial; fails on a step with two values."""
    mlflow, seen = client(folder), {}
    for run in runs(folder):
        assert run.data.tags["key"] not in seen, "two runs of one trial"
        values = {}
        for name in run.data.metrics:
            for value in mlflow.get_metric_history(run.info.run_id, name):
                assert (name, value.step) not in values, f"two values of {name} at step {value.step}"
                values[name, value.step] = (value.value, value.timestamp)
        told = (run.info.run_name, run.info.status, run.info.start_time, run.info.end_time)
        seen[run.data.tags["key"]] = (told, run.data.tags, run.data.params, values, files(folder, run))
    return seen


# What is shown


def test_a_trial_becomes_a_run_with_all_that_is_recorded(folder: Path) -> None:
    done = trial(3, "complete")
    write(Store(str(folder / "digits")), done, range(100, 400, 100))
    counts = tracker(folder, [done, trial(4, attempt=0)], note="Six **arms**").reconcile()
    assert counts == Counts(runs=1, metrics=12, images=3, checkpoints=1, ended=1)
    ((told, tags, params, values, artifacts),) = snapshot(folder).values()
    assert told == ("consensus · γ 3.2 · lr 4e-4 · ratio 1.5", "FINISHED", BEGAN, BEGAN + 300_001)
    wanted = {"sweep": "digits", "key": "consensus/search-0003", "arm": "consensus", "kind": "search", "trial": "3"}
    wanted |= {"attempt": "1", "state": "complete", "seeds": "0-1", "torch": "2.13", "device": "cpu"}
    assert tags.items() >= wanted.items()
    hypers = {"lr": "0.0004", "lr_ratio": "1.5", "gamma": "3.2"}
    assert params == hypers | {"arm": "consensus", "seeds": "2", "beta1": "0.5", "length": "2000"}
    assert set(values) == {(name, step) for name in METRICS for step in (100, 200, 300)}
    assert values["mean.frechet", 200] == (200.5, BEGAN + 200_001)
    assert values["mean.norm", 200][0] == 1.5 and values["share.diverged", 200][0] == 0.5
    assert {name: data for name, data in artifacts.items() if "checkpoint" in name} == {
        f"checkpoint/000300/{name}": data for name, data in state(300).items()
    }
    assert [data for name, data in artifacts.items() if name.endswith(".png")] == [picture(s) for s in (100, 200, 300)]
    experiment = client(folder).get_experiment_by_name("digits")
    assert experiment.tags["mlflow.note.content"] == "Six **arms**"


def test_pictures_have_the_names_that_mlflow_gives(folder: Path) -> None:
    from PIL import Image

    done = trial(0, "complete")
    write(Store(str(folder / "digits")), done, range(100, 200, 100))
    tracker(folder, [done]).reconcile()
    (run,) = runs(folder)
    ours = {name for name in files(folder, run) if name.startswith("images/")}
    mlflow = client(folder)
    other = mlflow.create_run(run.info.experiment_id, tags={"key": "other"})
    mlflow.log_image(other.info.run_id, Image.new("L", (30, 30)), key="samples", step=100, timestamp=BEGAN + 100_001)
    theirs = set(files(folder, other))
    any_uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    assert len(ours) == 2
    assert {any_uuid.sub("UUID", name) for name in ours} == {any_uuid.sub("UUID", name) for name in theirs}
    assert run.data.tags["mlflow.loggedImages"] == mlflow.get_run(other.info.run_id).data.tags["mlflow.loggedImages"]


@pytest.mark.parametrize(
    ("told", "status"), [("running", "RUNNING"), ("complete", "FINISHED"), ("pruned", "FINISHED"), ("failed", "FAILED")]
)
def test_a_runs_status_is_its_trials(folder: Path, told: str, status: str) -> None:
    one = trial(0, told)._replace(error="out of memory" if told == "failed" else None)
    tracker(folder, [one]).reconcile()
    (run,) = runs(folder)
    assert (run.info.status, run.data.tags["state"], run.info.end_time is None) == (status, told, told == "running")
    assert run.data.tags.get("mlflow.note.content") == ("out of memory" if told == "failed" else None)


def test_a_run_waits_for_the_first_report_which_says_when_its_trial_began(folder: Path) -> None:
    """Or for the end of a trial that made none."""
    following = tracker(folder, [trial(0), trial(1, "failed")])
    following._describe = lambda _: shown.Description({}, {}, created=BEGAN)
    following.reconcile()
    assert [run.data.tags["key"] for run in runs(folder)] == [trial(1).key]
    write(Store(str(folder / "digits")), trial(0), range(100, 300, 100))
    following.reconcile()
    (run,) = (run for run in runs(folder) if run.data.tags["key"] == trial(0).key)
    assert run.info.start_time == report(100)["time_ms"] - 1000 * report(100)["seconds"]


def test_more_and_longer_than_a_batch_may_be(folder: Path) -> None:
    done = trial(0, "complete")
    record = TrialRecord(Store(str(folder / "digits")), done.key)
    for step in (100, 200):
        values = {f"quantile{number}.a/b:c": float(number) for number in range(450)}
        body = {
            "step": step,
            "optimizer_steps": 1,
            "cost": 1.0,
            "time_ms": BEGAN,
            "seconds": 1.0,
            "diverged": [None],
            "diagnoses": ["unsettled"],
        }
        record.attempt(1).commit(step, body | {"metrics": {}, "values": values}, state(step), None, False)
    constants, tags = {f"constant {n}": "x" * 7000 for n in range(230)}, {f"tag{n}": "y" * 9000 for n in range(110)}
    following = tracker(folder, [done])
    following._describe = lambda told: shown.Description(constants, tags)
    assert following.reconcile().metrics == 2 * 451
    assert following.reconcile(full=True) == NOTHING
    ((_, tags, params, values, _),) = snapshot(folder).values()
    assert len(params) == 235
    assert len(params["constant 7"]) == 6000 and params["constant 7"].endswith("(7000 characters)")
    assert len([name for name in tags if name.startswith("tag")]) == 110
    assert len(values) == 2 * 451 and ("quantile7.a_b_c", 200) in values


# Again, in parts, and after a kill


def test_a_second_pass_finds_nothing_to_do(folder: Path) -> None:
    trials = [trial(0, "complete"), trial(1, "pruned"), trial(2, "failed"), trial(3)]
    for each in trials:
        write(Store(str(folder / "digits")), each, range(100, 300, 100))
    following = tracker(folder, trials)
    assert following.reconcile().runs == 4
    before = snapshot(folder)
    assert following.reconcile() == NOTHING
    assert tracker(folder, trials).reconcile() == NOTHING
    assert tracker(folder, trials).reconcile(full=True) == NOTHING
    assert snapshot(folder) == before


def test_followed_live_equals_rebuilt_from_nothing(folder: Path, made: Path) -> None:
    store, trials = Store(str(folder / "digits")), [trial(0), trial(1)]
    following = tracker(folder, trials)
    following.reconcile()
    for step in range(100, 500, 100):
        for number in (0, 1):
            write(store, trials[number], range(step, step + 1))
            following.reconcile()
    trials[0] = trial(0, "complete")
    following.reconcile()
    trials[1] = trial(1, attempt=2)  # killed, and continued by a process that knows nothing
    resumed = tracker(folder, trials)
    for step in (400, 500):
        commit(TrialRecord(store, trials[1].key).attempt(2), step)
        resumed.reconcile()
    trials[1] = trial(1, "pruned", attempt=2)
    resumed.reconcile()
    live = snapshot(folder)
    for name in ("mlflow.db", "mlartifacts"):
        (folder / name).rename(folder / f"old-{name}")
    (elsewhere := folder / "elsewhere").mkdir()
    shutil.copy(made, elsewhere / "mlflow.db")
    shutil.copytree(folder / "digits", elsewhere / "digits")
    tracker(elsewhere, trials).reconcile()
    assert snapshot(elsewhere) == live
    assert {step for _, step in live[trials[1].key][3]} == {100, 200, 300, 400, 500}


def test_a_run_made_afterwards_began_before_its_first_report(folder: Path) -> None:
    done = trial(0, "complete")
    write(Store(str(folder / "digits")), done, range(100, 300, 100))
    following = tracker(folder, [done])
    following._describe = lambda told: describe(told)._replace(began=None)
    following.reconcile()
    assert runs(folder)[0].info.start_time == BEGAN + 100_001 - 10_000


def test_a_trial_that_runs_again_reopens_its_run(folder: Path) -> None:
    store, trials = Store(str(folder / "digits")), [trial(0, "failed")]
    write(store, trials[0], range(100, 300, 100))
    following = tracker(folder, trials)
    following.reconcile()
    for told, status in (("running", "RUNNING"), ("complete", "FINISHED")):
        trials[0] = trial(0, told, attempt=2)
        commit(TrialRecord(store, trials[0].key).attempt(2), 300 if told == "running" else 400)
        following.reconcile()
        (run,) = runs(folder)
        assert (run.info.status, run.data.tags["attempt"]) == (status, "2")
    ((told_now, tags, _, values, _),) = snapshot(folder).values()
    assert told_now[3] == BEGAN + 400_002 and tags["checkpoint"] == "attempt-2/checkpoint/000400"
    assert len(values) == len(METRICS) * 4


def test_killed_at_any_moment_and_reconciled_again(folder: Path) -> None:
    trials, steps = [trial(number, "complete") for number in range(12)], range(100, 600, 100)
    for each in trials:
        write(Store(str(folder / "digits")), each, steps)
    chance = random.Random(0)
    delays = [str(chance.uniform(0, 0.12)) for _ in range(8)]
    command = [sys.executable, "-m", "tests.recorded", "reconcile", str(folder), str(len(trials)), *delays]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert killed.stderr == ""
    assert killed.stdout.split().count("-9") >= 3, "too few passes were killed in their midst"
    tracker(folder, trials).reconcile()
    after = snapshot(folder)
    assert set(after) == {each.key for each in trials}
    assert {told[1] for told, *_ in after.values()} == {"FINISHED"}
    for _, _, _, values, artifacts in after.values():
        assert set(values) == {(name, step) for name in METRICS for step in steps}
        pictures = [data for name, data in artifacts.items() if name.endswith(".png")]
        assert sorted(pictures) == sorted(picture(step) for step in steps)
    assert tracker(folder, trials).reconcile(full=True) == NOTHING


def test_killed_while_the_tables_are_made(tmp_path: Path) -> None:
    """At a statement in their midst: of tables half made MLflow would never make the rest."""
    command = [sys.executable, "-c", KILLED + FIRST, str(tmp_path), "150"]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (killed.returncode, killed.stderr) == (-signal.SIGKILL, "")
    (half,) = (path for path in tmp_path.iterdir() if not path.name.endswith("-journal"))
    with sqlite3.connect(half) as tables:
        assert tables.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 10
    assert half.name != "mlflow.db"
    tracker(tmp_path, []).reconcile()
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} <= {f"mlflow.db{end}" for end in ("", *OPEN)}
    assert client(tmp_path).get_experiment_by_name("digits") is not None


OPEN = ("-wal", "-shm")  # SQLite's, beside a file that is open
CALLS = ["runs", "create", "steps", "log", "sizes", "upload", "set_status", "delete"]


@pytest.mark.parametrize("after", [False, True], ids=["lost", "answer lost"])
def test_mlflow_failing_at_any_call(folder: Path, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    """The n-th call to MLflow fails, before or after it had its effect; the next pass repairs."""
    store = Store(str(folder / "digits"))
    left = 0

    def failing(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            nonlocal left
            left -= 1
            if left != 0:
                return call(*args)
            if after:
                call(*args)
            raise OSError("connection lost")

        return wrapped

    for name in CALLS:
        monkeypatch.setattr(Ledger, name, failing(getattr(Ledger, name)))
    trials: list[Trial] = []
    following = tracker(folder, trials)
    for number in range(30):
        trials.append(trial(number, "complete"))
        write(store, trials[-1], range(100, 300, 100))
        left = number + 1
        try:
            following.reconcile()
        except OSError:
            following.reconcile()
        else:
            break  # a pass has fewer calls than this
    assert number >= 6
    left = 0
    assert tracker(folder, trials).reconcile(full=True) == NOTHING
    after_all = snapshot(folder)
    assert set(after_all) == {each.key for each in trials}
    assert all(told[1] == "FINISHED" and len(values) == 8 for told, _, _, values, _ in after_all.values())


def test_a_trial_that_cannot_be_shown_does_not_hold_up_the_others(folder: Path) -> None:
    trials = [trial(number, "complete") for number in range(3)]
    for each in trials:
        write(Store(str(folder / "digits")), each, range(100, 200, 100))
    following = tracker(folder, trials)

    def describe_some(told: Trial) -> shown.Description:
        if told.number == 1:
            raise ValueError("no description of search-0001")
        return describe(told)

    following._describe = describe_some
    with pytest.raises(ValueError, match="search-0001"):
        following.reconcile()
    assert set(snapshot(folder)) == {trials[0].key, trials[2].key}
    following._describe = describe
    assert following.reconcile() == Counts(runs=1, metrics=4, images=1, checkpoints=1, ended=1)


def test_of_two_runs_of_one_trial_the_older_stays(folder: Path) -> None:
    done = trial(0, "complete")
    write(Store(str(folder / "digits")), done, range(100, 200, 100))
    tracker(folder, [done]).reconcile()
    before = snapshot(folder)
    (run,) = runs(folder)
    tags = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow")}
    client(folder).create_run(run.info.experiment_id, start_time=BEGAN + 1, tags=tags)
    assert tracker(folder, [done]).reconcile() == Counts(merged=1)
    assert snapshot(folder) == before


@pytest.mark.parametrize("size", [0, 50, None])
def test_a_torn_picture_is_written_again(folder: Path, size: int | None) -> None:
    done = trial(0, "complete")
    write(Store(str(folder / "digits")), done, range(100, 400, 100))
    tracker(folder, [done]).reconcile()
    before = snapshot(folder)
    torn = next((folder / "mlartifacts").rglob("samples+step+200*.png"))
    torn.unlink() if size is None else torn.write_bytes(torn.read_bytes()[:size])
    assert tracker(folder, [done]).reconcile(full=True) == Counts(images=1)
    assert snapshot(folder) == before


# The summary


def test_the_summary_is_one_run_updated_in_place(folder: Path) -> None:
    following = tracker(folder, [])
    for best, page in ((0.5, b"<p>first"), (0.5, b"<p>second"), (0.75, b"<p>third")):
        files = {"report.html": page, "spec.yaml": b"name: digits"}
        following.summary(
            Summary(
                files, {"length": 2000}, {"best": best}, Table(["arm", "best"], [["gda", best]]), BEGAN, note=f"{best}"
            )
        )
        following.reconcile()
    following.reconcile()
    ((told, tags, params, values, artifacts),) = snapshot(folder).values()
    assert told[:2] == ("summary · digits", "FINISHED") and tags["kind"] == "summary"
    assert tags["mlflow.note.content"] == "0.75"
    assert params == {"length": "2000"}
    assert {name: artifacts[name] for name in artifacts if name != "ranking.json"} == {
        "report.html": b"<p>third",
        "spec.yaml": b"name: digits",
    }
    assert {at: value for at, (value, _) in values.items()} == {("best", 0): 0.5, ("best", 1): 0.75}


def test_the_ranking_is_the_table_that_mlflow_would_write(folder: Path) -> None:
    import pandas

    table = Table(["arm", "rate", "p"], [["gda", 0.5, None], ["γ of Gemp", 0.25, 0.125]])
    following = tracker(folder, [])
    following.summary(Summary({}, {}, {}, table, BEGAN))
    following.reconcile()
    (run,) = runs(folder)
    mlflow = client(folder)
    other = mlflow.create_run(run.info.experiment_id, tags={"key": "other"})
    mlflow.log_table(other.info.run_id, pandas.DataFrame(table.rows, columns=table.columns), "ranking.json")
    theirs, ours = (files(folder, each)["ranking.json"] for each in (mlflow.get_run(other.info.run_id), run))
    assert json.loads(ours) == json.loads(theirs)
    tag = "mlflow.loggedArtifacts"
    assert run.data.tags[tag] == mlflow.get_run(other.info.run_id).data.tags[tag]


# Beside the training


def test_in_the_background_and_a_last_pass_at_the_end(folder: Path) -> None:
    store, trials = Store(str(folder / "digits")), [trial(0)]
    following = tracker(folder, trials, every=0.05)
    following.start()
    following.start()
    for step in range(100, 600, 100):
        write(store, trials[0], range(step, step + 1))
    trials[0] = trial(0, "complete")
    following.stop()
    assert following.error is None
    ((told, _, _, values, _),) = snapshot(folder).values()
    assert told[1] == "FINISHED" and {step for _, step in values} == set(range(100, 600, 100))
    following.stop(final=False)


def test_mlflow_that_is_down_never_raises_into_the_sweep(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: refuses
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        following = Tracker(Store(str(tmp_path)), "digits", uri, None, lambda: [trial()], describe)
        following.start()
        following.summary(Summary({}, {}, {}, Table([], []), BEGAN))
        following.stop()
    assert following.error is not None and "127.0.0.1" in following.error and "\n" not in following.error


def test_failing_work_is_tried_less_often_and_then_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    outcomes = iter([True, False, False, False, True, True])

    def work() -> None:
        if not next(outcomes):
            raise OSError("down")

    background = Background(work, every=30.0)

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 6

    monkeypatch.setattr(background._stopping, "wait", wait)
    background._loop()
    assert pauses == [30.0, 60.0, 60.0, 60.0, 30.0, 30.0] and background.error is None


def test_a_deleted_experiment_says_how_to_go_on(folder: Path) -> None:
    tracker(folder, []).reconcile()
    mlflow = client(folder)
    number = mlflow.get_experiment_by_name("digits").experiment_id
    mlflow.delete_experiment(number)
    with pytest.raises(TrackingError, match=rf"'digits' was deleted.* experiments restore -x {number}`.*mlflow gc"):
        tracker(folder, []).reconcile()
    mlflow.restore_experiment(number)
    tracker(folder, []).reconcile()


def test_another_sweep_of_the_name_gets_an_experiment_of_its_own(folder: Path) -> None:
    tracker(folder, [], identity="monday-1").reconcile()
    tracker(folder, [trial()], identity="friday-1").reconcile()
    tracker(folder, [trial()], identity="friday-1").reconcile()
    assert runs(folder) == []
    own = client(folder).get_experiment_by_name("digits (friday-1)")
    assert len(client(folder).search_runs([own.experiment_id])) == 1


# Names and values


def test_names_say_arm_settings_and_confirmation() -> None:
    confirm = trial(0)._replace(kind="confirm", params={"lr": 1e-3, "temperature": 2500.0})
    assert shown.run_name(confirm) == "consensus · τ 2500 · lr 1e-3 · confirm"
    gaps = confirm._replace(seeds=(0, 1, 2, 7, 9, 10))
    assert shown.tags_of(gaps, describe(gaps), "digits")["seeds"] == "0-2, 7, 9-10"


def test_a_mean_that_the_record_has_is_not_computed_again() -> None:
    values = {"rate.success": 0.25, "lower.success": 0.1, "median.norm": 3.0}
    report = Report(1, 1, 1.0, 1, 1.0, {"success": [1.0, 0.0], "norm": [1.0, 2.0]}, values, [None, 3, 4, None], [])
    assert shown.metrics_of(report) == values | {"mean.norm": 1.5, "share.diverged": 0.5}


# Views


def unpacked(tag: str) -> dict[str, Any]:
    """What MLflow's page makes of a saved view."""
    state = json.loads(tag)["state"]
    assert state.startswith("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(state.partition(";")[2])))


def test_views_have_columns_that_the_runs_have(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    sweep = load(tmp_path / "spec.yaml")
    views = views_of(sweep, BEGAN)
    assert [json.loads(view)["name"] for view in views.values()] == ["Confirmed", "Every trial"]
    for view in views.values():
        assert len(view) < 5000, "longer than a tag may be"
        state = unpacked(view)
        assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`mean.high_quality`", False)
        assert {"tags.`arm`", "metrics.`rate.success`", "params.`lr`", "params.`lr_ratio`", "params.`temperature`"} <= {
            *state["selectedColumns"]
        }


def test_a_view_that_a_person_changed_stays(folder: Path) -> None:
    following = tracker(folder, [])
    following._views = {"mlflow.sharedViewState.sweep-first": "ours", "mlflow.sharedViewState.sweep-trials": "ours"}
    following.reconcile()
    mlflow = client(folder)
    number = mlflow.get_experiment_by_name("digits").experiment_id
    mlflow.set_experiment_tag(number, "mlflow.sharedViewState.sweep-first", "theirs")
    mlflow.delete_experiment_tag(number, "mlflow.sharedViewState.sweep-trials")
    again = tracker(folder, [])
    again._views = following._views
    again.reconcile()
    tags = mlflow.get_experiment(number).tags
    assert tags["mlflow.sharedViewState.sweep-first"] == "theirs"
    assert tags["mlflow.sharedViewState.sweep-trials"] == "ours"


def test_a_run_s_colour_is_its_arm_s_until_a_person_gives_it_another(folder: Path) -> None:
    done = trial(0, "complete")
    following = tracker(folder, [done])
    following._describe = lambda told: describe(told)._replace(colour="#0072b2")
    following.reconcile()
    (run,) = runs(folder)
    assert run.data.tags["mlflow.runColor"] == "#0072b2"
    client(folder).set_tag(run.info.run_id, "mlflow.runColor", "#123456")
    following.reconcile(full=True)
    assert runs(folder)[0].data.tags["mlflow.runColor"] == "#123456"
