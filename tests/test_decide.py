"""Decisions: pure functions, so each rule is a line, and whole sweeps are simulated by the hundred."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.decide import (
    Ask,
    ConfirmBest,
    Continue,
    Done,
    Plan,
    Wait,
    best_of,
    confirm_seeds,
    is_failed,
    may_retry,
    next_action,
    search_seeds,
    to_confirm,
)
from sweeps.trials import COMPLETE, CONFIRM, FAILED, PRUNED, RUNNING, SEARCH, Trial

PLAN = Plan(arms=("gda", "consensus"), trials=2, seeds=3, confirm_seeds=4, minimize=True)


def search(arm: str, number: int, state: str = COMPLETE, value: float | None = 1.0) -> Trial:
    return Trial(arm, SEARCH, number, {"lr": 0.1}, state, 1, None if state == FAILED else value, (0, 1, 2))


def confirmation(arm: str, state: str = COMPLETE) -> Trial:
    return Trial(arm, CONFIRM, 0, {"lr": 0.1}, state, 1, 1.0, (9,))


SEARCHED = [search(arm, number, value=number + 1.0) for number in (0, 1) for arm in PLAN.arms]


# The order of things


def test_arms_take_turns() -> None:
    trials: list[Trial] = []
    for arm in ("gda", "consensus", "gda", "consensus"):
        assert next_action(PLAN._replace(trials=3), trials, ()) == Ask(arm)
        trials.append(search(arm, len(trials) // 2))


def test_an_arm_that_only_fails_has_its_turns_too() -> None:
    trials = [search("gda", 0, FAILED), search("consensus", 0)]
    assert next_action(PLAN, trials, ()) == Ask("gda")


def test_interrupted_trials_come_first() -> None:
    interrupted = search("consensus", 0, RUNNING)
    assert next_action(PLAN, [search("gda", 0), interrupted], ()) == Continue(interrupted)
    assert next_action(PLAN, [search("gda", 0), interrupted], {interrupted.key}) == Ask("gda")


def test_an_interrupted_confirmation_comes_before_another() -> None:
    interrupted = confirmation("gda", RUNNING)
    assert next_action(PLAN, [*SEARCHED, interrupted], ()) == Continue(interrupted)
    assert next_action(PLAN, [*SEARCHED, interrupted], {interrupted.key}) == ConfirmBest(SEARCHED[1])


def test_an_arm_is_confirmed_once_its_own_search_is_over() -> None:
    gda, other = [search("gda", 0, value=2.0), search("gda", 1, value=1.0)], search("consensus", 0)
    assert to_confirm(PLAN, gda[:1], "gda") is None
    assert to_confirm(PLAN, [gda[0], search("gda", 1, RUNNING)], "gda") is None
    assert next_action(PLAN, [*gda, other], ()) == ConfirmBest(gda[1])
    assert next_action(PLAN, [*gda, other, confirmation("gda", RUNNING)], {"gda/confirm-0000"}) == Ask("consensus")


@pytest.mark.parametrize("state", [RUNNING, COMPLETE, FAILED])
def test_an_arm_is_confirmed_once(state: str) -> None:
    assert to_confirm(PLAN, [*SEARCHED, confirmation("gda", state)], "gda") is None


def test_a_sweep_waits_for_what_runs_and_is_done_when_nothing_does() -> None:
    ended = [*SEARCHED, confirmation("gda")]
    running = confirmation("consensus", RUNNING)
    assert next_action(PLAN, [*ended, running], {running.key}) == Wait()
    assert next_action(PLAN, [*ended, confirmation("consensus")], ()) == Done()
    # of a trial that ended, a worker may still be on its way back
    assert next_action(PLAN, [*ended, confirmation("consensus")], {running.key}) == Wait()


def test_an_arm_with_nothing_complete_is_not_confirmed() -> None:
    failed = [search("gda", 0, FAILED), search("gda", 1, PRUNED)]
    consensus = [trial for trial in SEARCHED if trial.arm == "consensus"]
    assert next_action(PLAN, [*failed, *consensus, confirmation("consensus")], ()) == Done()


# The best


def test_the_best_is_the_lowest_or_the_highest_of_the_complete_ones() -> None:
    trials = [search("gda", 0, value=3.0), search("gda", 1, value=1.0), search("gda", 2, PRUNED, 0.0)]
    trials += [search("gda", 3, RUNNING, 0.0), search("gda", 4, FAILED), search("consensus", 0, value=0.0)]
    assert best_of(PLAN, trials, "gda") == trials[1]
    assert best_of(PLAN._replace(minimize=False), trials, "gda") == trials[0]
    assert best_of(PLAN, trials[2:5], "gda") is None


def test_of_equals_the_earlier_is_the_best() -> None:
    trials = [search("gda", number, value=value) for number, value in ((2, 1.0), (1, 1.0), (0, 2.0))]
    assert best_of(PLAN, trials, "gda") == trials[1]
    assert best_of(PLAN._replace(minimize=False), trials[:2], "gda") == trials[1]


def test_zero_is_a_value() -> None:
    zero, worse = search("gda", 1, value=0.0), search("gda", 0, value=0.5)
    assert best_of(PLAN, [worse, zero], "gda") == zero
    assert best_of(PLAN._replace(minimize=False), [worse._replace(value=-0.5), zero], "gda") == zero


# Failures, seeds


def test_a_trial_is_retried_as_often_as_the_plan_says() -> None:
    assert [may_retry(PLAN, failures) for failures in (1, 2, 3)] == [True, True, False]


def test_an_arm_has_failed_when_nothing_of_it_can_be_ranked() -> None:
    failed, pruned = search("gda", 0, FAILED), search("gda", 1, PRUNED)
    assert is_failed([failed, search("gda", 1, FAILED)], "gda")
    assert is_failed([failed, pruned], "gda")
    assert is_failed([*SEARCHED, confirmation("gda", FAILED)], "gda")
    assert not is_failed([failed, search("gda", 1)], "gda")
    assert not is_failed([failed, search("gda", 1, RUNNING)], "gda")
    assert not is_failed([*SEARCHED, confirmation("gda", RUNNING)], "gda")
    assert not is_failed([], "gda")


def test_confirmation_seeds_are_fresh_and_shared() -> None:
    assert search_seeds(PLAN) == (0, 1, 2)
    assert len(confirm_seeds(PLAN)) == 4
    assert not set(confirm_seeds(PLAN)) & set(range(100_000))


# Whole sweeps


class Chance(NamedTuple):
    """What a simulated sweep leaves open: the order in which workers end, how, and when a driver is killed."""

    workers: int
    endings: list[tuple[int, str]]  # which of the busy workers ends its trial, and how


ENDINGS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([COMPLETE, COMPLETE, PRUNED, FAILED, "crash", "kill"])), min_size=1
)
PLANS = st.builds(
    Plan,
    arms=st.integers(1, 4).map(lambda count: tuple("abcd"[:count])),
    trials=st.integers(1, 4),
    seeds=st.just(1),
    confirm_seeds=st.just(1),
    minimize=st.booleans(),
)


def simulate(plan: Plan, chance: Chance) -> list[Trial]:
    """A sweep driven by ``next_action`` to its end; fails where two workers get one trial, or where it never ends."""
    trials: dict[str, Trial] = {}
    active: list[str] = []
    endings = [*chance.endings, *[(0, COMPLETE)] * 100]  # in the end, everything works
    for turn in range(10_000):
        action = next_action(plan, list(trials.values()), active)
        if len(active) < chance.workers and not isinstance(action, Wait | Done):
            trial = start(trials, action)
            assert trial.key not in active, "two workers on one trial"
            trials[trial.key] = trial
            active.append(trial.key)
            continue
        if isinstance(action, Done):
            assert not active
            return list(trials.values())
        which, how = endings.pop(0)
        if how == "kill":  # the driver: its workers are gone, and what they did is not
            active.clear()
        else:
            key = active.pop(which % len(active))
            if how != "crash":  # a worker: its trial runs on
                trials[key] = trials[key]._replace(state=how, value=None if how == FAILED else float(turn % 3))
    raise AssertionError("it never ends")


def start(trials: dict[str, Trial], action: Ask | ConfirmBest | Continue) -> Trial:
    if isinstance(action, Continue):
        assert action.trial.state == RUNNING
        return action.trial
    arm, kind = (action.arm, SEARCH) if isinstance(action, Ask) else (action.best.arm, CONFIRM)
    number = sum(trial.arm == arm and trial.kind == kind for trial in trials.values())
    return Trial(arm, kind, number, {}, RUNNING, 1, None, ())


@given(plan=PLANS, chance=st.builds(Chance, workers=st.integers(1, 4), endings=ENDINGS))
def test_every_sweep_ends_with_each_arm_searched_in_full_and_confirmed_once(plan: Plan, chance: Chance) -> None:
    trials = simulate(plan, chance)
    assert all(trial.state != RUNNING for trial in trials)
    searched = Counter(trial.arm for trial in trials if trial.kind == SEARCH)
    assert searched == dict.fromkeys(plan.arms, plan.trials)
    complete = {trial.arm for trial in trials if trial.kind == SEARCH and trial.state == COMPLETE}
    assert Counter(trial.arm for trial in trials if trial.kind == CONFIRM) == dict.fromkeys(complete, 1)


@given(plan=PLANS, endings=ENDINGS)
def test_no_arm_is_ever_two_trials_ahead(plan: Plan, endings: list[tuple[int, str]]) -> None:
    trials = [trial for trial in simulate(plan, Chance(2, endings)) if trial.kind == SEARCH]
    for end in range(len(trials)):
        had = [sum(trial.arm == arm for trial in trials[:end]) for arm in plan.arms]
        assert max(had) - min(had) <= 1
