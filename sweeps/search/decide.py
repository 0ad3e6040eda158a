"""What to do next: pure functions of a plan and the trials there are. Nothing here knows Ray, MLflow or a disk."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from sweeps.search.trials import COMPLETE, CONFIRM, FAILED, MAP, PRUNED, RUNNING, SEARCH, Trial

CONFIRM_SEEDS_FROM = 1_000_000  # search seeds count from 0; confirmation's are never among them


class Plan(NamedTuple):
    """The shape of a sweep: its arms in order, each with as many trials, and how a winner is confirmed.

    ``minimize``: each objective's direction. ``repeats``: searches of an arm, each with its share of trials and its
    confirmation. ``points``: what an arm's sampler has to offer, where that is finite.
    ``chunks``: of a map how many trials each arm has; nothing is searched or confirmed then.
    """

    arms: tuple[str, ...]
    trials: int
    seeds: int
    confirm_seeds: int
    minimize: tuple[bool, ...] = (True,)
    retries: int = 2  # of a trial whose worker failed
    repeats: int = 1
    points: Mapping[str, int] = MappingProxyType({})
    chunks: tuple[int, ...] = ()

    def share(self, arm: str) -> int:
        """The trials of one search of an arm."""
        return min(self.trials, self.points.get(arm, self.trials))

    @property
    def closed(self) -> Plan:
        """The plan of a search (or a map) whose time is up: as with no trials to come."""
        return self._replace(trials=0, chunks=(0,) * len(self.chunks))

    @property
    def searches(self) -> list[tuple[str, int]]:
        """Arm and repeat of every search: each arm's first, then each arm's second, …"""
        return [(arm, repeat) for repeat in range(self.repeats) for arm in self.arms]


class Continue(NamedTuple):
    """Start a trial that exists and is not finished: new, interrupted, or to be retried."""

    trial: Trial


class Ask(NamedTuple):
    """Let the sampler draw the next configuration of an arm's search."""

    arm: str
    repeat: int = 0


class ConfirmBest(NamedTuple):
    """Run a search's best configuration on the fresh seeds."""

    best: Trial


class Chart(NamedTuple):
    """Train the next chunk of an arm's map."""

    arm: str
    number: int


class Wait(NamedTuple):
    """Nothing can start until a running trial ends."""


class Done(NamedTuple):
    """Every arm is searched and confirmed, or has nothing to confirm."""


Action = Continue | Ask | ConfirmBest | Chart | Wait | Done


def next_action(plan: Plan, trials: Sequence[Trial], active: Collection[str]) -> Action:
    """Unfinished trials first, then confirmations that are due, then arms in turn.

    ``active`` holds the keys of trials that a worker has. Arms take turns by the number of trials they have had, so
    none is starved for looking unpromising; a repeat begins when the one before has been asked for in full.
    """
    for trial in trials:
        if trial.state == RUNNING and trial.key not in active:
            return Continue(trial)
    if plan.chunks:
        return _next_chunk(plan, trials) or (Wait() if active else Done())
    searched, confirmed = _by_search(trials, SEARCH), _by_search(trials, CONFIRM)
    for search in plan.searches:
        best = _due(plan, search[0], searched[search], confirmed[search])
        if best is not None:
            return ConfirmBest(best)
    unfinished = [search for search in plan.searches if len(searched[search]) < plan.share(search[0])]
    if unfinished:
        return Ask(*min(unfinished, key=lambda search: (search[1], len(searched[search]))))
    return Wait() if active else Done()


def _next_chunk(plan: Plan, trials: Sequence[Trial]) -> Chart | None:
    had = {arm: len(of(trials, arm, MAP)) for arm in plan.arms}
    left = [arm for arm, chunks in zip(plan.arms, plan.chunks, strict=True) if had[arm] < chunks]
    arm = min(left, key=lambda name: had[name], default=None)
    return None if arm is None else Chart(arm, had[arm])


def to_confirm(plan: Plan, trials: Sequence[Trial], arm: str, repeat: int = 0) -> Trial | None:
    """The best complete trial of a search that is over, unless that one is confirmed already or there is none."""
    return _due(plan, arm, of(trials, arm, SEARCH, repeat), of(trials, arm, CONFIRM, repeat))


def confirmation_of(plan: Plan, trials: Sequence[Trial], arm: str, repeat: int = 0) -> Trial | None:
    """The confirmation that ranks: of the search's best trial as it is now. Of an extended search there may be older
    ones, of what was best before."""
    best = best_of(plan, trials, arm, repeat)
    confirmed = of(trials, arm, CONFIRM, repeat)
    return next((trial for trial in confirmed if best is not None and trial.confirms == best.number), None)


def best_of(plan: Plan, trials: Sequence[Trial], arm: str, repeat: int | None = None) -> Trial | None:
    """The complete search trial with the best objective, the earlier one of equals; of several objectives the
    ``compromise``. Of one repeat, or of all."""
    return best_among(plan, of(trials, arm, SEARCH, repeat))


def best_among(plan: Plan, trials: Sequence[Trial]) -> Trial | None:
    """The best complete one; the first of equals."""
    return compromise(plan, _front(plan, trials))


def front_of(plan: Plan, trials: Sequence[Trial], arm: str, repeat: int | None = None) -> list[Trial]:
    """The complete search trials than which none is better in one objective and as good in all others, by number."""
    return _front(plan, of(trials, arm, SEARCH, repeat))


def compromise(plan: Plan, front: Sequence[Trial]) -> Trial | None:
    """The trial of a front nearest to the ideal point, which has the best of every objective on the front.

    Each objective is scaled by its range over the front and the distance is Euclidean; the earlier of equals. A value
    that is not finite is as far as can be.
    """
    costs = [_costs(plan, trial) for trial in front]
    finite = [[cost for cost in column if math.isfinite(cost)] or [0.0] for column in zip(*costs, strict=True)]
    lows, ranges = [min(column) for column in finite], [max(column) - min(column) or 1.0 for column in finite]

    def distance(at: int) -> float:
        return math.hypot(*((cost - low) / width for cost, low, width in zip(costs[at], lows, ranges, strict=True)))

    nearest = min(range(len(front)), key=lambda at: (distance(at), front[at].number), default=None)
    return None if nearest is None else front[nearest]


def best_few(plan: Plan, trials: Sequence[Trial], count: int) -> list[Trial]:
    """The best complete trial, the best of the others, and so on."""
    few: list[Trial] = []
    while len(few) < count:
        best = best_among(plan, [trial for trial in trials if trial not in few])
        if best is None:
            break
        few.append(best)
    return few


def _by_search(trials: Sequence[Trial], kind: str) -> dict[tuple[str, int], list[Trial]]:
    found = defaultdict(list)
    for trial in trials:
        if trial.kind == kind:
            found[trial.arm, trial.repeat].append(trial)
    return found


def _due(plan: Plan, arm: str, searched: Sequence[Trial], confirmed: Sequence[Trial]) -> Trial | None:
    over = len(searched) >= plan.share(arm) and all(trial.state != RUNNING for trial in searched)
    best = best_among(plan, searched) if over else None
    return None if best is None or any(trial.confirms == best.number for trial in confirmed) else best


def _front(plan: Plan, searched: Sequence[Trial]) -> list[Trial]:
    complete = [trial for trial in searched if trial.state == COMPLETE and trial.value is not None]
    front: list[tuple[tuple[float, ...], Trial]] = []
    for costs, trial in sorted(((_costs(plan, trial), trial) for trial in complete), key=lambda each: each[0]):
        if not any(_beats(other, costs) for other, _ in front):  # only those sorted before it can
            front.append((costs, trial))
    return sorted((trial for _, trial in front), key=lambda trial: trial.number)


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def _costs(plan: Plan, trial: Trial) -> tuple[float, ...]:
    return tuple(value if down else -value for value, down in zip(trial.values, plan.minimize, strict=True))


def may_retry(plan: Plan, failures: int) -> bool:
    """Whether a trial whose worker failed so many times gets another attempt."""
    return failures <= plan.retries


def of(trials: Sequence[Trial], arm: str, kind: str, repeat: int | None = None) -> list[Trial]:
    """The trials of one arm and kind, by number: of one repeat, or of all."""
    chosen = (t for t in trials if t.arm == arm and t.kind == kind and repeat in (None, t.repeat))
    return sorted(chosen, key=lambda t: t.number)


def search_seeds(plan: Plan, repeat: int = 0) -> tuple[int, ...]:
    """The seeds of every trial of a repeat: shared, so that configurations are compared on the same chance."""
    return tuple(range(repeat * plan.seeds, (repeat + 1) * plan.seeds))


def confirm_seeds(plan: Plan, repeat: int = 0) -> tuple[int, ...]:
    """The fresh seeds that all arms' confirmations of a repeat share. No two repeats share one: each is a sample of its
    own of all that chance decides, the search and the seeds."""
    first = CONFIRM_SEEDS_FROM + repeat * plan.confirm_seeds
    return tuple(range(first, first + plan.confirm_seeds))


def is_failed(plan: Plan, trials: Sequence[Trial], arm: str, repeat: int = 0) -> bool:
    """Whether a search has nothing to rank: all its trials failed or were pruned, or its confirmation failed."""
    confirmation = confirmation_of(plan, trials, arm, repeat)
    if confirmation is not None:
        return confirmation.state == FAILED
    searched = of(trials, arm, SEARCH, repeat)
    return bool(searched) and all(trial.state in (FAILED, PRUNED) for trial in searched)
