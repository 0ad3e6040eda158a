"""Whole sweeps, searched in every manner that a spec may say: budgets, points, objectives, repeats, extensions."""

from __future__ import annotations

import json
import math
import os
import random
import re
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from driving import KILLED, STUDIES, Kill, forked, strike
from scipy import stats as reference
from sweeping import Left, begun, driven

from sweeps.judge.ranking import ArmResult, Ranking, rank
from sweeps.judge.repeats import compare, quantile_of_t, rate_interval, tail_of_t
from sweeps.records.folder import Folder, NoExtension
from sweeps.run import serial
from sweeps.run.assemble import Unfit
from sweeps.run.driver import extend, open_sweep
from sweeps.run.owner import Owned, Ownership
from sweeps.search.database import engine_of
from sweeps.search.trials import CONFIRM, PRUNED, SEARCH
from sweeps.show import gather
from sweeps.show.standings import as_text
from sweeps.spec.source import SpecErrors
from sweeps.spec.sweep import Sweep, load

SPEC = """
name: saddle
game: bilinear
length: 20
seeds: 2
optimizers: [extragradient, gda]
trials: 3
objective: {minimize: mean.distance}
report_every: 5
search: {sampler: random, pruner: none}
confirm: {seeds: 3}
"""


def carry_on(folder: Folder) -> tuple[Sweep, Any]:
    sweep, service = open_sweep(folder)
    serial.drive(service, 1, 0, lambda: None)
    return sweep, service


def values_of(service: Any, kind: str, arm: str = "gda") -> list[Any]:
    return [trial for trial in service.studies.trials() if (trial.arm, trial.kind) == (arm, kind)]


# What a spec may say


@pytest.mark.parametrize(
    ("line", "says", "holds"),
    [
        ("budget: 400", "budget: is given beside trials", "one of the two"),
        ("trials: null", "trials: is nothing", "or budget in its place"),
        ("trials: null\nbudget: 39", "budget: 39 is not enough for a trial of 2 seeds × 20 field units", "40 or more"),
        ("objective: [{minimize: mean.distance}, {minimize: mean.distance}]", "objective[1]: a second", "once"),
        ("objective: [{minimize: mean.distance}, {minimize: max.nothing}]", "objective[1].minimize: unknown", "known:"),
        ("objective: []", "objective: is []", "at least 1"),
        (
            "objective: [{minimize: mean.distance}, {minimize: max.distance}]\nsearch: {pruner: asha}",
            "search.pruner: pruner 'asha' conflicts with 2 objectives",
            "pruner: none",
        ),
        ("search: {sampler: cmaes}", "search.sampler: unknown sampler 'cmaes'", "known: gp, grid, nsga2, qmc, random"),
        ("search: {sampler: {name: tpe, startup: 0}}", "search.sampler.startup: 0 given", "1 or more"),
        ("search: {sampler: {name: tpe, start: 2}}", "search.sampler.start: unknown option", "known: startup"),
        ("search: {sampler: {name: gp, startup: x}}", "search.sampler.startup: is 'x'", "a whole number"),
        ("search: {sampler: {name: qmc, sequence: sobel}}", "search.sampler.sequence: 'sobel' given", "sobol, halton"),
        ("search: {sampler: {name: nsga2, population: 1}}", "search.sampler.population: 1 given for 3", "2 or more"),
        ("search: {pruner: threshold}", "search.pruner: cannot be built: upper: neither", "a number"),
        ("search: {pruner: {name: threshold, lower: 2, upper: 1}}", "search.pruner.lower: 2 given", "at most"),
        ("search: {pruner: {name: patient, patience: -1}}", "search.pruner.patience: -1 given", "0 or more"),
        ("search: {pruner: {name: patient, pruner: ahsa}}", "search.pruner.pruner: unknown pruner 'ahsa'", "'asha'?"),
        ("search: {pruner: {name: asha, factor: 1}}", "search.pruner.factor: 1 given", "2 or more"),
        ("search: {pruner: {name: hyperband, first: 21}}", "search.pruner.first: 21 given", "to the length, 20"),
        ("search: {start_from: {sweep: a/b}}", "search.start_from.sweep: is 'a/b'", "letters"),
        ("search: {start_from: {sweep: a, trials: most}}", "search.start_from.trials: is 'most'", "best, all, or"),
        ("search: {start_from: {sweep: a, trials: 0}}", "search.start_from.trials: is 0", "best, all, or"),
        (
            "search: {sampler: grid}\nspace: {lr: {grid: [0.1, 0.2]}, lr_ratio: 1}\nenqueue: [{lr: 0.1}]",
            "enqueue: conflicts with sampler grid",
            "another sampler",
        ),
        ("repeats: 0", "repeats: is 0", "1 or more"),
        ("enqueue: [{}]", "enqueue[0]: names no hyperparameter", "lr: 1.0e-3"),
        ("enqueue: [{lr: 0.001, optimizer: gad}]", "enqueue[0].optimizer: 'gad' is no arm", "did you mean 'gda'?"),
        ("enqueue: [{lr: 7.0}]", "enqueue[0].lr: 7 is outside the space of extragradient", "from"),
        ("enqueue: [{gamma: 7.0}]", "enqueue[0]: no arm searches all of gamma", "one arm searches"),
        ("enqueue: [{lr: 0.001, gamma: 1, optimizer: gda}]", "enqueue[0].gamma: is not searched", "it searches lr"),
        ("enqueue: [{lr: fast}]", "enqueue[0].lr: is 'fast'", "a number"),
        ("space: {lr: {choice: [0.1, 0.2]}}\nenqueue: [{lr: 0.15}]", "enqueue[0].lr: 0.15 is out", "one of 0.1, 0.2"),
        ("enqueue: [{lr: 0.001}, {lr: 0.001}, {lr: 0.001}, {lr: 0.001}]", "enqueue: 4 points for", "as many"),
    ],
)  # fmt: skip
def test_a_mistake_about_the_search_is_told_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, says: str, holds: str
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = {each.partition(":")[0] for each in line.splitlines()}
    kept = [each for each in SPEC.strip().splitlines() if each.partition(":")[0] not in keys]
    Path("spec.yaml").write_text("\n".join([*kept, line]) + "\n")
    with pytest.raises(SpecErrors) as caught:
        load(Path("spec.yaml"))
    told = str(caught.value).splitlines()
    key = re.split(r"[:.\[]", says)[0]
    at = next(n for n, each in enumerate([*kept, *line.splitlines()], 1) if each.startswith(key))
    assert told[0].startswith(f"spec.yaml:{at}: {says}") and holds in told[0], told
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]


def test_a_budget_is_as_many_trials_as_it_is_enough_for(tmp_path: Path) -> None:
    """Two seeds × 20 field units are 40."""
    (tmp_path / "spec.yaml").write_text(SPEC.replace("trials: 3", "budget: 199"))
    sweep = load(tmp_path / "spec.yaml")
    assert (sweep.share, sweep.trials) == (4, None)
    assert Sweep.from_normalized(sweep.normalized()) == sweep


def test_several_objectives_have_defaults_of_their_own(tmp_path: Path) -> None:
    two = "[{minimize: mean.distance}, {minimize: max.distance}]"
    (tmp_path / "spec.yaml").write_text(SPEC.replace("{minimize: mean.distance}", two).replace("search:", "#"))
    sweep = load(tmp_path / "spec.yaml")
    assert (sweep.search.sampler.name, sweep.search.pruner.name) == ("nsga2", "none")
    assert Sweep.from_normalized(sweep.normalized()) == sweep
    named = load(tmp_path / "spec.yaml", ["search={sampler: tpe}"])
    assert (named.search.sampler.name, named.search.pruner.name) == ("tpe", "none")


# Pruning


def test_what_pruning_saved_is_reported_and_not_spent_again(tmp_path: Path) -> None:
    """Everything is worse than an impossible threshold: each trial ends at its first report, and no other comes."""
    _, service, _ = driven(tmp_path, SPEC, "search.pruner={name: threshold, upper: 1.0e-9}", "search.sampler=tpe")
    sweep, service = open_sweep(Folder(str(tmp_path), "saddle"))
    assert service.is_done
    for arm in ("gda", "extragradient"):
        searched = values_of(service, SEARCH, arm)
        assert [trial.state for trial in searched] == [PRUNED] * 3
        assert values_of(service, CONFIRM, arm) == []
    (one, other) = gather.ranking(sweep, service).unranked
    assert one.budget == other.budget
    assert (one.budget.pruned, one.budget.spent, one.budget.saved) == (3, 15, 45)
    assert one.budget.spent + one.budget.saved == 3 * sweep.length


# Points to try first


def test_points_come_first_and_those_of_an_earlier_sweep_after_them(tmp_path: Path) -> None:
    _, earlier, _ = driven(tmp_path, SPEC)
    good = sorted(values_of(earlier, SEARCH), key=lambda trial: trial.value)
    text = SPEC.replace("saddle", "second") + "enqueue: [{optimizer: gda, lr: 0.005}]\n"
    folder = begun(tmp_path, text, "trials=4", "search.start_from={sweep: saddle, trials: 2}")
    shutil.rmtree(tmp_path / "saddle")  # nobody needs it any more
    _, service = carry_on(folder)
    searched = values_of(service, SEARCH)
    assert searched[0].params["lr"] == 0.005
    assert [trial.params for trial in searched[1:3]] == [trial.params for trial in good[:2]]
    assert searched[3].params not in [trial.params for trial in good]


def test_points_of_an_earlier_sweep_are_cut_to_the_space(tmp_path: Path) -> None:
    driven(tmp_path, SPEC)
    text = SPEC.replace("saddle", "second") + "space: {lr: {log: [1.0, 2.0]}}\n"
    folder = begun(tmp_path, text, "search.start_from={sweep: saddle, trials: all}")
    taken = folder.read()["taken"]
    assert len(taken["gda"]) == 3 and all(list(point) == ["lr_ratio"] for point in taken["gda"])


def test_an_earlier_sweep_that_is_not_there_is_no_beginning(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="no sweep 'sadle'") as caught:
        begun(tmp_path, SPEC, "search.start_from={sweep: sadle}")
    assert caught.value.key == ("search", "start_from", "sweep")
    assert not (tmp_path / "saddle").exists()


# Several objectives


def test_two_objectives_end_in_a_front_and_its_compromise_is_confirmed(tmp_path: Path) -> None:
    text = SPEC.replace("{minimize: mean.distance}", "[{minimize: mean.distance}, {maximize: rate.success}]")
    sweep, service, folder = driven(tmp_path, text.replace("search:", "#"), "trials=6")
    fronts = gather.pareto(sweep, service)
    assert [front.arm for front in fronts] == ["extragradient", "gda"]
    told = json.loads(folder.store.get("ranking.json"))
    assert [[point["number"] for point in front["points"]] for front in told["fronts"]] == [
        [point.number for point in front.points] for front in fronts
    ]
    for front in fronts:
        (chosen,) = (point for point in front.points if point.chosen)
        (confirmation,) = values_of(service, CONFIRM, front.arm)
        assert (confirmation.confirms, confirmation.params) == (chosen.number, chosen.params) and chosen.confirmed
        assert list(chosen.values) == ["mean.distance", "rate.success"]
    assert "front of gda" in as_text(gather.ranking(sweep, service))


# Repeats


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, Any, Folder]:
    return driven(tmp_path_factory.mktemp("repeated"), SPEC, "repeats=3", "trials=2")


def test_each_repeat_is_searched_and_confirmed_on_seeds_of_its_own(repeated: tuple[Sweep, Any, Folder]) -> None:
    _, service, _ = repeated
    for arm in ("gda", "extragradient"):
        searched, confirmed = values_of(service, SEARCH, arm), values_of(service, CONFIRM, arm)
        assert sorted((trial.repeat, trial.seeds) for trial in searched) == [
            (0, (0, 1)), (0, (0, 1)), (1, (2, 3)), (1, (2, 3)), (2, (4, 5)), (2, (4, 5))
        ]  # fmt: skip
        assert [(trial.repeat, trial.number) for trial in confirmed] == [(0, 0), (1, 1), (2, 2)]
        for trial in confirmed:
            assert trial.seeds == tuple(1_000_000 + 3 * trial.repeat + member for member in range(3))
            own = [each for each in searched if each.repeat == trial.repeat]
            assert trial.params == min(own, key=lambda each: each.value).params
        assert len({trial.params["lr"] for trial in searched}) == 6


def test_the_setting_named_is_the_one_with_the_best_confirmation() -> None:
    settings = ({"lr": 0.1}, {"lr": 0.2}, {"lr": 0.3})
    arm = ArmResult("a", settings[0], (0, 1, 2, 3, 4, 5), (1, 0, 1, 1, 1, 1), (1, 1, 5, 5, 4, 4), settings=settings)
    assert rank([arm]).standings[0].params == {"lr": 0.3}, "two successes, and the lower median"
    assert rank([arm._replace(success=())], "maximize").standings[0].params == {"lr": 0.2}


def test_a_ranking_over_repeats_says_what_it_covers(repeated: tuple[Sweep, Any, Folder]) -> None:
    sweep, service, _ = repeated
    ranking = gather.ranking(sweep, service)
    assert [row.seeds for row in ranking.standings] == [9, 9]
    assert all(len(row.settings) == 3 and row.params in row.settings for row in ranking.standings)
    assert "cover the luck of the search and of the seeds" in ranking.caveat and "searched 3 times" in ranking.caveat
    assert "not the luck of the search" in gather.ranking(*_alone(sweep, service)).caveat


def _alone(sweep: Sweep, service: Any) -> tuple[Sweep, Any]:
    """The same, as if it had been asked for one search only."""
    service.plan = service.plan._replace(repeats=1)
    return sweep.model_copy(update={"repeats": 1}), service


def test_the_t_distribution_is_scipys() -> None:
    for freedom in range(1, 40):
        for t in (0.0, 0.1, 1.0, 2.5, 12.7, 200.0):
            assert tail_of_t(t, freedom) == pytest.approx(reference.t.sf(t, freedom), abs=1e-12)
        for level in (0.9, 0.975, 0.995):
            assert quantile_of_t(level, freedom) == pytest.approx(reference.t.ppf(level, freedom), rel=1e-9)


def test_intervals_over_repeats_cover_and_those_of_seeds_alone_do_not() -> None:
    """Searches whose true rates scatter (0.7 ± 0.15), 24 seeds each: of 2000 intervals over five, 95% hold 0.7."""
    from sweeps.judge.stats import wilson

    chance, held, naive = random.Random(0), 0, 0
    for _ in range(2000):
        won = []
        for _ in range(5):
            rate = chance.betavariate(0.7 * 8.33, 0.3 * 8.33)
            won.append([float(chance.random() < rate) for _ in range(24)])
        low, high = rate_interval(won)
        held += low <= 0.7 <= high
        low, high = wilson(int(sum(map(sum, won))), 120)
        naive += low <= 0.7 <= high
    assert 0.93 <= held / 2000 <= 0.985
    assert naive / 2000 < 0.8, "the seeds alone do not cover the search's luck: the test would notice"


def test_equal_arms_are_rarely_told_apart_over_repeats() -> None:
    chance, told = random.Random(1), 0
    for _ in range(2000):
        arms: list[list[list[float]]] = [[], []]
        for _ in range(4):
            for arm in arms:
                rate = chance.betavariate(5, 3)
                arm.append([float(chance.random() < rate) for _ in range(16)])
        told += compare(*arms) <= 0.05
    assert told / 2000 <= 0.05
    best, worst = [[[float(member >= lost) for member in range(16)]] * 4 for lost in (1, 9)]
    known = 2 * reference.t.sf(0.5 / math.sqrt(32 / 64**2), 3)  # by hand, from the 32 seeds they differ on
    assert compare(best, worst) == pytest.approx(known) and known < 0.02, "arms that differ are told apart"


def test_an_interval_is_never_narrower_than_the_seeds_allow() -> None:
    from sweeps.judge.stats import wilson

    same = [[1.0, 1.0, 1.0, 0.0]] * 4
    low, high = rate_interval(same)
    assert low < wilson(12, 16).low and high > wilson(12, 16).high
    assert rate_interval([[1.0] * 8] * 3).high == 1 and rate_interval([[0.0] * 8] * 3).low == 0
    assert compare(same, same) == 1


def test_arms_of_different_repeats_are_not_compared() -> None:
    one = ArmResult("a", {}, (0, 1), (1, 1), (1, 1), settings=({}, {}))
    with pytest.raises(ValueError, match="same repeats"):
        rank([one, one._replace(arm="b", settings=({},))])
    known: Ranking = rank([one, one._replace(arm="b")])
    assert [row.place for row in known.standings] == [1, 1]


# Extensions


def test_an_extended_sweep_keeps_what_it_had_and_confirms_what_is_better(tmp_path: Path) -> None:
    sweep, service, folder = driven(tmp_path, SPEC)
    before = {trial.key: trial for trial in service.studies.trials()}
    extend(folder, 8)
    about = folder.read()
    assert about["sweep"]["trials"] == 8
    assert json.loads(folder.store.get("changes/0001.json")) == about["changes"]
    assert [(change["key"], change["from"], change["to"]) for change in about["changes"]] == [("spec.trials", 3, 8)]
    sweep, service = open_sweep(folder)
    assert not service.is_done
    sweep, service = carry_on(folder)
    after = {trial.key: trial for trial in service.studies.trials()}
    assert before.items() <= after.items()
    better = 0
    for arm in ("gda", "extragradient"):
        searched, confirmed = values_of(service, SEARCH, arm), values_of(service, CONFIRM, arm)
        best = min(searched, key=lambda trial: (trial.value, trial.number))
        assert len(searched) == 8
        assert confirmed[-1].confirms == best.number
        assert len(confirmed) == 1 + (best.number >= 3)
        better += best.number >= 3
        (row,) = (row for row in gather.ranking(sweep, service).standings if row.arm == arm)
        assert row.params == best.params
    assert better > 0, "else this says nothing of a new confirmation"


def test_no_extension_to_fewer_nor_of_a_sweep_that_somebody_runs(tmp_path: Path) -> None:
    folder = begun(tmp_path, SPEC)
    open_sweep(folder)
    for trials in (2, 3):
        with pytest.raises(NoExtension, match="has 3 trials a search"):
            extend(folder, trials)
    with Ownership(engine_of(folder.database), folder.name), pytest.raises(Owned):
        extend(folder, 5)
    assert "changes" not in folder.read()


def test_an_extension_killed_at_any_moment_is_the_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [driven(tmp_path / name, SPEC, "search.sampler=tpe")[2] for name in ("calm", "killed")]
    extend(folders[0], 7)
    carry_on(folders[0])
    status = forked(lambda: (extend(folders[1], 7), os.kill(os.getpid(), signal.SIGKILL)))
    for moment in (*STUDIES, "committed"):
        assert status == KILLED, f"{moment}: it was not killed"
        status = forked(partial(die_at, folders[1], Kill(moment, 1)))
    carry_on(folders[1])
    one, other = (Left(tmp_path / name, "saddle") for name in ("calm", "killed"))
    assert one.results() == other.results()
    assert all(trial.state.is_finished() for trial in other.trials().values())
    assert {*one.trials()} >= {f"gda/search-{number:04d}" for number in range(7)}


def die_at(folder: Folder, kill: Kill) -> None:
    strike(kill)
    carry_on(folder)
