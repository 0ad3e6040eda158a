"""What a sweep will take: trials, minutes, disk and memory."""

from __future__ import annotations

import resource
import time
from typing import NamedTuple

import minmax
from minmax import checkpoint
from minmax.lazy import torch
from sweeps.run.assemble import any_hypers, game_of, rehearse
from sweeps.run.room import refuse_too_much
from sweeps.run.trial import threads_for
from sweeps.search.space import optimizer_of
from sweeps.show import mapgather
from sweeps.spec.sweep import Arm, Sweep


class Estimate(NamedTuple):
    """What a sweep will take, from a short measurement on this machine."""

    trials: int
    minutes: float
    disk_megabytes: float
    memory_megabytes: float


def estimate(sweep: Sweep, cores: int, steps: int = 12) -> Estimate:
    """Trains each arm's members a few steps and multiplies. Pruning saves some of that; metrics, pictures and
    Ray's start come on top, which shows in sweeps of seconds.

    Raises:
        NoRoom: this machine has not what a trial asks for.
        Unfit: parts of the spec do not fit each other.
    """
    refuse_too_much(sweep.resources)
    rehearse(sweep)
    torch.set_num_threads(threads_for(sweep.resources.cpu))
    device = "cuda" if sweep.resources.gpu else "cpu"
    game, seconds, size = game_of(sweep), 0.0, 0
    for arm in sweep.optimizers:
        optimizer = optimizer_of(sweep, arm)
        hypers = any_hypers(optimizer)
        for members, trials in _shapes(sweep, arm):
            run = iter(minmax.train(game, optimizer, hypers, range(members), steps, [2], device=device))
            begun = next(run)
            size += trials * len(checkpoint.dumps(begun.state))
            start = time.perf_counter()
            spent = next(run).cost - begun.cost
            seconds += trials * (time.perf_counter() - start) / spent * sweep.length
    slots = max(1, int(cores // sweep.resources.cpu))
    kept = 3 + 1  # the last two and the best, and MLflow's copy of one
    trials = sum(count for arm in sweep.optimizers for _, count in _shapes(sweep, arm))
    memory = slots * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3  # kilobytes, on Linux
    return Estimate(trials, seconds / slots / 60, kept * size / 1e6, memory)


def _shapes(sweep: Sweep, arm: Arm) -> list[tuple[int, int]]:
    """How many members the arm's trials have, and how many trials have so many."""
    if sweep.map is not None:
        return mapgather.shapes(sweep, arm)
    return [(sweep.seeds, sweep.repeats * sweep.share), (sweep.confirm.seeds, sweep.repeats)]
