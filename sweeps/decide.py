"""What to do next: pure functions of a plan and the trials there are. Nothing here knows Ray, MLflow or a disk."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sweeps.trials import COMPLETE, CONFIRM, FAILED, PRUNED, RUNNING, SEARCH, Trial

CONFIRM_SEEDS_FROM = 1_000_000  # search seeds count from 0; confirmation's are never among them


class Plan(NamedTuple):
    """The shape of a sweep: its arms in order, each with as many trials, and how a winner is confirmed."""

    arms: tuple[str, ...]
    trials: int
    seeds: int
    confirm_seeds: int
    minimize: bool
    retries: int = 2  # of a trial whose worker failed


class Continue(NamedTuple):
    """Start a trial that exists and is not finished: new, interrupted, or to be retried."""

    trial: Trial


class Ask(NamedTuple):
    """Let the sampler draw the arm's next configuration."""

    arm: str


class ConfirmBest(NamedTuple):
    """Run an arm's best configuration on the fresh seeds."""

    best: Trial


class Wait(NamedTuple):
    """Nothing can start until a running trial ends."""


class Done(NamedTuple):
    """Every arm is searched and confirmed, or has nothing to confirm."""


Action = Continue | Ask | ConfirmBest | Wait | Done


def next_action(plan: Plan, trials: Sequence[Trial], active: Collection[str]) -> Action:
    """Unfinished trials first, then confirmations that are due, then arms in turn.

    ``active`` holds the keys of trials that a worker has. Arms take turns by the number of trials they have had, so
    none is starved for looking unpromising.
    """
    for trial in trials:
        if trial.state == RUNNING and trial.key not in active:
            return Continue(trial)
    for arm in plan.arms:
        best = to_confirm(plan, trials, arm)
        if best is not None:
            return ConfirmBest(best)
    asked = {arm: len(of(trials, arm, SEARCH)) for arm in plan.arms}
    arm = min(plan.arms, key=lambda name: asked[name])
    if asked[arm] < plan.trials:
        return Ask(arm)
    return Wait() if active else Done()


def to_confirm(plan: Plan, trials: Sequence[Trial], arm: str) -> Trial | None:
    """The arm's best complete trial once its search is over, unless it is confirmed already or there is none."""
    searched = of(trials, arm, SEARCH)
    over = len(searched) >= plan.trials and all(trial.state != RUNNING for trial in searched)
    return best_of(plan, trials, arm) if over and not of(trials, arm, CONFIRM) else None


def best_of(plan: Plan, trials: Sequence[Trial], arm: str) -> Trial | None:
    """The complete search trial with the best objective; the earlier one of equals."""
    return best_among(plan, of(trials, arm, SEARCH))


def best_among(plan: Plan, trials: Sequence[Trial]) -> Trial | None:
    """The complete one with the best objective; the first of equals."""
    complete = [trial for trial in trials if trial.state == COMPLETE and trial.value is not None]
    sign = 1 if plan.minimize else -1
    return min(complete, key=lambda trial: sign * (trial.value or 0.0), default=None)


def may_retry(plan: Plan, failures: int) -> bool:
    """Whether a trial whose worker failed so many times gets another attempt."""
    return failures <= plan.retries


def of(trials: Sequence[Trial], arm: str, kind: str) -> list[Trial]:
    """The trials of one arm and kind, by number."""
    return sorted((t for t in trials if t.arm == arm and t.kind == kind), key=lambda t: t.number)


def search_seeds(plan: Plan) -> tuple[int, ...]:
    """The seeds of every search trial: shared, so that configurations are compared on the same chance."""
    return tuple(range(plan.seeds))


def confirm_seeds(plan: Plan) -> tuple[int, ...]:
    """The fresh seeds that all arms' confirmations share."""
    return tuple(range(CONFIRM_SEEDS_FROM, CONFIRM_SEEDS_FROM + plan.confirm_seeds))


def is_failed(trials: Sequence[Trial], arm: str) -> bool:
    """Whether an arm has nothing to rank: all its trials failed or were pruned, or its confirmation failed."""
    confirmation = of(trials, arm, CONFIRM)
    if confirmation:
        return confirmation[0].state == FAILED
    searched = of(trials, arm, SEARCH)
    return bool(searched) and all(trial.state in (FAILED, PRUNED) for trial in searched)
