"""A trial trained again, drawn from, or tried again after it failed."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from sweeping import SPEC, Left, begun, driven

from sweeps.records.changed import Changed
from sweeps.records.folder import Folder, NoExtension
from sweeps.records.record import TrialRecord
from sweeps.records.store import Store
from sweeps.run import driver, serial
from sweeps.run.again import first_difference, rerun
from sweeps.run.driver import open_sweep
from sweeps.run.pick import NoTrial, pick
from sweeps.show.draw import NoSamples, as_png, as_safetensors, made

MAPPED = {"name", "game", "length", "seeds", "optimizers", "report_every"}  # keys of a search that a map has too
WEATHER = """
from pathlib import Path
from usergames import cliff

def sea(storm):
    if Path(storm).exists():
        raise RuntimeError("a storm")
    return cliff(edge=1e9)
"""


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A finished sweep."""
    return driven(tmp_path_factory.mktemp("calm"), SPEC)[2]


@pytest.fixture(scope="module")
def record(calm: Folder) -> TrialRecord:
    return pick(calm, "extragradient", "confirm")


# Chosen by a user's word


@pytest.mark.parametrize(
    ("trial", "key"),
    [("confirm", "confirm-0000"), ("confirm-0", "confirm-0000"), ("1", "search-0001"), ("search-2", "search-0002")],
)
def test_a_trial_by_its_number_or_as_the_confirmation(calm: Folder, trial: str, key: str) -> None:
    assert pick(calm, "accept_reject", trial).key == f"accept_reject/{key}"


@pytest.mark.parametrize(
    ("arm", "trial", "told"),
    [
        ("gda", "1", "no trial of an arm 'gda' has begun; arms with trials: accept_reject, extragradient"),
        ("..", "1", "no trial of an arm '..' has begun"),
        ("extragradient", "7", "arm extragradient has no trial '7' that began; there are: confirm-0, 0, 1, 2"),
        ("extragradient", "../0", "has no trial '../0' that began"),
    ],
)
def test_a_trial_that_is_none_is_told_with_those_there_are(calm: Folder, arm: str, trial: str, told: str) -> None:
    with pytest.raises(NoTrial) as refused:
        pick(calm, arm, trial)
    assert told in str(refused.value)


# Again


def test_a_trial_comes_out_the_same_to_the_last_bit(record: TrialRecord, tmp_path: Path) -> None:
    reports = list(rerun(record, Store(str(tmp_path)), cpu=1))
    assert [report.step for report, _ in reports] == [10, 20, 30, 40, 50]
    assert [difference for _, difference in reports] == [None] * 5
    with pytest.raises(ValueError, match=rf"{record.key} was trained into it already; a folder without it is allowed"):
        next(rerun(record, Store(str(tmp_path)), cpu=1))


def test_what_comes_out_otherwise_is_told_with_step_name_and_size(record: TrialRecord, tmp_path: Path) -> None:
    other = TrialRecord(Store(str(tmp_path / "other")), record.key)
    config = record.config()
    changed = {**config, "hypers": {**config["hypers"], "lr": config["hypers"]["lr"] * (1 + 1e-9)}}
    trial = record.trial()
    assert trial is not None
    other.write_begin(trial, changed)
    held = record.attempt(1)
    for report in record.history():  # as if these were its reports
        checkpoint = held.checkpoint(report.step)
        files = {"state.safetensors": b"another"} if checkpoint is None else checkpoint.files()
        other.attempt(1).commit(report.step, report._asdict(), files, None, best=True)
    report, difference = next(rerun(other, Store(str(tmp_path / "again")), cpu=1))
    assert difference is not None and difference.step == report.step == 10
    assert "at step 10" in str(difference) and "recorded" in str(difference)


def test_the_first_difference_is_found_whatever_it_is(record: TrialRecord) -> None:
    report = record.history()[0]
    assert first_difference(report, report._replace(time_ms=1, seconds=0.0)) is None
    values = {**report.values, "mean.high_quality": report.values["mean.high_quality"] + 0.25}
    told = str(first_difference(report, report._replace(values=values)))
    assert told.startswith("at step 10 values.mean.high_quality: recorded ") and told.endswith("(by 0.25)")
    fewer = report._replace(diagnoses=report.diagnoses[:-1])
    assert "now 'nothing more'" in str(first_difference(report, fewer))


# Samples


def test_samples_depend_on_the_seed_alone_and_keep_their_names(record: TrialRecord, tmp_path: Path) -> None:
    first, same, other = (made(record, None, 2000, seed) for seed in (0, 0, 1))
    assert first.step == 50 and first.values.shape == (3, 2000, 2)
    assert first.values.equal(same.values) and not first.values.equal(other.values)
    few = made(record, None, 5, 0)
    assert few.values.shape == (3, 5, 2)
    path = tmp_path / "samples.safetensors"
    path.write_bytes(as_safetensors(first, {"sweep": "calm"}))
    with safe_open(path, "pt") as file:  # type: ignore[no-untyped-call]
        assert file.get_tensor("samples").equal(first.values)
        assert file.metadata() == {"sweep": "calm", "step": "50"}


def test_the_picture_has_a_square_of_points_a_member(record: TrialRecord) -> None:
    drawn = np.asarray(Image.open(io.BytesIO(as_png(made(record, None, 500, 0)))))
    assert drawn.shape == (97, 3 * 97)
    for member in range(3):
        assert (drawn[:96, 97 * member : 97 * member + 96] < 255).any()


def test_a_step_without_a_checkpoint_is_told_with_those_there_are(record: TrialRecord) -> None:
    with pytest.raises(NoSamples, match=r"no checkpoint of step 3; the last two and the best are kept: .*40, 50"):
        made(record, 3, 16, 0)


# Tried again


@pytest.fixture
def sea(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A spec whose trials fail while there is a file ``storm``."""
    (tmp_path / "weather.py").write_text(WEATHER)
    monkeypatch.syspath_prepend(tmp_path)
    yield f"""
name: sea
game: {{name: "weather:sea", storm: {tmp_path / "storm"}}}
length: 20
seeds: 2
optimizers: [extragradient]
trials: 3
space: {{lr: {{log: [1.0e-2, 0.3]}}}}
objective: {{minimize: mean.distance}}
report_every: 10
search: {{sampler: random, pruner: none}}
confirm: {{seeds: 3}}
"""


def test_a_failed_trial_that_turns_out_best_is_confirmed_anew(sea: str, tmp_path: Path) -> None:
    driven(tmp_path / "undisturbed", sea)
    undisturbed = Left(tmp_path / "undisturbed", "sea")
    confirmed = undisturbed.trials()["extragradient/confirm-0000"].user_attrs["confirms"]

    folder, storm = begun(tmp_path / "runs", sea), tmp_path / "storm"
    _, service = open_sweep(folder)

    def weather() -> None:
        ended = sum(trial.state != "running" for trial in service.studies.trials())
        storm.touch() if ended == confirmed else storm.unlink(missing_ok=True)

    weather()
    serial.drive(service, 1, 0, weather)
    left = Left(tmp_path / "runs", "sea")
    states = {key: trial.state.name for key, trial in left.trials().items()}
    assert states[f"extragradient/search-{confirmed:04d}"] == "FAIL" and list(states.values()).count("FAIL") == 1
    assert left.trials()["extragradient/confirm-0000"].user_attrs["confirms"] != confirmed

    storm.unlink(missing_ok=True)
    assert driver.retry(folder) == 1
    assert driver.retry(folder) == 0
    sweep, service = open_sweep(folder)
    serial.drive(service, 1, 0, lambda: None)
    driver.write_report(sweep, service, folder, "finished")
    trials = left.trials()
    assert {trial.state.name for trial in trials.values()} == {"COMPLETE"}
    assert trials[f"extragradient/search-{confirmed:04d}"].user_attrs["attempt"] == 4
    assert len(trials) == 5
    ranked, wanted = json.loads(left.ranking), json.loads(undisturbed.ranking)
    assert ranked["standings"][0]["params"] == wanted["standings"][0]["params"]
    assert ranked["standings"][0]["median"] == wanted["standings"][0]["median"]


def test_a_failed_trial_of_a_map_is_tried_again_and_the_map_is_the_undisturbed_one(sea: str, tmp_path: Path) -> None:
    keys = "space: {lr_ratio: {log: [0.1, 10]}, lr: {log: [0.01, 0.1]}}\nmap: {axes: [lr_ratio, lr], size: 2, chunk: 4}"
    chart = "".join(line for line in sea.splitlines(keepends=True) if line.split(":")[0] in MAPPED) + keys
    *_, calm = driven(tmp_path / "undisturbed", chart)
    folder, storm = begun(tmp_path / "runs", chart), tmp_path / "storm"
    _, service = open_sweep(folder)

    def weather() -> None:
        ended = any(trial.state != "running" for trial in service.studies.trials())
        storm.unlink(missing_ok=True) if ended else storm.touch()

    weather()
    serial.drive(service, 1, 0, weather)
    assert [trial.state for trial in service.studies.trials()] == ["failed", "complete"]
    assert driver.retry(folder, accept=True) == 1
    sweep, service = open_sweep(folder)
    serial.drive(service, 1, 0, lambda: None)
    driver.write_report(sweep, service, folder, "finished")
    assert folder.store.get("map.json") == calm.store.get("map.json")


def test_neither_retry_nor_extend_touches_a_sweep_whose_versions_changed_before_that_is_accepted(
    sea: str, tmp_path: Path
) -> None:
    folder = begun(tmp_path / "runs", sea)
    (tmp_path / "storm").touch()
    serial.drive(open_sweep(folder)[1], 1, 0, lambda: None)
    about = folder.read()
    about["versions"]["torch"] = "1.0.0"
    folder.store.replace("sweep.json", json.dumps(about).encode())
    (tmp_path / "storm").unlink()
    left, before = Left(tmp_path / "runs", "sea"), folder.store.get("sweep.json")

    told = set()
    for act in (lambda: driver.retry(folder), lambda: driver.extend(folder, 5)):
        with pytest.raises(Changed, match=r"versions.torch: 1.0.0 -> ") as refused:
            act()
        told.add(str(refused.value))
    assert {trial.state.name for trial in left.trials().values()} == {"FAIL"}
    assert folder.store.get("sweep.json") == before

    assert driver.retry(folder, accept=True) == 3
    with pytest.raises(NoExtension):
        driver.extend(folder, 3, accept=True)
    driver.extend(folder, 5)
    assert [change["key"] for change in folder.read()["changes"]] == ["versions.torch", "spec.trials"]
    about = folder.read()
    about["versions"]["torch"] = "1.0.0"
    folder.store.replace("sweep.json", json.dumps(about).encode())
    with pytest.raises(Changed) as refused:
        driver.carry_on(folder, serial=True)
    assert told == {str(refused.value)}, "in the words of resume"
