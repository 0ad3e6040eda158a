"""One trial after another in this process: the same decisions, studies and records, without Ray.

Nobody watches over a trial here: one that hangs hangs the driver, and may be looked at with a debugger.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from minmax.lazy import torch
from sweeps.run.failure import failure_of
from sweeps.run.memory import release
from sweeps.run.patience import FIRST, Waiting
from sweeps.run.service import NoRoom, Service, Work
from sweeps.run.trial import run, threads_for
from sweeps.search.decide import Done


def drive(service: Service, cpu: float, gpu: float, on_change: Callable[[], None]) -> None:
    """Runs the sweep to its end, or until it is halted; ``on_change`` is called after every report and every trial.

    Raises:
        NoRoom: trials ask for a GPU, and there is none.
        StorageOut: the storage was out for too long.
    """
    if gpu and not torch.cuda.is_available():
        raise NoRoom(f"resources.gpu: {gpu:g} asked for one trial; this machine has 0")
    torch.set_num_threads(threads_for(cpu))  # as in a worker: the same rounding
    while not isinstance(work := service.next(), Done):
        if isinstance(work, Work):
            _run(service, work, on_change)
        else:
            time.sleep(FIRST)  # nothing runs beside this loop: it is the storage that is waited for
        on_change()
    service.outage.check()


def _run(service: Service, work: Work, on_change: Callable[[], None]) -> None:
    trial, goes_on = work.trial, True
    reports = run(work.config, service.store, trial.attempt, trial.chunk)
    while goes_on:
        try:
            said = next(reports, None)
        except (Exception, SystemExit) as error:  # a trial's failure, whatever it is, is not the sweep's
            service.ended(trial, *failure_of(error, service.store, trial))
            release()
            return
        if said is None:
            break
        goes_on = service.waits(trial, said) if isinstance(said, Waiting) else service.reported(trial, said)
        on_change()
    service.ended(trial)
