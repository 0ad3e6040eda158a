"""The service from a spec to its ranking, in this process: failures, divergence, pruning, and what resumes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import SPEC, Left, assert_whole, begun, driven, files

from sweeps.judge.stats import wilson
from sweeps.records.folder import Folder
from sweeps.records.record import TrialRecord
from sweeps.records.store import Store
from sweeps.run import serial, trial
from sweeps.run.driver import open_sweep, write_report
from sweeps.run.patience import Waiting
from sweeps.run.service import Service, Work
from sweeps.search.decide import Done, Wait
from sweeps.search.trials import COMPLETE, CONFIRM, FAILED, PRUNED, RUNNING, SEARCH, Trial
from sweeps.spec.sweep import Sweep

CLIFF = """
name: cliff
game: {name: "usergames:cliff"}
length: 40
seeds: 2
optimizers: [{name: gda, transform: sgd}]
trials: 6
space: {lr: {choice: [0.01, 0.5]}, lr_ratio: 1}
objective: {minimize: mean.distance}
report_every: 10
search: {sampler: random, pruner: none}
confirm: {seeds: 3}
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, Service, Folder]:
    """A GAN on a mixture, two arms, some trials pruned."""
    return driven(tmp_path_factory.mktemp("whole"), SPEC)


def left(folder: Folder) -> Left:
    return Left(folder.path.parent, folder.name)


def states(service: Service, kind: str = SEARCH) -> list[str]:
    return [trial.state for trial in service.studies.trials() if trial.kind == kind]


# A whole sweep


def test_the_same_sweep_twice_is_the_same_to_the_last_byte(
    whole: tuple[Sweep, Service, Folder], tmp_path: Path
) -> None:
    *_, first = whole
    *_, second = driven(tmp_path / "again", SPEC, "name=again")
    assert_whole(left(first))
    assert left(first).results() == left(second).results()
    assert left(first).ranking == left(second).ranking


def test_another_seed_searches_elsewhere(whole: tuple[Sweep, Service, Folder], tmp_path: Path) -> None:
    folder = begun(tmp_path / "other", SPEC, "search.seed=1")
    work = open_sweep(folder)[1].next()
    assert isinstance(work, Work)
    assert work.trial.params["lr"] not in [trial.params["lr"] for trial in whole[1].studies.trials()]


def test_some_are_pruned_and_stop_where_they_were(whole: tuple[Sweep, Service, Folder]) -> None:
    sweep, service, folder = whole
    pruned = [trial for trial in service.studies.trials() if trial.state == PRUNED]
    assert pruned and COMPLETE in states(service)
    for told in pruned:
        steps = [report.step for report in TrialRecord(folder.store, told.key).history()]
        assert steps == list(range(10, max(steps) + 1, 10)) and max(steps) < sweep.length


def test_everything_in_the_ranking_follows_from_the_records(whole: tuple[Sweep, Service, Folder]) -> None:
    sweep, _, folder = whole
    ranking = json.loads(left(folder).ranking)
    assert {row["arm"] for row in ranking["standings"]} == {arm.name for arm in sweep.optimizers}
    for row in ranking["standings"]:
        history = reports(folder, row["arm"], CONFIRM, 0)
        assert max(history) == sweep.length
        last, n = history[sweep.length]["metrics"], sweep.confirm.seeds
        assert (row["seeds"], row["successes"], row["rate"]) == (n, sum(last["success"]), sum(last["success"]) / n)
        assert tuple(row["interval"].values()) == wilson(row["successes"], n)
        assert row["median"] == statistics.median(last["high_quality"])
        searched = [reports(folder, row["arm"], SEARCH, number) for number in range(sweep.trials)]
        ends = [max(history) for history in searched]
        assert row["budget"]["spent"] == sum(ends)
        assert row["budget"]["saved"] == sum(sweep.length - end for end in ends)
        assert row["budget"]["pruned"] == sum(end < sweep.length for end in ends)
        finals = [(history[sweep.length]["values"], n) for n, history in enumerate(searched) if sweep.length in history]
        best = max(finals, key=lambda final: (final[0]["mean.high_quality"], -final[1]))[1]
        config = [
            TrialRecord(folder.store, f"{row['arm']}/{name}").config()
            for name in ("confirm-0000", f"search-{best:04d}")
        ]
        assert config[0]["hypers"] == config[1]["hypers"]
        assert row["params"].items() <= config[0]["hypers"].items()
        assert not set(config[0]["seeds"]) & set(config[1]["seeds"])


def reports(folder: Folder, arm: str, kind: str, number: int) -> dict[int, Any]:
    """The files of a trial's only attempt, by step."""
    histories = (folder.path / "trials" / arm / f"{kind}-{number:04d}" / "attempt-1" / "history").iterdir()
    return {int(file.stem): json.loads(file.read_text()) for file in histories}


def test_a_finished_sweep_has_nothing_left_to_do(whole: tuple[Sweep, Service, Folder]) -> None:
    *_, folder = whole
    before = files(folder.path / "trials")
    sweep, service = open_sweep(folder)
    assert service.is_done
    serial.drive(service, sweep.resources.cpu, sweep.resources.gpu, lambda: None)
    write_report(sweep, service, folder, "finished")
    assert files(folder.path / "trials") == before


# What goes wrong in a trial


@pytest.mark.parametrize(("error", "attempts"), [("wrong", 1), ("flaky", 3)])
def test_a_trial_that_raises_fails_alone_with_one_line(tmp_path: Path, error: str, attempts: int) -> None:
    _, service, folder = driven(tmp_path, CLIFF, f"game.error={error}")
    kind = {"wrong": "ValueError", "flaky": "RuntimeError"}[error]
    by_rate: dict[float, list[Trial]] = {0.01: [], 0.5: []}
    for told in service.studies.trials():
        by_rate[told.params["lr"]].append(told)
    assert len(by_rate[0.5]) >= 2 and len(by_rate[0.01]) >= 2
    assert {told.state for told in by_rate[0.01]} == {COMPLETE}
    for told in by_rate[0.5]:
        assert (told.state, told.error, told.attempt) == (FAILED, f"{kind}: fell off the cliff at 5.0", attempts)
        for attempt in range(1, attempts + 1):
            text = (folder.path / "trials" / told.key / f"attempt-{attempt}" / "error.txt").read_text()
            assert (
                text.startswith("Traceback")
                and "usergames.py" in text
                and text.endswith("fell off\nthe cliff at 5.0\n")
            )
    said = [event for event in service.events if "fell off" in event]
    assert len(said) == attempts * len(by_rate[0.5])
    assert sum("trying again" in event for event in said) == (attempts - 1) * len(by_rate[0.5])
    ranking = json.loads(left(folder).ranking)
    assert ranking["standings"][0]["budget"]["failed"] == len(by_rate[0.5])


def test_an_arm_whose_trials_all_fail_is_named_with_the_reason(tmp_path: Path) -> None:
    text = CLIFF.replace(
        "[{name: gda, transform: sgd}]", "[{name: gda, transform: sgd}, {name: optimistic, transform: sgd}]"
    )
    text = text.replace("0.01, 0.5]}", "0.5, 0.6], when: {optimizer: gda}}").replace("trials: 6", "trials: 2")
    _, service, folder = driven(tmp_path, text)
    assert states(service) == [FAILED, COMPLETE] * 2 or sorted(states(service)) == [COMPLETE] * 2 + [FAILED] * 2
    ranking = json.loads(left(folder).ranking)
    assert [row["arm"] for row in ranking["standings"]] == ["optimistic"]
    (row,) = ranking["unranked"]
    assert (row["arm"], row["reason"]) == ("gda", "no trial completed: ValueError: fell off the cliff at 5.0")
    assert "gda was not confirmed" in ranking["answer"]


@pytest.mark.parametrize("optimizer", ["gda", "accept_reject", "consensus", "competitive", "proximal"])
def test_a_diverging_configuration_is_complete_with_the_worst_value(tmp_path: Path, optimizer: str) -> None:
    text = CLIFF.replace("usergames:cliff", "bilinear").replace("name: gda", f"name: {optimizer}")
    _, service, folder = driven(tmp_path, text, "space.lr=1.0e+30", "trials=1")
    (told,) = [told for told in service.studies.trials() if told.kind == SEARCH]
    assert (told.state, told.value, told.error) == (COMPLETE, 1e6, None)
    (row,) = json.loads(left(folder).ranking)["standings"]
    assert (row["budget"]["diverged"], row["budget"]["complete"], row["successes"]) == (1, 0, 0)
    last = reports(folder, optimizer, SEARCH, 0)[40]
    assert last["metrics"]["distance"] == [1e6, 1e6] and all(step is not None for step in last["diverged"])


# Workers side by side, as Ray drives them


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    yield open_sweep(begun(tmp_path, SPEC))[1]


def some(service: Service) -> Work:
    work = service.next()
    assert isinstance(work, Work)
    return work


def test_no_two_workers_get_one_trial_and_the_rest_wait(service: Service) -> None:
    works = [some(service) for _ in range(6)]
    assert len({work.trial.key for work in works}) == 6
    assert {work.trial.attempt for work in works} == {1}
    assert isinstance(service.next(), Wait)
    service.ended(works[2].trial, "its worker process died")
    again = some(service)
    assert (again.trial.key, again.trial.attempt) == (works[2].trial.key, 2)
    assert again.config == works[2].config
    assert isinstance(service.next(), Wait)


def test_a_worker_that_dies_after_its_last_report_harms_nothing(service: Service) -> None:
    work = some(service)
    for failure in range(2):
        service.ended(work.trial, f"death {failure}")
        work = some(service)
    for progress in trial.run(work.config, service.store, work.trial.attempt):
        if not service.reported(work.trial, progress):
            break
    service.ended(work.trial, "a third death, with everything done")
    told = service.studies.trial(work.trial.key)
    assert (told.state, told.error) == (COMPLETE, None)
    assert not service.reported(work.trial, progress)


def test_a_trial_is_given_up_after_its_retries(service: Service) -> None:
    key = ""
    for attempt in (1, 2, 3):
        work = some(service)
        key = key or work.trial.key
        assert (work.trial.key, work.trial.attempt) == (key, attempt)
        service.ended(work.trial, f"death {attempt}")
    told = service.studies.trial(key)
    assert (told.state, told.error, told.value) == (FAILED, "death 3", None)
    assert some(service).trial.key != key


def test_what_a_worker_recorded_unheard_counts(tmp_path: Path) -> None:
    """A driver dies while a worker trains on: the next driver takes the reports in and goes on after them."""
    folder = begun(tmp_path, SPEC)
    work = some(open_sweep(folder)[1])
    orphan = trial.run(work.config, folder.store, work.trial.attempt)
    unheard = [next(orphan) for _ in range(2)]
    again = open_sweep(folder)[1]
    resumed = some(again)
    assert (resumed.trial.key, resumed.trial.attempt) == (work.trial.key, 2)
    assert again.studies.values(resumed.trial) == {progress.step: progress.value for progress in unheard}
    rest = list(trial.run(resumed.config, folder.store, resumed.trial.attempt))
    assert [progress.step for progress in rest] == [30, 40, 50]
    assert untimed(orphan) == untimed(rest), "the orphan, which trains on, and the new attempt disagree"
    history = TrialRecord(folder.store, work.trial.key).history()
    assert [report.step for report in history] == [10, 20, 30, 40, 50]


def untimed(reports: Iterable[Any]) -> list[Any]:
    return [progress._replace(seconds=0.0) for progress in reports]


def test_a_trial_that_was_trained_to_its_end_unheard_is_not_trained_again(tmp_path: Path) -> None:
    folder = begun(tmp_path, SPEC)
    work = some(open_sweep(folder)[1])
    unheard = list(trial.run(work.config, folder.store, work.trial.attempt))
    again = open_sweep(folder)[1]
    assert some(again).trial.key != work.trial.key
    told = again.studies.trial(work.trial.key)
    assert (told.state, told.attempt, told.value) == (COMPLETE, 1, unheard[-1].value)


def test_a_report_whose_checkpoint_is_damaged_is_made_again_and_counts_once(tmp_path: Path) -> None:
    folder = begun(tmp_path, SPEC)
    work = some(open_sweep(folder)[1])
    undisturbed = TrialRecord(Store(str(tmp_path / "undisturbed")), work.trial.key)
    list(trial.run(work.config, Store(str(tmp_path / "undisturbed")), 1))
    orphan = trial.run(work.config, folder.store, 1)
    told = [next(orphan) for _ in range(3)]
    state = folder.path / "trials" / work.trial.key / "attempt-1" / "checkpoint" / "000030" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-1] + b"?")
    rest = list(trial.run(work.config, folder.store, 2))
    assert [progress.step for progress in told] == [10, 20, 30] and [progress.step for progress in rest] == [30, 40, 50]
    record = TrialRecord(folder.store, work.trial.key)
    assert [each.diagnoses for each in record.history()] == [each.diagnoses for each in undisturbed.history()]
    best, known = record.best_checkpoint(), undisturbed.best_checkpoint()
    assert best is not None and known is not None and (best.step, best.files()) == (known.step, known.files())


def test_a_trial_that_an_accepted_change_made_another_fails_alone(tmp_path: Path) -> None:
    folder = begun(tmp_path, SPEC)
    work = some(open_sweep(folder)[1])
    config = folder.path / "trials" / work.trial.key / "config.json"
    config.write_text(config.read_text().replace('"beta2":0.999', '"beta2":0.99'))
    again = open_sweep(folder)[1]
    assert some(again).trial.key != work.trial.key
    told = again.studies.trial(work.trial.key)
    assert told.state == FAILED and (told.error or "").startswith("it is not what it was begun as: ")
    assert open_sweep(folder)[1].studies.trial(work.trial.key) == told


def test_a_trial_that_was_trained_to_its_end_unheard_is_complete_though_the_time_is_up(tmp_path: Path) -> None:
    folder = begun(tmp_path, SPEC, "limits.sweep=1h")
    first = open_sweep(folder)[1]
    done, midway = some(first), some(first)
    unheard = list(trial.run(done.config, folder.store, 1))
    training = trial.run(midway.config, folder.store, 1)
    next(training)
    report = next(training)
    first.studies.note_driven(3601.0)
    again = open_sweep(folder)[1]
    again.next()
    told = [again.studies.trial(work.trial.key) for work in (done, midway)]
    assert [(each.state, each.value) for each in told] == [(COMPLETE, unheard[-1].value), (PRUNED, report.value)]


def test_what_a_pruned_trial_spent_is_known_though_its_driver_died_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = begun(tmp_path, SPEC)
    first = open_sweep(folder)[1]
    work = some(first)
    for _, report in zip(range(3), trial.run(work.config, folder.store, 1), strict=False):
        first.studies.report(work.trial, report.step, report.value)
    again = open_sweep(folder)[1]
    monkeypatch.setattr(again.studies, "should_prune", lambda told: True)
    some(again)
    assert (again.studies.trial(work.trial.key).state, again.latest[work.trial.key].step) == (PRUNED, 30)


def test_what_a_worker_waits_for_says_nothing_of_what_the_environment_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", "canary")
    (tmp_path / "canary").mkdir()
    folder = begun(tmp_path, SPEC, f"storage={tmp_path}/${{env:PLACE}}")
    service = open_sweep(folder)[1]
    service.waits(some(service).trial, Waiting(f"[Errno 5] no such disk: {tmp_path}/canary/trials", False))
    assert any("${env:PLACE}/trials" in event for event in service.events)
    assert not any("canary" in event for event in service.events)


def test_a_trial_that_never_began_keeps_its_number_and_its_draw(tmp_path: Path) -> None:
    folder = begun(tmp_path, SPEC)
    first = open_sweep(folder)[1]
    arm = first._arms["extragradient"]
    asked = first.studies.ask("extragradient", arm.space, (0, 1))
    work = some(open_sweep(folder)[1])
    assert (work.trial.key, work.trial.attempt) == (asked.key, 1)
    assert work.trial.params == asked.params


def test_an_end_is_an_end(whole: tuple[Sweep, Service, Folder]) -> None:
    _, service, _ = whole
    assert isinstance(service.next(), Done)
    assert RUNNING not in states(service)
