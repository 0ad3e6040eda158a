"""Samplers, pruners and what a search begins with: the same, killed or not, with nothing pickled."""

from __future__ import annotations

import base64
import json
import math
import pickletools
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from scipy.stats import qmc

from sweeps.search.database import open_storage
from sweeps.search.pruners import PRUNERS, pruner_of
from sweeps.search.samplers import FINITE, SAMPLERS, sampler_of
from sweeps.search.studies import Studies
from sweeps.search.trials import COMPLETE, PRUNED, RUNNING, Trial

SPACE: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(1e-4, 1e-1, log=True),
    "lr_ratio": FloatDistribution(0.1, 10),
    "patience": IntDistribution(1, 50),
    "beta1": CategoricalDistribution([0.0, 0.5, 0.9]),
}
GRID: dict[str, BaseDistribution] = {
    "lr": CategoricalDistribution([1e-3, 1e-2, 1e-1]),
    "lr_ratio": CategoricalDistribution([1.0]),
    "patience": IntDistribution(1, 4),
    "beta1": CategoricalDistribution([0.0, 0.5]),
}
LENGTH, EVERY, TRIALS = 90, 30, 6
OPTIONS: dict[str, dict[str, Any]] = {
    "nsga2": {"population": 2},
    "threshold": {"upper": 3.0},
    "patient": {"patience": 0, "pruner": {"name": "threshold", "upper": 0.5}},
    "median": {"startup": 1, "first": 30},
}


def pair(sampler: int, pruner: int) -> Any:
    """Of all pairs two diagonals are quick: each sampler with two pruners, each pruner with two samplers at least."""
    near = (pruner - sampler) % max(len(SAMPLERS), len(PRUNERS)) < 2
    return pytest.param(list(SAMPLERS)[sampler], list(PRUNERS)[pruner], marks=[] if near else pytest.mark.slow)


PAIRS = [pair(sampler, pruner) for sampler in range(len(SAMPLERS)) for pruner in range(len(PRUNERS))]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Optuna's tables, which take a second to make."""
    folder = tmp_path_factory.mktemp("empty")
    open_storage(url(folder)).engine.dispose()
    return folder


@pytest.fixture
def folders(tmp_path: Path, empty: Path) -> list[Path]:
    """Two, each with an empty database."""
    return [Path(shutil.copytree(empty, tmp_path / name)) for name in ("one", "other")]


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'studies.db'}"


def studies(
    folder: Path, sampler: str, pruner: str = "none", minimize: tuple[bool, ...] = (True,), sweep: str = "digits"
) -> Studies:
    make = sampler_of(sampler, TRIALS, OPTIONS.get(sampler))
    judge = pruner_of(pruner, LENGTH, EVERY, OPTIONS.get(pruner))
    return Studies(open_storage(url(folder)), sweep, ("gda", "consensus"), minimize, 3, make, judge)


def space_of(sampler: str) -> dict[str, BaseDistribution]:
    return GRID if sampler in FINITE else SPACE


def loss(params: Mapping[str, float], step: int) -> float:
    """What a training with these hyperparameters would report."""
    away = (math.log10(params["lr"]) + 2) ** 2 + math.log10(params["lr_ratio"]) ** 2 + params["patience"] / 100
    return away + 10 / step + math.sin(1000 * away + step) / 5


def train(one: Studies, trial: Trial, until: int = LENGTH, others: tuple[float, ...] = ()) -> Trial:
    """Reports from where the trial stands, and ends it at its length or where it is pruned."""
    trial = one.begin(trial)
    for step in range(max(one.values(trial), default=0) + EVERY, until + 1, EVERY):
        one.report(trial, step, loss(trial.params, step), others)
        if step == LENGTH:
            return one.finish(trial, COMPLETE)
        if one.should_prune(trial):
            return one.finish(trial, PRUNED)
    return one.trial(trial.key)


def outcomes(folder: Path, study: str = "digits/gda") -> list[Any]:
    trials = optuna.load_study(study_name=study, storage=url(folder)).trials
    return [(t.number, t.params, t.state, t.values, t.intermediate_values, t.system_attrs) for t in trials]


# The contract


@pytest.mark.parametrize(("sampler", "pruner"), PAIRS)
def test_interrupted_in_its_third_trial_it_is_the_undisturbed_search(
    folders: list[Path], sampler: str, pruner: str
) -> None:
    whole = studies(folders[0], sampler, pruner)
    for _ in range(TRIALS):
        train(whole, whole.ask("gda", space_of(sampler), (0,)))
    first = studies(folders[1], sampler, pruner)
    for until in (LENGTH, LENGTH, EVERY):
        last = train(first, first.ask("gda", space_of(sampler), (0,)), until)
    again = studies(folders[1], sampler, pruner)
    if last.state == RUNNING:
        train(again, again.trial(last.key))
    while len(again.trials()) < TRIALS:
        train(again, again.ask("gda", space_of(sampler), (0,)))
    assert outcomes(folders[1]) == outcomes(folders[0])
    assert {trial.state for trial in again.trials()} <= {COMPLETE, PRUNED}
    for folder in folders:
        assert pickles(folder) == []


def test_the_pruners_prune_and_the_samplers_differ(folders: list[Path]) -> None:
    """Else the contract would say little."""
    drawn = set()
    for sampler in SAMPLERS:
        one = studies(folders[0], sampler, sweep=sampler)
        for _ in range(5):
            train(one, last := one.ask("gda", space_of(sampler), (0,)))
        drawn.add(tuple(last.params.values()))
    assert len(drawn) == len(SAMPLERS)
    for pruner in set(PRUNERS) - {"none"}:
        search = studies(folders[1], "random", pruner, sweep=pruner)
        ended = [train(search, search.ask("gda", SPACE, (0,))).state for _ in range(10)]
        assert PRUNED in ended and COMPLETE in ended, pruner


def pickles(folder: Path) -> list[str]:
    """What of the database's contents is, or decodes to, a pickle."""
    found = []
    with sqlite3.connect(folder / "studies.db") as database:
        for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in database.execute(f"select * from {table}").fetchall():
                found += [f"{table}: {value!r}"[:80] for value in row if any(map(is_pickle, readings(value)))]
    return found


def readings(value: Any) -> Iterator[bytes]:
    """A stored value, and all texts in it, as the bytes that they may stand for."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, str):
        for decode in (bytes.fromhex, base64.b64decode):
            try:
                yield decode(value)
            except ValueError:
                continue
        try:
            inner = json.loads(value)
        except ValueError:
            return
        parts = inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else [inner]
        for part in parts:
            yield from readings(part)


def is_pickle(data: bytes) -> bool:
    """Whether it can be read as one, which loads nothing; a random token may only begin like one."""
    if len(data) < 3 or data[0] != 0x80 or data[1] not in range(2, 6):
        return False
    try:
        return bool(list(pickletools.genops(data)))
    except ValueError:
        return False


def test_a_pickle_would_be_found(folders: list[Path]) -> None:
    import pickle

    one = studies(folders[0], "random")
    trial = one.ask("gda", SPACE, (0,))
    assert pickles(folders[0]) == []
    one._storage.set_trial_system_attr(one._id(trial), "cma:optimizer:0", pickle.dumps({"sigma": 1.0}).hex())
    assert len(pickles(folders[0])) == 1


# Sequences and grids


@pytest.mark.parametrize("sequence", ["sobol", "halton"])
def test_qmc_is_one_scrambled_sequence_a_search_by_number(folders: list[Path], sequence: str) -> None:
    from sweeps.search.studies import _seed_of

    make = sampler_of("qmc", TRIALS, {"sequence": sequence})
    space = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1), "z": CategoricalDistribution([1.0, 2.0, 3.0])}
    drawn: dict[tuple[str, int], list[Any]] = {}
    for _ in range(2):  # reopened once
        one = Studies(open_storage(url(folders[0])), "digits", ("gda", "consensus"), (True,), 3, make,
                      pruner_of("none", LENGTH, EVERY))  # fmt: skip
        for arm, repeat in [("gda", 0), ("consensus", 0), ("gda", 1)] * 4:  # in turn
            drawn.setdefault((arm, repeat), []).append(tuple(one.ask(arm, space, (0,), repeat).params.values()))
    engine = {"sobol": qmc.Sobol, "halton": qmc.Halton}[sequence](3, scramble=True, rng=_seed_of(3, "gda"))
    known = engine.random(8)
    assert drawn["gda", 0] == [(x, y, float(1 + int(3 * z))) for x, y, z in known.tolist()]
    assert len({points[0] for points in drawn.values()}) == 3, "each search has a scramble of its own"


def test_a_grid_has_each_point_once(folders: list[Path]) -> None:
    points = []
    for _ in range(3):
        one = studies(folders[0], "grid")
        points += [tuple(one.ask("gda", GRID, (0,)).params.values()) for _ in range(8)]
    assert sorted(points) == sorted(
        (lr, 1.0, patience, beta1) for lr in (1e-3, 1e-2, 1e-1) for patience in range(1, 5) for beta1 in (0.0, 0.5)
    )


# Points to try first


@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - set(FINITE)))
def test_enqueued_points_come_first_and_what_they_leave_out_is_drawn(folders: list[Path], sampler: str) -> None:
    points = [{"lr": 1e-2, "patience": 7.0, "lr_ratio": 1.0, "beta1": 0.9}, {"patience": 3.0, "beta1": 0.0}]
    for folder in folders:
        one = studies(folder, sampler)
        asked = []
        for _ in range(4):
            asked.append(train(one, one.ask("gda", SPACE, (0,), points=points)))
            one = studies(folder, sampler) if folder == folders[1] else one
    assert asked[0].params == points[0]
    assert (asked[1].params["patience"], asked[1].params["beta1"]) == (3.0, 0.0)
    free = studies(folders[0], sampler).ask("consensus", SPACE, (0,)).params
    assert 1e-4 < asked[1].params["lr"] < 1e-1 and asked[1].params["lr"] != free["lr"]
    assert asked[2].params["patience"] != 3.0 or asked[3].params["patience"] != 3.0
    assert outcomes(folders[0]) == outcomes(folders[1])


# Several objectives


@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - set(FINITE)))
def test_a_search_for_two_objectives_goes_on_as_it_would_have(folders: list[Path], sampler: str) -> None:
    for folder in folders:
        one = studies(folder, sampler, minimize=(True, False))
        for _ in range(4):
            trial = one.ask("gda", SPACE, (0,))
            train(one, trial, others=(trial.params["lr_ratio"],))
            one = studies(folder, sampler, minimize=(True, False)) if folder == folders[1] else one
    assert outcomes(folders[0]) == outcomes(folders[1])
    study = optuna.load_study(study_name="digits/gda", storage=url(folders[0]))
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    for trial, frozen in zip(one.trials(), study.trials, strict=True):
        assert frozen.state == TrialState.COMPLETE
        assert trial.values == tuple(frozen.values) == (loss(frozen.params, LENGTH), frozen.params["lr_ratio"])
    assert pickles(folders[0]) == []
    front = {trial.number for trial in study.best_trials}
    from sweeps.search.decide import Plan, front_of

    plan = Plan(("gda",), TRIALS, 1, 1, (True, False))
    assert {trial.number for trial in front_of(plan, one.trials(), "gda")} == front


def test_other_objectives_are_those_of_the_last_step(folders: list[Path]) -> None:
    one = studies(folders[0], "random", minimize=(True, True))
    trial = one.begin(one.ask("gda", SPACE, (0,)))
    for step, value in ((90, 1.0), (30, 3.0), (90, 7.0)):
        one.report(trial, step, value, (10 * value,))
    assert one.trial(trial.key).values == studies(folders[0], "random").trial(trial.key).values == (1.0, 10.0)


# Repeats


def test_repeats_are_searches_of_their_own_in_one_study(folders: list[Path]) -> None:
    one = studies(folders[0], "tpe")
    alone = [train(one, one.ask("consensus", SPACE, (0,))).params for _ in range(4)]
    other = studies(folders[1], "tpe")
    mixed: dict[int, list[Any]] = {0: [], 1: []}
    for repeat in (0, 1, 1, 0, 0, 1, 0, 1):
        mixed[repeat].append(train(other, other.ask("consensus", SPACE, (repeat,), repeat)).params)
    assert mixed[0] == alone, "a second search beside it changes nothing"
    assert not set(map(str, mixed[1])) & set(map(str, alone))
    again = studies(folders[1], "tpe").trials()
    assert [(trial.number, trial.repeat) for trial in again] == list(enumerate((0, 1, 1, 0, 0, 1, 0, 1)))


@pytest.mark.parametrize("pruner", ["asha", "hyperband"])
def test_a_repeat_is_pruned_among_its_own(folders: list[Path], pruner: str) -> None:
    """A second repeat interleaved with the first decides as it does alone."""
    one, ended = studies(folders[0], "random", pruner), []
    for _ in range(8):
        train(one, one.ask("gda", SPACE, (0,)))
        ended.append(train(one, one.ask("gda", SPACE, (0,), 1))._replace(number=0))
    other = studies(folders[1], "random", pruner)
    alone = [train(other, other.ask("gda", SPACE, (0,), 1))._replace(number=0) for _ in range(8)]
    assert ended == alone and {trial.state for trial in alone} == {PRUNED, COMPLETE}


def test_a_sampler_sees_one_search_numbered_from_nought(folders: list[Path]) -> None:
    seen: list[list[int]] = []

    class Watching(optuna.samplers.RandomSampler):
        def before_trial(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
            seen.append([each.number for each in study.get_trials()] + [trial.number])

    one = Studies(open_storage(url(folders[0])), "digits", ("gda",), (True,), 3, lambda draw: Watching(seed=draw.seed),
                  pruner_of("none", LENGTH, EVERY))  # fmt: skip
    for repeat in (0, 1, 1, 0, 1):
        one.ask("gda", SPACE, (0,), repeat)
    assert seen == [[0, 0], [0, 0], [0, 1, 1], [0, 1, 1], [0, 1, 2, 2]]


def test_what_was_looked_at_in_a_mirror_stays_as_it_was_and_nothing_else_can_be_written(folders: list[Path]) -> None:
    one = studies(folders[0], "random")
    one.ask("gda", SPACE, (0,))
    own = optuna.trial.create_trial(state=TrialState.RUNNING, params={}, distributions={})
    mirror = one._mirror("gda", 0, 1, own)
    before = mirror.get_all_trials(0, deepcopy=False)
    mirror.set_trial_system_attr(own._trial_id, "completed_rung_0", 1.0)
    mirror.set_trial_intermediate_value(own._trial_id, 30, 2.0)
    assert before[1].system_attrs == before[1].intermediate_values == {}
    assert mirror.get_all_trials(0)[1].system_attrs == {"completed_rung_0": 1.0}
    with pytest.raises(RuntimeError, match="one trial that can be written to"):
        mirror.set_trial_system_attr(before[0]._trial_id, "completed_rung_0", 1.0)
