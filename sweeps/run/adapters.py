"""Between Tune and the service: what trial is next, whether one goes on, and which worker hangs.

Tune asks, the service decides. Tune pickles these objects now and then, and nothing of that is read again: the studies
are the state.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from sweeps.run import before_ray  # noqa: F401  # Ray reads it at import

# isort: split
import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from sweeps.run import memory, nodes
from sweeps.run.failure import Failure, out_of_memory
from sweeps.run.patience import Waiting
from sweeps.run.service import Service, Work
from sweeps.run.slots import Slots
from sweeps.run.trial import Progress
from sweeps.run.wire import ask, said
from sweeps.run.worker import registered
from sweeps.search.decide import Done
from sweeps.spec.limits import duration

DIED = Failure("its worker process died (killed, or out of memory)")
MOVES = 10  # of one trial, off machines that went: one that takes its machines down with it is a failure in the end


class StudySearcher(Searcher):
    """Tune's trials are attempts that the service hands out."""

    def __init__(self, service: Service, base: dict[str, Any], slots: Slots, on_change: Callable[[], None]) -> None:
        super().__init__(metric="value", mode="min")
        self._service, self._base, self._slots, self._on_change = service, base, slots, on_change
        self.works: dict[str, Work] = {}
        self.reasons: dict[str, Failure | tuple[()]] = {}  # why a worker's process is gone, where that is known

    def suggest(self, trial_id: str) -> Any:
        """The next attempt's config; None to be asked again; FINISHED at the end."""
        if self.works and len(self.works) >= self._slots.now:
            return None
        work = self._service.next()
        if not isinstance(work, Work):
            return Searcher.FINISHED if isinstance(work, Done) else None
        self.works[trial_id] = work
        return ask({**self._base, "config": work.config._asdict(), "trial": work.trial._asdict()})

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Frees the slot. ``error``: the worker's process is gone."""
        work, reason = self.works.pop(trial_id), self.reasons.pop(trial_id, DIED)
        if error:
            self._service.ended(work.trial, *reason)
        else:
            what, _ = said(result)
            self._service.ended(work.trial, *(what if isinstance(what, Failure) else ()))
        self._on_change()

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its searcher now and then; there is nothing in it to keep."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the studies are the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the studies are the state."""


class StudyScheduler(FIFOScheduler):
    """Asks the service after every report whether the trial goes on."""

    def __init__(self, searcher: StudySearcher, service: Service, on_change: Callable[[], None]) -> None:
        super().__init__()
        self._searcher, self._service, self._on_change = searcher, service, on_change
        self._kills = memory.kills()
        self._moves: Counter[str] = Counter()

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """STOP where the trial is pruned or finished."""
        return self._take(trial, result)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """The last report comes here, and not to ``on_trial_result``."""
        self._take(trial, result)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its scheduler too."""
        return {}

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """A worker's process is gone, or its machine is, which is no failure of the trial; Ray may know that it was for
        want of memory, and so may the kernel."""
        work, kills = self._searcher.works.get(trial.trial_id), memory.kills()
        error = trial.get_error()
        if work is not None and nodes.is_gone(error) and self._moves[work.trial.key] < MOVES:
            self._moves[work.trial.key] += 1
            if trial.trial_id not in self._searcher.reasons:  # else it left in good time
                told = f"{work.trial.key} attempt {work.trial.attempt}: its machine is gone; it goes on elsewhere"
                self._service.events.append(told)
                self._searcher.reasons[trial.trial_id] = ()
        elif work is not None and (isinstance(error, ray.exceptions.OutOfMemoryError) or kills > self._kills):
            detail = "its worker process was ended for want of memory"
            reason = Failure(out_of_memory(work.trial, detail), out_of_memory=True)
            self._searcher.reasons.setdefault(trial.trial_id, reason)
        self._kills = kills

    def _take(self, trial: Any, result: dict[str, Any]) -> str:
        work, goes_on = self._searcher.works.get(trial.trial_id), True
        what, leaving = said(result)
        if work is None:
            return str(TrialScheduler.CONTINUE)
        if isinstance(what, Waiting):
            goes_on = self._service.waits(work.trial, what)
        if isinstance(what, Progress):
            goes_on = self._service.reported(work.trial, what)
            if leaving:
                self._searcher.reasons[trial.trial_id] = ()  # it is gone when it is next called, and no failure
        self._on_change()
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)


class Watch(tune.Callback):
    """Ends workers that hang, at every turn of Tune's loop: their processes, by pid, or by Ray on another machine. Of a
    cluster it looks at nodes that join."""

    def __init__(self, searcher: StudySearcher, service: Service, newcomers: nodes.Newcomers | None) -> None:
        self._searcher, self._service, self._newcomers = searcher, service, newcomers
        self._looked = time.monotonic()

    def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:
        """Tune's word for a turn."""
        silent = self._service.watchdog.silent()
        actors = {trial.trial_id: trial.temporary_state.ray_actor for trial in trials} if silent else {}
        for trial_id, work in list(self._searcher.works.items()):
            if work.trial.key in silent:
                self._end(trial_id, work, silent[work.trial.key], actors.get(trial_id))
        if self._newcomers is not None and time.monotonic() - self._looked >= nodes.LOOK:
            self._looked = time.monotonic()
            self._newcomers.look()

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """Drops the statistics that Tune would keep of the trial's numbers for good: nobody reads them."""
        trial.run_metadata.metric_analysis.clear()
        trial.run_metadata.metric_n_steps.clear()

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks too."""
        return {}

    def _end(self, trial_id: str, work: Work, seconds: float, actor: Any) -> None:
        worker = registered(self._service.store, work.trial)
        if worker is not None and (worker.kill() or self._killed(actor)):
            allowed = duration(round(seconds, 1))
            reason = Failure(f"no report for {allowed} (limits.silence): its worker process {worker.pid} was killed")
            self._searcher.reasons[trial_id] = reason
        self._service.watchdog.heard(work.trial.key, trained=False)  # a worker that has not begun gets as long again

    def _killed(self, actor: Any) -> bool:
        """Of another machine's process: its Ray sends the SIGKILL."""
        if self._newcomers is None or actor is None:
            return False
        ray.kill(actor)
        return True
