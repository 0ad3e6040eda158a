"""The service: joins what to do (decide), what is known (studies) and what was done (records).

Ray's adapters and the serial loop both drive it through four calls: ``next``, ``reported``, ``waits``, ``ended``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from sweeps.records.record import TrialRecord
from sweeps.records.store import RecordExists
from sweeps.run.outage import Outage
from sweeps.run.patience import Waiting, waiting_for
from sweeps.run.trial import Config, Progress, progress_of
from sweeps.run.watchdog import Watchdog
from sweeps.run.worktime import WorkTime
from sweeps.search import decide
from sweeps.search.decide import Ask, Chart, ConfirmBest, Continue, Done, Plan, Wait
from sweeps.search.trials import COMPLETE, FAILED, PRUNED, RUNNING, SEARCH, Trial
from sweeps.spec.environment import veiled
from sweeps.spec.limits import Limits, duration

if TYPE_CHECKING:
    from sweeps.records.store import Store
    from sweeps.search.lattice import Chunk
    from sweeps.search.studies import Studies

DRIVER, DATABASE = "(driver)", "(database)"  # among those who wait for the storage


class NoRoom(RuntimeError):
    """A trial asks for more than there is; the message says what and how much."""


class RayFailed(RuntimeError):
    """Ray did not start, or ended before the sweep did; the message says why."""


class Arm(NamedTuple):
    """What the service needs of an arm: its space for the sampler, a trial's config, and points to try first; of a map
    also its chunks."""

    space: dict[str, Any]
    configure: Callable[[Trial], Config]
    points: tuple[dict[str, float], ...] = ()
    chunks: tuple[Chunk, ...] = ()


class Work(NamedTuple):
    """One attempt for a worker."""

    trial: Trial
    config: Config


class Service:
    """Hands out work and takes in results. Every change is stored before it is acted on.

    ``storage`` is the store's address as it may be said.
    """

    def __init__(
        self,
        plan: Plan,
        arms: dict[str, Arm],
        store: Store,
        studies: Studies,
        limits: Limits,
        storage: str,
    ) -> None:
        self.plan, self.studies, self.store, self.limits = plan, studies, store, limits
        self.events: list[str] = []
        self.over: list[Trial] = []  # ended since the display last looked
        self.latest: dict[str, Progress] = {}  # the last report of each trial
        self.halted = False
        self.show: Callable[[], None] = lambda: None  # brings the display up to date while the driver waits
        self.watchdog, self.time = Watchdog(self.limits.silence), WorkTime(studies)
        self.outage = Outage(self.limits.outage, self.events.append)
        self._arms, self._storage = arms, storage
        self._active: dict[str, Trial] = {}
        self._counted: dict[str, Work] = {}  # attempts that are not on record yet
        studies.tell_waits(self._database_waits, lambda: self.outage.ends(DATABASE))
        for trial in studies.trials():
            if trial.state != RUNNING:
                self.latest.update((trial.key, progress) for progress in self.recorded(trial)[-1:])

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return isinstance(decide.next_action(self._plan_now, self.studies.trials(), self._active), Done)

    @property
    def is_closed(self) -> bool:
        """Whether the search's time is up: what is complete is confirmed, and no search trial starts."""
        return self.limits.sweep is not None and self.time.seconds >= self.limits.sweep

    def halt(self) -> None:
        """Asks every trial to stop at its next report; nothing new starts, and driving ends once they have.

        A trial that stops so stays unfinished in its study, at no cost in retries: the next driver continues it from
        that report. It sets a flag and no more, so a signal's handler may call it.
        """
        self.halted = True

    def next(self) -> Work | Wait | Done:
        """The next attempt to start, or why there is none; ``Done`` once the service is halted."""
        if self.halted:
            return Done()
        self.time.note()
        try:
            work = self._next()
        except RecordExists:
            raise
        except OSError as error:
            self._wait(DRIVER, waiting_for(error))
            return Wait()
        self.outage.ends(DRIVER)
        return work

    def waits(self, trial: Trial, waiting: Waiting) -> bool:
        """Takes in that a worker waits for the storage; whether it goes on waiting."""
        self.watchdog.heard(trial.key, trained=False)
        self._wait(trial.key, waiting)
        return not self.halted

    def reported(self, trial: Trial, progress: Progress) -> bool:
        """Takes in a report; whether the trial goes on now. Of a trial that has ended nothing is taken in."""
        if self.studies.trial(trial.key).state != RUNNING:
            return False
        self.time.note()
        self.latest[trial.key] = progress
        self.watchdog.heard(trial.key)
        self.outage.ends(trial.key)
        self.studies.report(trial, progress.step, progress.value, progress.others)
        if progress.last:
            self._finish(trial, COMPLETE)
            return False
        if self.studies.should_prune(trial):
            self._finish(trial, PRUNED)
            return False
        if self._is_too_long(trial, progress):
            self.events.append(f"{trial.key} ended at {progress.step}: it trained for {duration(progress.seconds)}, "
                               f"and limits.trial is {duration(self.limits.trial or 0)}")  # fmt: skip
            self._finish(trial, PRUNED)
            return False
        return not self.halted

    def ended(self, trial: Trial, error: str | None = None, retry: bool = True, out_of_memory: bool = False) -> None:
        """The worker is free again. A failed trial gets another attempt, unless it would fail the same way: for want of
        memory, it gets one with half as many members at once."""
        self._active.pop(trial.key, None)
        self.watchdog.ended(trial.key)
        self.outage.ends(trial.key)
        if error is None or self.studies.trial(trial.key).state != RUNNING:  # it may die after its last report
            return
        if out_of_memory:
            self._halve(trial, error)
            return
        again = retry and decide.may_retry(self.plan, self.studies.count_failure(trial).failures)
        self.events.append(f"{trial.key} attempt {trial.attempt} failed{', trying again' if again else ''}: {error}")
        if not again:
            self._finish(trial, FAILED, error)

    def _halve(self, trial: Trial, error: str) -> None:
        half = -(-len(trial.seeds) // 2)
        if trial.chunk is not None or half == len(trial.seeds):
            self.events.append(f"{trial.key} attempt {trial.attempt} failed: {error}")
            self._finish(trial, FAILED, error)
            return
        self.events.append(f"{trial.key} attempt {trial.attempt}: {error}; trying again, {half} members at once")
        self.studies.set_chunk(trial, half)

    def _is_too_long(self, trial: Trial, progress: Progress) -> bool:
        return self.limits.trial is not None and trial.kind == SEARCH and progress.seconds > self.limits.trial

    def _database_waits(self, reason: str, for_room: bool) -> None:
        """The driver waits inside a call: it is shown now or not at all."""
        self._wait(DATABASE, Waiting(reason, for_room))
        self.show()
        self.outage.check()

    def _wait(self, who: str, waiting: Waiting) -> None:
        self.outage.begins(who, waiting._replace(reason=veiled(waiting.reason, self._storage)))
        if self.outage.given_up is not None:
            self.halt()

    @property
    def _plan_now(self) -> Plan:
        """What holds now."""
        return self.plan.closed if self.is_closed else self.plan

    def _next(self) -> Work | Wait | Done:
        if self.is_closed:
            self._close()
        while True:
            action = decide.next_action(self._plan_now, self.studies.trials(), self._active)
            if isinstance(action, (Wait, Done)):
                return action
            trial = self._trial_for(action)
            if self._is_over(trial):
                continue
            try:
                work = self._begin(trial)
            except RecordExists as error:  # an accepted change made another trial of it, and a record stays what it is
                self._counted.pop(trial.key, None)
                self.events.append(f"{trial.key} failed: {error}")
                self._finish(self.studies.trial(trial.key), FAILED, f"it is not what it was begun as: {error}")
                continue
            self._active[trial.key] = work.trial
            return work

    def _close(self) -> None:
        """Ends search trials that were interrupted; those that a worker has go on to their ends."""
        for trial in self.studies.trials():
            interrupted = (trial.kind, trial.state) == (SEARCH, RUNNING) and trial.key not in self._active
            if interrupted and not self._is_over(trial):
                trial = self.studies.trial(trial.key)
                error = None if trial.value is not None else "the search's time was up (limits.sweep)"
                self._finish(trial, FAILED if error else PRUNED, error)

    def _finish(self, trial: Trial, state: str, error: str | None = None) -> None:
        self._write_end(self.studies.trial(trial.key)._replace(attempt=trial.attempt, state=state, error=error))
        self.over.append(self.studies.finish(trial, state, error))

    def make_up(self) -> None:
        """Records the ends that an earlier driver could not."""
        for trial in self.studies.trials():
            recorded = TrialRecord(self.store, trial.key).trial()
            if trial.state != RUNNING and recorded is not None and recorded.state == RUNNING:
                self._write_end(trial)

    def _write_end(self, trial: Trial) -> None:
        """Before the study knows, so that no record lacks it; where the storage is out, the next driver makes up."""
        if trial.attempt > 0:
            with suppress(OSError):
                TrialRecord(self.store, trial.key).write_end(trial)

    def _trial_for(self, action: Ask | ConfirmBest | Chart | Continue) -> Trial:
        if isinstance(action, Continue):
            return action.trial
        if isinstance(action, ConfirmBest):
            return self.studies.confirm(action.best, decide.confirm_seeds(self.plan, action.best.repeat))
        arm = self._arms[action.arm]
        if isinstance(action, Chart):
            chunk = arm.chunks[action.number]
            return self.studies.chart(action.arm, action.number, chunk.seeds, chunk.facts)
        seeds = decide.search_seeds(self.plan, action.repeat)
        return self.studies.ask(action.arm, arm.space, seeds, action.repeat, arm.points)

    def _is_over(self, trial: Trial) -> bool:
        """Catches the study up with what an earlier driver's workers committed; whether nothing is left to do."""
        if trial.attempt == 0:
            return False
        for progress in (recorded := self.recorded(trial)):
            self.reported(trial, progress)
        self.latest.update((trial.key, progress) for progress in recorded[-1:])  # also where an earlier one ended it
        return self.studies.trial(trial.key).state != RUNNING

    def recorded(self, trial: Trial) -> list[Progress]:
        """A trial's committed reports."""
        config = self._arms[trial.arm].configure(trial)
        return [progress_of(report._asdict(), config) for report in TrialRecord(self.store, trial.key).history()]

    def _begin(self, trial: Trial) -> Work:
        config = self._arms[trial.arm].configure(trial)
        record = TrialRecord(self.store, trial.key)
        work = self._counted.get(trial.key) or Work(self.studies.begin(trial), config)
        self._counted[trial.key] = work  # once, also where the storage is out for the next line
        record.write_begin(work.trial, config._asdict())
        del self._counted[trial.key]
        self.watchdog.begun(trial.key, work.trial.failures)
        return work
