"""The service: joins what to do (decide), what is known (studies) and what was done (records).

Ray's adapters and the serial loop both drive it through three calls: ``next``, ``reported``, ``ended``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from sweeps import decide
from sweeps.decide import Ask, ConfirmBest, Continue, Done, Plan, Wait
from sweeps.record import TrialRecord
from sweeps.trial import Config, Progress, progress_of
from sweeps.trials import COMPLETE, FAILED, PRUNED, RUNNING, Trial

if TYPE_CHECKING:
    from sweeps.store import Store
    from sweeps.studies import Studies


class NoRoom(RuntimeError):
    """A trial asks for more than there is; the message says what and how much."""


class Arm(NamedTuple):
    """What the service needs of an arm: its space for the sampler, a trial's config, and points to try first."""

    space: dict[str, Any]
    configure: Callable[[Trial], Config]
    points: tuple[dict[str, float], ...] = ()


class Work(NamedTuple):
    """One attempt for a worker."""

    trial: Trial
    config: Config


class Service:
    """Hands out work and takes in results. Every change is stored before it is acted on."""

    def __init__(self, plan: Plan, arms: dict[str, Arm], store: Store, studies: Studies) -> None:
        self.plan, self.studies, self.store = plan, studies, store
        self.events: list[str] = []
        self.over: list[Trial] = []  # ended since the display last looked
        self.latest: dict[str, Progress] = {}  # the last report of each trial
        self._arms = arms
        self._active: dict[str, Trial] = {}
        self._failures: dict[str, int] = {}
        self.halted = False
        for trial in studies.trials():
            if trial.state != RUNNING:
                self.latest.update((trial.key, progress) for progress in self.recorded(trial)[-1:])

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return isinstance(decide.next_action(self.plan, self.studies.trials(), self._active), Done)

    def halt(self) -> None:
        """Asks every trial to stop at its next report; nothing new starts, and driving ends once they have.

        A trial that stops so stays unfinished in its study, at no cost in retries: the next driver continues it from
        that report. It sets a flag and no more, so a signal's handler may call it.
        """
        self.halted = True

    def next(self) -> Work | Wait | Done:
        """The next attempt to start, or why there is none; ``Done`` once the service is halted."""
        while not self.halted:
            action = decide.next_action(self.plan, self.studies.trials(), self._active)
            if isinstance(action, (Wait, Done)):
                return action
            trial = self._trial_for(action)
            if self._is_over(trial):
                continue
            work = self._begin(trial)
            self._active[trial.key] = work.trial
            return work
        return Done()

    def reported(self, trial: Trial, progress: Progress) -> bool:
        """Takes in a report; whether the trial goes on now. Of a trial that has ended nothing is taken in."""
        if self.studies.trial(trial.key).state != RUNNING:
            return False
        self.latest[trial.key] = progress
        self.studies.report(trial, progress.step, progress.value, progress.others)
        if progress.last:
            self._finish(trial, COMPLETE)
            return False
        if self.studies.should_prune(trial):
            self._finish(trial, PRUNED)
            return False
        return not self.halted

    def ended(self, trial: Trial, error: str | None = None, retry: bool = True) -> None:
        """The worker is free again. A failed trial gets another attempt, unless it would fail the same way."""
        self._active.pop(trial.key, None)
        if error is None or self.studies.trial(trial.key).state != RUNNING:  # it may die after its last report
            return
        failures = self._failures[trial.key] = self._failures.get(trial.key, 0) + 1
        again = retry and decide.may_retry(self.plan, failures)
        self.events.append(f"{trial.key} attempt {trial.attempt} failed{', trying again' if again else ''}: {error}")
        if not again:
            self._finish(trial, FAILED, error)

    def _finish(self, trial: Trial, state: str, error: str | None = None) -> None:
        self.over.append(self.studies.finish(trial, state, error))

    def _trial_for(self, action: Ask | ConfirmBest | Continue) -> Trial:
        if isinstance(action, Continue):
            return action.trial
        if isinstance(action, ConfirmBest):
            return self.studies.confirm(action.best, decide.confirm_seeds(self.plan, action.best.repeat))
        arm = self._arms[action.arm]
        seeds = decide.search_seeds(self.plan, action.repeat)
        return self.studies.ask(action.arm, arm.space, seeds, action.repeat, arm.points)

    def _is_over(self, trial: Trial) -> bool:
        """Catches the study up with what an earlier driver's workers committed; whether nothing is left to do."""
        if trial.attempt == 0:
            return False
        for progress in self.recorded(trial):
            self.reported(trial, progress)
        return self.studies.trial(trial.key).state != RUNNING

    def recorded(self, trial: Trial) -> list[Progress]:
        """A trial's committed reports."""
        config = self._arms[trial.arm].configure(trial)
        return [progress_of(report._asdict(), config) for report in TrialRecord(self.store, trial.key).history()]

    def _begin(self, trial: Trial) -> Work:
        config = self._arms[trial.arm].configure(trial)
        TrialRecord(self.store, trial.key).write_config(config._asdict())
        return Work(self.studies.begin(trial), config)
