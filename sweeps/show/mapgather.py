"""A map's views of studies and records: the display's snapshot, the maps as far as they are trained, its results."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sweeps.judge.maps import ArmMap, arm_map, as_csv, as_json
from sweeps.records.record import TrialRecord
from sweeps.search import lattice
from sweeps.search.decide import of
from sweeps.search.trials import COMPLETE, FAILED, MAP, RUNNING, Trial
from sweeps.show.phaseplot import drawn
from sweeps.show.progress import ArmProgress, Snapshot, TrialProgress
from sweeps.show.wording import count, number

if TYPE_CHECKING:
    from sweeps.run.service import Service
    from sweeps.spec.sweep import Arm, Sweep


def snapshot(sweep: Sweep, service: Service, doing: str = "") -> Snapshot:
    """Where the map stands; work is counted in field units × members."""
    arms = tuple(
        _progress(service, arm, total) for arm, total in zip(service.plan.arms, service.plan.chunks, strict=True)
    )
    trials = service.studies.trials()
    reached = {key: progress.step for key, progress in service.latest.items()}
    spent = sum(len(trial.seeds) * reached.get(trial.key, 0) for trial in trials)
    spared = sum(len(t.seeds) * (sweep.length - reached.get(t.key, 0)) for t in trials if t.state == FAILED)
    whole = sweep.length * sum(size * n for arm in sweep.optimizers for size, n in shapes(sweep, arm))
    running = tuple(_running(sweep, service, t) for t in trials if t.state == RUNNING and t.attempt > 0)
    return Snapshot(arms, spent, whole - spared, doing, running)


def _running(sweep: Sweep, service: Service, trial: Trial) -> TrialProgress:
    values = service.studies.values(trial)
    return TrialProgress(trial.key, max(values, default=0), sweep.length, tuple(values[at] for at in sorted(values)))


def shapes(sweep: Sweep, arm: Arm) -> list[tuple[int, int]]:
    """How many members the trials of an arm's map have, and how many trials have so many."""
    return list(Counter(len(chunk.seeds) for chunk in lattice.chunks(sweep, arm)).items())


def spans(sweep: Sweep, arm: Arm) -> dict[str, str]:
    """The axes of an arm's map, for MLflow: ``0.01 to 10 (32 values)``."""
    return {
        axis.name: f"{number(axis.values[0])} to {number(axis.values[-1])} ({len(axis.values)} values)"
        for axis in lattice.axes(sweep, arm)
    }


def in_short(sweep: Sweep) -> str:
    """What a map trains, in a few words: ``1 arm × 1,024 points × 1 seed in 4 trials``."""
    sizes = [lattice.chunks(sweep, arm) for arm in sweep.optimizers]
    points = sorted({sum(len(chunk.points) for chunk in own) for own in sizes})
    each = " or ".join(count(n, "point") for n in points)
    trials = count(sum(map(len, sizes)), "trial")
    return f"{count(len(sizes), 'arm')} × {each} × {count(sweep.seeds, 'seed')} in {trials}"


def _progress(service: Service, arm: str, total: int) -> ArmProgress:
    trials = of(service.studies.trials(), arm, MAP)
    return ArmProgress(
        arm=arm,
        total=total,
        done=sum(trial.state != RUNNING for trial in trials),
        running=sum(trial.state == RUNNING and trial.attempt > 0 for trial in trials),
        failed=sum(trial.state == FAILED for trial in trials),
        confirm="",
    )


def maps(sweep: Sweep, service: Service) -> tuple[ArmMap, ...]:
    """Every arm's map, as far as its trials are complete."""
    return tuple(_arm_map(sweep, service, arm) for arm in sweep.optimizers)


def _arm_map(sweep: Sweep, service: Service, arm: Arm) -> ArmMap:
    trials = of(service.studies.trials(), arm.name, MAP)
    ended = {
        trial.number: TrialRecord(service.store, trial.key).history()[-1] for trial in trials if trial.state == COMPLETE
    }
    reason = next((trial.error for trial in trials if trial.error is not None), "")
    grid = lattice.axes(sweep, arm)
    return arm_map(arm.name, grid, sweep.seeds, lattice.chunks(sweep, arm), ended, reason)


def results(shown: tuple[ArmMap, ...]) -> dict[str, bytes]:
    """File's name -> what a map leaves behind: all its numbers, and a picture an arm."""
    pictures = {f"map-{own.arm}.svg": drawn(own) for own in shown}
    files = {"map.json": as_json(shown), "map.csv": as_csv(shown), **pictures}
    return {name: text.encode() for name, text in files.items()}
