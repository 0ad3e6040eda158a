"""The studies: whole trials in a real SQLite file, drawn and pruned as if nobody had ever stopped."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy
from driving import forked
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState

from sweeps.search.database import open_storage
from sweeps.search.pruners import pruner_of
from sweeps.search.samplers import sampler_of
from sweeps.search.studies import Studies, _seed_of
from sweeps.search.trials import COMPLETE, CONFIRM, FAILED, PRUNED, RUNNING, SEARCH, Trial

ROOT, HERE = Path(__file__).parents[1], Path(__file__).parent
SPACE = {
    "lr": FloatDistribution(1e-4, 1e-1, log=True),
    "lr_ratio": FloatDistribution(0.1, 10),
    "patience": IntDistribution(1, 50),
}
LENGTH, EVERY, TRIALS = 90, 30, 12
ARMS = ("gda", "consensus")
SEEDS = (0, 1)
Params = list[dict[str, float]]


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'studies.db'}"


def studies(folder: Path, seed: int = 0, sampler: str = "tpe", pruner: str = "asha", minimize: bool = True) -> Studies:
    return Studies(
        open_storage(url(folder)),
        "digits",
        ARMS,
        (minimize,),
        seed,
        sampler_of(sampler, TRIALS),
        pruner_of(pruner, LENGTH, EVERY),
    )


def loss(params: dict[str, float], step: int) -> float:
    """What a training with these hyperparameters would report."""
    away = (math.log10(params["lr"]) + 2) ** 2 + math.log10(params["lr_ratio"]) ** 2 + params["patience"] / 100
    return away + 10 / step + math.sin(1000 * away + step) / 5


def train(one: Studies, trial: Trial, until: int = LENGTH) -> Trial:
    """Reports from where the trial stands, and ends it at its length or where it is pruned."""
    trial = one.begin(trial)
    for step in range(max(one.values(trial), default=0) + EVERY, until + 1, EVERY):
        one.report(trial, step, loss(trial.params, step))
        if step == LENGTH:
            return one.finish(trial, COMPLETE)
        if one.should_prune(trial):
            return one.finish(trial, PRUNED)
    return one.trial(trial.key)


def search(one: Studies, trials: int = TRIALS, between: Callable[[], Studies] | None = None) -> Studies:
    """A search of the first arm; ``between`` may bring other studies after every trial."""
    for _ in range(trials):
        train(one, one.ask("gda", SPACE, SEEDS))
        one = between() if between else one
    return one


def stored(folder: Path, study: str = "digits/gda") -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=study, storage=url(folder)).trials


def outcomes(folder: Path) -> list[Any]:
    return [(t.number, t.params, t.state, t.values, t.intermediate_values, t.system_attrs) for t in stored(folder)]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Optuna's tables, which take a second to make."""
    folder = tmp_path_factory.mktemp("empty")
    open_storage(url(folder)).engine.dispose()
    return folder


@pytest.fixture
def folder(tmp_path: Path, empty: Path) -> Path:
    """A sweep's folder."""
    return copied(empty, tmp_path / "sweep")


@pytest.fixture
def again(tmp_path: Path, empty: Path) -> Path:
    """Another."""
    return copied(empty, tmp_path / "again")


def copied(empty: Path, to: Path) -> Path:
    shutil.copytree(empty, to)
    return to


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, empty: Path) -> Path:
    """A search of twelve trials from beginning to end."""
    folder = copied(empty, tmp_path_factory.mktemp("undisturbed") / "sweep")
    search(studies(folder))
    return folder


# What a trial is


def test_a_trial_is_stored_with_all_that_it_is(folder: Path) -> None:
    made = studies(folder).ask("gda", SPACE, SEEDS)
    assert made[:3] == ("gda", SEARCH, 0)
    assert (made.state, made.attempt, made.value, made.seeds, made.error) == (RUNNING, 0, None, SEEDS, None)
    assert made.key == "gda/search-0000"
    assert all(SPACE[name]._contains(value) for name, value in made.params.items())
    assert set(made.params) == set(SPACE)
    assert studies(folder).trials() == [made]
    (frozen,) = stored(folder)
    assert frozen.state == TrialState.RUNNING and frozen.params == made.params and frozen.distributions == SPACE


def test_arms_have_studies_of_their_own_and_confirmations_one_together(folder: Path) -> None:
    one = studies(folder)
    first, other = one.ask("gda", SPACE, SEEDS), one.ask("consensus", SPACE, SEEDS)
    assert (first.number, other.number) == (0, 0) and first.params != other.params
    confirmed = [one.confirm(best, (7, 8, 9)) for best in (first, other)]
    assert [trial.key for trial in confirmed] == ["gda/confirm-0000", "consensus/confirm-0000"]
    assert [trial.params for trial in confirmed] == [first.params, other.params]
    assert [trial.seeds for trial in confirmed] == [(7, 8, 9)] * 2
    names = {summary.study_name for summary in optuna.get_all_study_summaries(url(folder))}
    assert names == {"digits/gda", "digits/consensus", "digits/(confirm)"}
    assert sorted(studies(folder).trials()) == sorted([first, other, *confirmed])


def test_two_sweeps_in_one_database_see_nothing_of_each_other(folder: Path) -> None:
    one = studies(folder)
    one.ask("gda", SPACE, SEEDS)
    maker = sampler_of("tpe", TRIALS)
    other = Studies(open_storage(url(folder)), "faces", ARMS, (True,), 0, maker, pruner_of("none", LENGTH, EVERY))
    assert other.trials() == []


def test_an_empty_space_is_asked_for_too(folder: Path) -> None:
    one = studies(folder)
    assert [one.ask("gda", {}, SEEDS).params for _ in range(2)] == [{}, {}]


# How a trial ends


def test_attempts_are_counted_and_values_follow_the_reports(folder: Path) -> None:
    one = studies(folder)
    trial = one.ask("gda", SPACE, SEEDS)
    assert [one.begin(one.trial(trial.key)).attempt for _ in range(2)] == [1, 2]
    one.report(trial, 10, 5.0)
    one.report(trial, 20, 0.0)
    assert one.trial(trial.key).value == 0.0
    one.report(trial, 10, 9.0)
    assert one.values(trial) == {10: 5.0, 20: 0.0}, "what is stored stays"
    assert studies(folder).trial(trial.key) == one.trial(trial.key)


@pytest.mark.parametrize(
    ("state", "theirs", "value"),
    [
        (COMPLETE, TrialState.COMPLETE, 2.0),
        (PRUNED, TrialState.PRUNED, 2.0),
        (FAILED, TrialState.FAIL, None),
    ],
)
def test_a_trial_ends_with_its_last_value_unless_it_failed(
    folder: Path, state: str, theirs: TrialState, value: float | None
) -> None:
    one = studies(folder)
    trial = one.begin(one.ask("gda", SPACE, SEEDS))
    for step, reported in ((10, 3.0), (20, 2.0)):
        one.report(trial, step, reported)
    error = "OSError: disk full" if state == FAILED else None
    ended = one.finish(trial, state, error)
    assert (ended.state, ended.value, ended.error) == (state, 2.0, error)
    (frozen,) = stored(folder)
    assert (frozen.state, frozen.value) == (theirs, value)
    assert frozen.datetime_complete is not None
    assert studies(folder).trial(trial.key) == ended


def test_the_last_value_is_that_of_the_highest_step(folder: Path) -> None:
    """An attempt that died may have recorded further than what its successor reports first."""
    one = studies(folder)
    trial = one.begin(one.ask("gda", SPACE, SEEDS))
    for step, reported in ((90, 1.0), (30, 3.0), (60, 2.0)):
        one.report(trial, step, reported)
    assert one.finish(trial, COMPLETE).value == 1.0
    assert stored(folder)[0].value == 1.0


def test_a_trial_that_failed_before_its_first_report_has_no_value(folder: Path) -> None:
    one = studies(folder)
    ended = one.finish(one.begin(one.ask("gda", SPACE, SEEDS)), FAILED, "ValueError: no")
    assert (ended.state, ended.value, ended.error) == (FAILED, None, "ValueError: no")


def test_a_failure_that_was_cut_short_has_not_happened(folder: Path) -> None:
    """The reason is stored, the state is not: the trial goes on, and ends as it does."""
    one = studies(folder)
    trial = one.begin(one.ask("gda", SPACE, SEEDS))
    assert forked(partial(kill_at_end_of, folder, trial)) == -signal.SIGKILL
    assert stored(folder)[0].user_attrs["error"] == "OSError: disk full"
    again = studies(folder)
    assert again.trial(trial.key) == trial
    again.report(trial, LENGTH, 1.0)
    assert again.finish(trial, COMPLETE).error is None


def kill_at_end_of(folder: Path, trial: Trial) -> None:
    one = studies(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one._storage, "set_trial_state_values", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        one.finish(trial, FAILED, "OSError: disk full")


# The search goes on as it would have


def test_twelve_trials_search_in_earnest(undisturbed: Path) -> None:
    trials = stored(undisturbed)
    states = [trial.state for trial in trials]
    assert len(trials) == TRIALS
    assert states.count(TrialState.PRUNED) >= 2 and states.count(TrialState.COMPLETE) >= 2
    assert len({trial.params["lr"] for trial in trials}) == TRIALS


def test_reopened_after_every_trial_it_is_the_undisturbed_search(folder: Path, undisturbed: Path) -> None:
    search(studies(folder), between=lambda: studies(folder))
    assert outcomes(folder) == outcomes(undisturbed)


def test_the_seed_of_a_trial_is_that_of_sweep_arm_and_number(folder: Path, undisturbed: Path) -> None:
    known = draws_of(undisturbed)
    one, other_seed = studies(folder), studies(folder, seed=1)
    assert [one.ask("gda", SPACE, SEEDS).params for _ in range(2)] == known[:2]
    assert one.ask("consensus", SPACE, SEEDS).params not in known
    assert other_seed.ask("consensus", SPACE, SEEDS).params not in [*known, *draws_of(folder, "digits/consensus")[:1]]
    assert len({_seed_of(seed, arm, number) for seed in range(3) for arm in ARMS for number in range(50)}) == 300


def draws_of(folder: Path, study: str = "digits/gda") -> Params:
    return [trial.params for trial in stored(folder, study)]


# Killed


def test_killed_between_any_two_calls_it_is_the_undisturbed_search(folder: Path, undisturbed: Path) -> None:
    command = [sys.executable, __file__, str(folder), "11"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{HERE}"}
    for _ in range(50):
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        told = [int(line) for line in run.stdout.split()]
        assert run.returncode == 0, run.stderr
        if told[-1] == 0:
            break
        assert set(told) == {-signal.SIGKILL}
    assert outcomes(folder) == outcomes(undisturbed)
    attempts = [trial.user_attrs["attempt"] for trial in stored(folder)]
    assert sum(attempts) > TRIALS, "no trial was interrupted"


def test_a_trial_is_created_whole_or_not_at_all(folder: Path) -> None:
    """Killed before each of the statements that write a trial."""
    search(studies(folder), trials=2)
    after = stored(folder)
    for number in range(1, 100):
        status, before = forked(partial(kill_at_statement, folder, number)), len(after)
        after = stored(folder)
        for trial in after[before:]:
            assert set(trial.params) == set(SPACE), f"torn at statement {number}"
            told = {"arm": "gda", "kind": SEARCH, "attempt": 0, "seeds": list(SEEDS), "repeat": 0}
            assert {**trial.user_attrs, **told} == trial.user_attrs
        if status == 0:
            break
        assert status == -signal.SIGKILL
    assert number > 4, "the statements were not seen: the trial, its parameters, its facts, its number"
    assert [trial.number for trial in after] == list(range(len(after)))


def kill_at_statement(folder: Path, number: int) -> None:
    one, left = studies(folder), [number]

    def strike(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def at_a_write(connection: object, cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("SELECT", "PRAGMA")):
            strike()

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", at_a_write)
    sqlalchemy.event.listen(sqlalchemy.Engine, "commit", strike)
    one.ask("gda", SPACE, SEEDS)


# Pruning


@pytest.mark.parametrize(("pruner", "minimize"), [("asha", True), ("asha", False), ("median", True)])
def test_it_prunes_as_optunas_own_loop_does(folder: Path, pruner: str, minimize: bool) -> None:
    """One trial after another: the usual study, asked once after each report, decides the same."""
    ours = studies(folder, pruner=pruner, minimize=minimize)
    theirs = optuna.create_study(
        direction="minimize" if minimize else "maximize", pruner=pruner_of(pruner, LENGTH, EVERY)
    )
    pruned = 0
    for _ in range(TRIALS):
        trial = ours.ask("gda", SPACE, SEEDS)
        theirs.enqueue_trial(trial.params)
        own = theirs.ask(SPACE)
        for step in range(EVERY, LENGTH + 1, EVERY):
            value = loss(trial.params, step)
            ours.report(trial, step, value)
            own.report(value, step)
            wanted = own.should_prune()
            assert [ours.should_prune(trial) for _ in range(3)] == [wanted] * 3, f"{trial.key} at {step}"
            if wanted:
                break
        ours.finish(trial, PRUNED if wanted else COMPLETE)
        theirs.tell(own, state=TrialState.PRUNED if wanted else TrialState.COMPLETE, values=None if wanted else value)
        assert rungs(stored(folder)[-1]) == rungs(theirs.trials[-1])
        pruned += wanted
    assert 2 <= pruned <= TRIALS - 2


def rungs(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    return {key: said for key, said in trial.system_attrs.items() if "rung" in key}


def test_trials_side_by_side_are_pruned_as_optuna_prunes_them(folder: Path) -> None:
    """Four trials at once, reporting in turn, each asked about after each of its reports."""
    ours, theirs = studies(folder), optuna.create_study(pruner=pruner_of("asha", LENGTH, EVERY))
    pairs = []
    for _ in range(4):
        trial = ours.ask("gda", SPACE, SEEDS)
        theirs.enqueue_trial(trial.params)
        pairs.append((trial, theirs.ask(SPACE)))
    pruned = set()
    for step in range(EVERY, LENGTH + 1, EVERY):
        for trial, own in pairs:
            if trial.key not in pruned:
                value = loss(trial.params, step)
                ours.report(trial, step, value)
                own.report(value, step)
                wanted = own.should_prune()
                assert ours.should_prune(trial) == wanted
                if wanted:
                    pruned.add(trial.key)
                    ours.finish(trial, PRUNED)
                    theirs.tell(own, state=TrialState.PRUNED)
    assert 1 <= len(pruned) <= 3


def test_a_confirmation_is_never_pruned(folder: Path) -> None:
    one = search(studies(folder), trials=6)
    confirmation = one.begin(one.confirm(one.trial("gda/search-0000"), (7,)))
    for step in range(EVERY, LENGTH + 1, EVERY):
        one.report(confirmation, step, 1e6)
        assert not one.should_prune(confirmation)
    assert one.finish(confirmation, COMPLETE).kind == CONFIRM


# A search in a process of its own


def search_until_killed(folder: Path, calls: int) -> None:
    """Goes on with the search of twelve trials, and dies before its ``calls``-th change of the studies."""
    one, left = studies(folder), [calls]
    for name in ("ask", "begin", "report", "should_prune", "finish"):
        setattr(one, name, mortal(getattr(one, name), left))
    for trial in [trial for trial in one.trials() if trial.state == RUNNING]:
        catch_up(one, trial)
    while len(one.trials()) < TRIALS:
        train(one, one.ask("gda", SPACE, SEEDS))


def mortal(method: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*args)

    return call


def catch_up(one: Studies, trial: Trial) -> None:
    """The verdict on the last report of an interrupted trial may not have been acted on."""
    steps = one.values(trial)
    if LENGTH in steps:
        one.finish(trial, COMPLETE)
    elif steps and one.should_prune(trial):
        one.finish(trial, PRUNED)
    else:
        train(one, trial)


if __name__ == "__main__":
    for _ in range(20):  # forks, so that each need not import everything anew
        code = forked(lambda: search_until_killed(Path(sys.argv[1]), int(sys.argv[2])))
        print(code, flush=True)
        if code == 0:
            break
