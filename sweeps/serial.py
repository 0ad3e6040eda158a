"""One trial after another in this process: the same decisions, studies and records, without Ray."""

from __future__ import annotations

from collections.abc import Callable

from minmax.lazy import torch
from sweeps.decide import Done
from sweeps.service import NoRoom, Service, Work
from sweeps.trial import explain, run, threads_for


def drive(service: Service, cpu: float, gpu: float, on_change: Callable[[], None]) -> None:
    """Runs the sweep to its end, or until it is halted; ``on_change`` is called after every report and every trial.

    Raises:
        NoRoom: trials ask for a GPU, and there is none.
    """
    if gpu and not torch.cuda.is_available():
        raise NoRoom(f"resources.gpu: {gpu:g} asked for one trial; this machine has 0")
    torch.set_num_threads(threads_for(cpu))  # as in a worker: the same rounding
    while isinstance(work := service.next(), Work):
        _run(service, work, on_change)
        on_change()
    assert isinstance(work, Done), "nothing runs beside this loop, so there is nothing to wait for"


def _run(service: Service, work: Work, on_change: Callable[[], None]) -> None:
    trial = work.trial
    try:
        for progress in run(work.config, service.store, trial.attempt):
            goes_on = service.reported(trial, progress)
            on_change()
            if not goes_on:
                break
    except Exception as error:  # a trial's failure, whatever it is, is not the sweep's
        reason = explain(error, service.store, trial.key, trial.attempt)
        service.ended(trial, reason, retry=not isinstance(error, (ValueError, TypeError)))
    else:
        service.ended(trial)
