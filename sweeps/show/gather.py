"""Views of studies and records: the display's snapshot, the ranking. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sweeps.judge.pareto import ArmFront, fronts
from sweeps.judge.ranking import ArmResult, Ranking, rank
from sweeps.judge.standing import Budget
from sweeps.records.record import TrialRecord
from sweeps.search.decide import best_among, best_of, confirmation_of, is_failed, of
from sweeps.search.trials import COMPLETE, CONFIRM, FAILED, PRUNED, RUNNING, SEARCH, Trial
from sweeps.show import mapgather
from sweeps.show.progress import ArmProgress, Leader, Snapshot, TrialProgress

if TYPE_CHECKING:
    from sweeps.run.service import Service
    from sweeps.spec.sweep import Sweep


def snapshot(sweep: Sweep, service: Service, doing: str = "") -> Snapshot:
    """Where the sweep stands; work is counted in field units × members."""
    if sweep.map is not None:
        return mapgather.snapshot(sweep, service, doing)
    trials, plan = service.studies.trials(), service.plan
    arms = tuple(_progress(service, trials, arm) for arm in plan.arms)
    spent = sum(len(trial.seeds) * _steps(service, trial) for trial in trials)
    spared = sum(len(t.seeds) * (sweep.length - _steps(service, t)) for t in trials if t.state in (PRUNED, FAILED))
    searches = sum(plan.share(arm) for arm in plan.arms) * plan.repeats * plan.seeds
    nothing = sum(_is_over(service, trials, *search) and is_failed(plan, trials, *search) for search in plan.searches)
    older = sum(t.kind == CONFIRM and t != confirmation_of(plan, trials, t.arm, t.repeat) for t in trials)
    confirmations = len(plan.searches) - nothing + older
    whole = sweep.length * (searches + confirmations * plan.confirm_seeds)
    running = tuple(_running(sweep, service, t) for t in trials if t.state == RUNNING and t.attempt > 0)
    return Snapshot(arms, spent, whole - spared, doing, running, _leader(service, trials))


def _running(sweep: Sweep, service: Service, trial: Trial) -> TrialProgress:
    values = service.studies.values(trial)
    last = service.latest.get(trial.key)
    shown = tuple(values[step] for step in sorted(values))
    return TrialProgress(trial.key, max(values, default=0), sweep.length, shown, last.success if last else None)


def _leader(service: Service, trials: Sequence[Trial]) -> Leader | None:
    best = best_among(service.plan, [trial for trial in trials if trial.kind == SEARCH])
    if best is None or best.value is None:
        return None
    last = service.latest.get(best.key)
    rate = None if last is None or last.success is None else last.success
    return Leader(best.key, best.value, None if rate is None else round(rate * len(best.seeds)), len(best.seeds))


def _progress(service: Service, trials: Sequence[Trial], arm: str) -> ArmProgress:
    searched = of(trials, arm, SEARCH)
    ended = [trial for trial in searched if trial.state != RUNNING]
    best = best_of(service.plan, trials, arm)
    rates = [service.latest[t.key].success for t in searched if t.key in service.latest]
    return ArmProgress(
        arm=arm,
        total=service.plan.share(arm) * service.plan.repeats,
        done=len(ended),
        running=sum(trial.state == RUNNING and trial.attempt > 0 for trial in searched),
        pruned=sum(trial.state == PRUNED for trial in ended),
        diverged=sum(_diverged(service, trial) for trial in ended),
        failed=sum(trial.state == FAILED for trial in ended),
        best=None if best is None else best.value,
        success=max((rate for rate in rates if rate is not None), default=None),
        confirm=_confirmation(service, trials, arm),
    )


def _confirmation(service: Service, trials: Sequence[Trial], arm: str) -> str:
    """One word on the confirmations of all repeats: the one that matters most."""
    words = {_word(service, trials, arm, repeat) for repeat in range(service.plan.repeats)}
    return next(word for word in ("running", "waiting", "failed", "none", "done") if word in words)


def _word(service: Service, trials: Sequence[Trial], arm: str, repeat: int) -> str:
    confirmation = confirmation_of(service.plan, trials, arm, repeat)
    if confirmation is not None:
        return {RUNNING: "running", COMPLETE: "done"}.get(confirmation.state, "failed")
    over = _is_over(service, trials, arm, repeat)
    return "none" if over and is_failed(service.plan, trials, arm, repeat) else "waiting"


def _is_over(service: Service, trials: Sequence[Trial], arm: str, repeat: int) -> bool:
    searched = of(trials, arm, SEARCH, repeat)
    return len(searched) >= service.plan.share(arm) and all(trial.state != RUNNING for trial in searched)


def _diverged(service: Service, trial: Trial) -> bool:
    """Whether half of its members or more did."""
    return trial.state == COMPLETE and trial.key in service.latest and service.latest[trial.key].diverged >= 0.5


def _steps(service: Service, trial: Trial) -> int:
    if trial.key in service.latest:
        return service.latest[trial.key].step
    return max(service.studies.values(trial), default=0)


def ranking(sweep: Sweep, service: Service) -> Ranking:
    """The ranking by confirmation results, as far as there are any; a map has none."""
    if sweep.map is not None:
        return rank([])
    ranked = rank(results(sweep, service), sweep.objective.direction, sweep.objective.output)
    caveat = " ".join(text for text in (cut_short(service), ranked.caveat) if text)
    return ranked._replace(fronts=pareto(sweep, service), caveat=caveat if ranked.standings else "")


def results(sweep: Sweep, service: Service) -> list[ArmResult]:
    """What the confirmation of each arm came to, seed by seed."""
    trials = service.studies.trials()
    return [_result(sweep, service, trials, arm) for arm in service.plan.arms]


def cut_short(service: Service) -> str:
    """What ``limits.sweep`` did to the search; empty if nothing."""
    plan, trials = service.plan, service.studies.trials()
    begun = sum(len(of(trials, arm, SEARCH)) for arm in plan.arms)
    asked = plan.repeats * sum(plan.share(arm) for arm in plan.arms)
    if not service.is_closed or begun >= asked:
        return ""
    return f"The search ended after {begun} of {asked} trials, as its time was up (limits.sweep)."


def pareto(sweep: Sweep, service: Service) -> tuple[ArmFront, ...]:
    """The front of every search of each arm; none where there is a single objective."""
    measures = [aim.measure for aim in sweep.objectives]
    return fronts(service.plan, measures, service.studies.trials()) if len(measures) > 1 else ()


def _result(sweep: Sweep, service: Service, trials: Sequence[Trial], arm: str) -> ArmResult:
    """The arm's confirmations, one a repeat: it is ranked when all are there."""
    repeats = range(service.plan.repeats)
    budget = _budget(sweep, service, of(trials, arm, SEARCH))
    for repeat in repeats:
        reason = _missing(service, trials, arm, repeat)
        if reason is not None:
            which = f"repeat {repeat + 1} of {len(repeats)}: " if len(repeats) > 1 else ""
            return ArmResult(arm, {}, (), (), (), budget, missing=which + reason)
    confirmed = [trial for repeat in repeats if (trial := confirmation_of(service.plan, trials, arm, repeat))]
    lasts = [TrialRecord(service.store, trial.key).history()[-1] for trial in confirmed]
    return ArmResult(
        arm=arm,
        params=confirmed[0].params,
        seeds=tuple(seed for trial in confirmed for seed in trial.seeds),
        success=tuple(value for last in lasts for value in last.metrics.get("success", ())),
        objective=tuple(value for last in lasts for value in last.metrics[sweep.objective.output]),
        budget=budget,
        diagnoses=tuple(word for last in lasts for word in last.diagnoses),
        settings=tuple(trial.params for trial in confirmed),
    )


def _missing(service: Service, trials: Sequence[Trial], arm: str, repeat: int) -> str | None:
    """Why a search of an arm has no confirmation results; None: it has."""
    confirmation, searched = confirmation_of(service.plan, trials, arm, repeat), of(trials, arm, SEARCH, repeat)
    if confirmation is not None:
        done = confirmation.state == COMPLETE
        return None if done else confirmation.error or "its confirmation is running"
    if service.is_closed and not searched:
        return "no trial began before the search's time was up (limits.sweep)"
    over = service.is_closed or len(searched) >= service.plan.share(arm)
    if over and is_failed(service.plan, trials, arm, repeat):
        reason = next((trial.error for trial in searched if trial.error is not None), "all were pruned")
        return f"no trial completed: {reason}"
    return "its new best is not confirmed yet" if of(trials, arm, CONFIRM, repeat) else "not confirmed yet"


def _budget(sweep: Sweep, service: Service, searched: Sequence[Trial]) -> Budget:
    diverged = sum(_diverged(service, trial) for trial in searched)
    return Budget(
        complete=sum(trial.state == COMPLETE for trial in searched) - diverged,
        pruned=sum(trial.state == PRUNED for trial in searched),
        diverged=diverged,
        failed=sum(trial.state == FAILED for trial in searched),
        spent=sum(_steps(service, trial) for trial in searched),
        saved=sum(sweep.length - _steps(service, trial) for trial in searched if trial.state == PRUNED),
    )
