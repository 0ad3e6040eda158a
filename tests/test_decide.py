"""Decisions: pure functions, so each rule is a line, and whole sweeps are simulated by the hundred."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.search.decide import (
    Ask,
    ConfirmBest,
    Continue,
    Done,
    Plan,
    Wait,
    best_few,
    best_of,
    confirm_seeds,
    confirmation_of,
    front_of,
    is_failed,
    may_retry,
    next_action,
    of,
    search_seeds,
    to_confirm,
)
from sweeps.search.trials import COMPLETE, CONFIRM, FAILED, PRUNED, RUNNING, SEARCH, Trial

PLAN = Plan(arms=("gda", "consensus"), trials=2, seeds=3, confirm_seeds=4, minimize=(True,))


def search(arm: str, number: int, state: str = COMPLETE, value: float | None = 1.0) -> Trial:
    return Trial(arm, SEARCH, number, {"lr": 0.1}, state, 1, None if state == FAILED else value, (0, 1, 2))


def confirmation(arm: str, state: str = COMPLETE, of: int = 0) -> Trial:
    return Trial(arm, CONFIRM, 0, {"lr": 0.1}, state, 1, 1.0, (9,), confirms=of)


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
    assert next_action(PLAN, [*gda, other, confirmation("gda", RUNNING, of=1)], {"gda/confirm-0000"}) == Ask(
        "consensus"
    )


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
    assert best_of(PLAN._replace(minimize=(False,)), trials, "gda") == trials[0]
    assert best_of(PLAN, trials[2:5], "gda") is None


def test_of_equals_the_earlier_is_the_best() -> None:
    trials = [search("gda", number, value=value) for number, value in ((2, 1.0), (1, 1.0), (0, 2.0))]
    assert best_of(PLAN, trials, "gda") == trials[1]
    assert best_of(PLAN._replace(minimize=(False,)), trials[:2], "gda") == trials[1]


def test_zero_is_a_value() -> None:
    zero, worse = search("gda", 1, value=0.0), search("gda", 0, value=0.5)
    assert best_of(PLAN, [worse, zero], "gda") == zero
    assert best_of(PLAN._replace(minimize=(False,)), [worse._replace(value=-0.5), zero], "gda") == zero


# Several objectives: the first small, the second large


TWO = PLAN._replace(minimize=(True, False), arms=("gda",), trials=9)


def pair(number: int, small: float, large: float) -> Trial:
    return search("gda", number, value=small)._replace(others=(large,))


def test_a_front_is_what_nothing_beats() -> None:
    trials = [pair(0, 1, 1), pair(1, 2, 2), pair(2, 2, 1), pair(3, 3, 3), pair(4, 3, 2.5), pair(5, 1, 1)]
    assert [trial.number for trial in front_of(TWO, trials, "gda")] == [0, 1, 3, 5]
    assert front_of(TWO, [pair(0, 1, 1)._replace(state=PRUNED)], "gda") == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_a_front_is_that_of_its_definition(values: list[tuple[int, int]]) -> None:
    trials = [pair(number, *each) for number, each in enumerate(values)]
    beaten = {
        one.number
        for one in trials
        for other in trials
        if other.values != one.values and other.values[0] <= one.values[0] and other.values[1] >= one.values[1]
    }
    assert [trial.number for trial in front_of(TWO, trials, "gda")] == [
        trial.number for trial in trials if trial.number not in beaten
    ]


def test_the_compromise_is_nearest_to_the_best_of_each_scaled_by_the_fronts_range() -> None:
    """By hand: costs (0, 100), (1, 30), (4, 0) are (0, 1), (¼, 0.3), (1, 0) of the ranges; the second is 0.39 away."""
    front = [pair(0, 0, -100), pair(1, 1, -30), pair(2, 4, 0)]
    assert best_of(TWO, front, "gda") == front[1]
    assert best_of(TWO, [*front, pair(3, 1, -30)], "gda") == front[1], "the earlier of equals"
    assert best_of(TWO, [pair(7, 2, 2)], "gda") == pair(7, 2, 2)
    lost = [pair(0, math.inf, 5), pair(1, 3, 4), pair(2, 4, 4.5)]
    assert best_of(TWO, lost, "gda") == lost[1], "a value that is not finite is as far as can be"


def test_the_best_few_are_the_best_the_best_of_the_rest_and_so_on() -> None:
    trials = [search("gda", number, value=value) for number, value in enumerate((3.0, 1.0, 2.0, 1.0))]
    assert best_few(PLAN, trials, 3) == [trials[1], trials[3], trials[2]]
    assert best_few(PLAN, [*trials, search("gda", 4, FAILED)], 9) == [trials[i] for i in (1, 3, 2, 0)]


# Repeats, grids, extensions


def test_a_repeat_begins_when_the_one_before_has_been_asked_for() -> None:
    plan = PLAN._replace(repeats=2, trials=1)
    first = [search("gda", 0, RUNNING), search("consensus", 0, RUNNING)]
    busy = {trial.key for trial in first}
    assert next_action(plan, first[:1], busy) == Ask("consensus", 0)
    assert next_action(plan, first, busy) == Ask("gda", 1)
    over = [search("gda", 0), first[1], search("gda", 1, RUNNING)._replace(repeat=1)]
    assert next_action(plan, over, {*busy, "gda/search-0001"}) == ConfirmBest(over[0])


def test_repeats_share_no_seeds_and_arms_do() -> None:
    plan = PLAN._replace(repeats=3)
    assert [search_seeds(plan, repeat) for repeat in range(3)] == [(0, 1, 2), (3, 4, 5), (6, 7, 8)]
    confirming = [confirm_seeds(plan, repeat) for repeat in range(3)]
    assert confirming[0] == confirm_seeds(PLAN) and len({seed for seeds in confirming for seed in seeds}) == 12


def test_a_grid_that_is_used_up_ends_its_arms_search() -> None:
    plan = PLAN._replace(trials=3, points={"gda": 1})
    trials = [search("gda", 0), search("consensus", 0), confirmation("gda")]
    assert next_action(plan, trials, ()) == Ask("consensus")
    assert (plan.share("gda"), plan.share("consensus")) == (1, 3)


def test_a_better_trial_of_an_extended_search_is_confirmed_and_an_equal_one_is_not() -> None:
    longer, before = PLAN._replace(trials=3), [*SEARCHED, confirmation("gda"), confirmation("consensus")]
    same = [*before, search("gda", 2, value=1.0), search("consensus", 2, value=9.0)]
    assert next_action(longer, same, ()) == Done()
    better = [*before, search("gda", 2, value=0.5), search("consensus", 2, value=9.0)]
    assert next_action(longer, better, ()) == ConfirmBest(better[-2])
    assert confirmation_of(longer, better, "gda") is None
    assert confirmation_of(longer, [*better, confirmation("gda", of=2)], "gda") == confirmation("gda", of=2)


# Failures, seeds


def test_a_trial_is_retried_as_often_as_the_plan_says() -> None:
    assert [may_retry(PLAN, failures) for failures in (1, 2, 3)] == [True, True, False]


def test_an_arm_has_failed_when_nothing_of_it_can_be_ranked() -> None:
    failed, pruned = search("gda", 0, FAILED), search("gda", 1, PRUNED)
    assert is_failed(PLAN, [failed, search("gda", 1, FAILED)], "gda")
    assert is_failed(PLAN, [failed, pruned], "gda")
    assert is_failed(PLAN, [*SEARCHED, confirmation("gda", FAILED)], "gda")
    assert not is_failed(PLAN, [failed, search("gda", 1)], "gda")
    assert not is_failed(PLAN, [failed, search("gda", 1, RUNNING)], "gda")
    assert not is_failed(PLAN, [*SEARCHED, confirmation("gda", RUNNING)], "gda")
    assert not is_failed(PLAN, [], "gda")


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
    minimize=st.lists(st.booleans(), min_size=1, max_size=2).map(tuple),
    repeats=st.integers(1, 3),
    points=st.just({}),
    chunks=st.just(()),
)


def simulate(plan: Plan, chance: Chance, before: Sequence[Trial] = ()) -> list[Trial]:
    """A sweep driven by ``next_action`` to its end; fails where two workers get one trial, or where it never ends."""
    trials = {trial.key: trial for trial in before}
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
                value, others = float(turn % 3), (float(turn % 5),) * (len(plan.minimize) - 1)
                trials[key] = trials[key]._replace(state=how, value=None if how == FAILED else value, others=others)
    raise AssertionError("it never ends")


def start(trials: dict[str, Trial], action: Ask | ConfirmBest | Continue) -> Trial:
    if isinstance(action, Continue):
        assert action.trial.state == RUNNING
        return action.trial
    arm, repeat = (action.arm, action.repeat) if isinstance(action, Ask) else (action.best.arm, action.best.repeat)
    kind, confirms = (SEARCH, None) if isinstance(action, Ask) else (CONFIRM, action.best.number)
    number = sum(trial.arm == arm and trial.kind == kind for trial in trials.values())
    return Trial(arm, kind, number, {}, RUNNING, 1, None, (), repeat=repeat, confirms=confirms)


@given(plan=PLANS, chance=st.builds(Chance, workers=st.integers(1, 4), endings=ENDINGS))
def test_every_sweep_ends_with_each_arm_searched_in_full_and_confirmed_once(plan: Plan, chance: Chance) -> None:
    trials = simulate(plan, chance)
    assert_searched(plan, trials)
    assert_confirmed(plan, trials)
    assert set(Counter(search_of(trial) for trial in trials if trial.kind == CONFIRM).values()) <= {1}


@given(plan=PLANS, chance=st.builds(Chance, workers=st.integers(1, 4), endings=ENDINGS), more=st.integers(1, 3))
def test_an_extended_sweep_ends_with_what_is_best_now_confirmed(plan: Plan, chance: Chance, more: int) -> None:
    before = simulate(plan, chance)
    longer = plan._replace(trials=plan.trials + more)
    trials = simulate(longer, chance, before)
    assert_searched(longer, trials)
    assert_confirmed(longer, trials)
    assert {trial.key: trial for trial in before}.items() <= {trial.key: trial for trial in trials}.items()
    for arm, repeat in plan.searches:
        was, now = (confirmation_of(plan, them, arm, repeat) for them in (before, trials))
        if best_of(plan, before, arm, repeat) == best_of(plan, trials, arm, repeat):
            assert was == now and len(of(trials, arm, CONFIRM, repeat)) <= 1


def search_of(trial: Trial) -> tuple[str, int]:
    return trial.arm, trial.repeat


def assert_searched(plan: Plan, trials: list[Trial]) -> None:
    assert all(trial.state != RUNNING for trial in trials)
    searched = Counter(search_of(trial) for trial in trials if trial.kind == SEARCH)
    assert searched == {(arm, repeat): plan.share(arm) for arm, repeat in plan.searches}


def assert_confirmed(plan: Plan, trials: list[Trial]) -> None:
    """Of every search with a complete trial the best is confirmed, once."""
    complete = {search_of(trial) for trial in trials if trial.kind == SEARCH and trial.state == COMPLETE}
    assert {search_of(trial) for trial in trials if trial.kind == CONFIRM} == complete
    for arm, repeat in complete:
        best, confirmed = best_of(plan, trials, arm, repeat), of(trials, arm, CONFIRM, repeat)
        assert best is not None and [t.confirms for t in confirmed].count(best.number) == 1
        assert len({t.confirms for t in confirmed}) == len(confirmed)


@given(plan=PLANS, endings=ENDINGS)
def test_no_arm_is_ever_two_trials_ahead(plan: Plan, endings: list[tuple[int, str]]) -> None:
    trials = [trial for trial in simulate(plan, Chance(2, endings)) if trial.kind == SEARCH]
    for end in range(len(trials)):
        had = [sum(trial.arm == arm for trial in trials[:end]) for arm in plan.arms]
        assert max(had) - min(had) <= 1
