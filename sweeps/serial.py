"""One trial after another in this process: the same decisions, studies and records, without Ray."""

from __future__ import annotations

from collections.abc import Callable

from minmax.lazy import torch
from sweeps.decide import Done
from sweeps.service import Service, Work
from sweeps.trial import explain, run


def drive(service: Service, on_report: Callable[[], None]) -> None:
    """Runs the sweep to its end; ``on_report`` is called after every report."""
    torch.set_num_threads(1)  # as in a worker: one trial, one core, the same rounding
    while isinstance(work := service.next(), Work):
        _run(service, work, on_report)
    assert isinstance(work, Done), "nothing runs beside this loop, so there is nothing to wait for"


def _run(service: Service, work: Work, on_report: Callable[[], None]) -> None:
    trial = work.trial
    try:
        for progress in run(work.config, service.store, trial.attempt):
            goes_on = service.reported(trial, progress)
            on_report()
            if not goes_on:
                break
    except Exception as error:  # a trial's failure, whatever it is, is not the sweep's
        reason = explain(error, service.store, trial.key, trial.attempt)
        service.ended(trial, reason, retry=not isinstance(error, (ValueError, TypeError)))
    else:
        service.ended(trial)
