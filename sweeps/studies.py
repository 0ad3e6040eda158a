"""The studies: which trials exist, with what parameters and values. Optuna's storage, opened by the driver alone.

A trial is created in one transaction with all its parameters, so a driver killed at any moment leaves it whole or not
there at all. Sampler and pruner work on a copy in memory and keep no state of their own: both are functions of what is
stored, so a resumed search draws and prunes as it would have.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import optuna
import sqlalchemy
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sweeps.trials import COMPLETE, CONFIRM, FAILED, PRUNED, RUNNING, SEARCH, Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

STATES = {
    TrialState.RUNNING: RUNNING,
    TrialState.COMPLETE: COMPLETE,
    TrialState.PRUNED: PRUNED,
    TrialState.FAIL: FAILED,
}
STORED = {ours: theirs for theirs, ours in STATES.items()}
RUNG = "completed_rung_"  # what Optuna's halving pruners leave at a trial

MakeSampler = Callable[[int], "BaseSampler"]


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Optuna's storage at a database URL; SQLite in WAL mode, waiting up to 60 s for a lock.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sqlite = url.startswith("sqlite")
    storage = optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}} if sqlite else {})
    if sqlite:
        with storage.engine.connect() as connection:
            connection.execute(sqlalchemy.text("PRAGMA journal_mode=WAL"))  # stays with the file
    return storage


class Studies:
    """One study an arm, and one for the confirmations, of one sweep.

    Args:
        storage: Optuna's.
        sweep: its name; studies are called ``NAME/ARM`` and ``NAME/(confirm)``.
        arms: in order.
        minimize: the objective's direction.
        seed: of the search; trial n of an arm is drawn from (seed, arm, n).
        sampler: seed -> sampler. ``pruner``: of search trials.
    """

    def __init__(
        self,
        storage: optuna.storages.BaseStorage,
        sweep: str,
        arms: tuple[str, ...],
        minimize: bool,
        seed: int,
        sampler: MakeSampler,
        pruner: BasePruner,
    ) -> None:
        self._storage, self._seed, self._sampler, self._pruner = storage, seed, sampler, pruner
        self._direction = StudyDirection.MINIMIZE if minimize else StudyDirection.MAXIMIZE
        self._ids = {arm: self._study(f"{sweep}/{arm}") for arm in arms}
        self._confirm = self._study(f"{sweep}/(confirm)")
        self._trials: dict[str, Trial] = {}
        self._frozen: dict[str, FrozenTrial] = {}  # as stored: nobody else writes, so each is read when it changes
        for study in (*self._ids.values(), self._confirm):
            for frozen in storage.get_all_trials(study, deepcopy=False):
                self._remember(frozen)

    def trials(self) -> list[Trial]:
        """All of them as they stand, searches by arm and then confirmations."""
        return list(self._trials.values())

    def trial(self, key: str) -> Trial:
        """One of them."""
        return self._trials[key]

    def values(self, trial: Trial) -> dict[int, float]:
        """Reported objective by step."""
        return dict(self._frozen[trial.key].intermediate_values)

    def ask(self, arm: str, space: Mapping[str, BaseDistribution], seeds: tuple[int, ...]) -> Trial:
        """Draws and stores the arm's next trial."""
        mirror = self._mirror(arm)
        number = len(mirror.get_trials(deepcopy=False))
        mirror.sampler = self._sampler(_seed_of(self._seed, arm, number))
        drawn = mirror.ask(fixed_distributions=dict(space))
        frozen = mirror._storage.get_trial(drawn._trial_id)
        frozen.user_attrs = {"arm": arm, "kind": SEARCH, "attempt": 0, "seeds": list(seeds)}
        return self._create(self._ids[arm], frozen)

    def confirm(self, best: Trial, seeds: tuple[int, ...]) -> Trial:
        """Stores the confirmation of an arm's best trial."""
        frozen = optuna.trial.create_trial(state=TrialState.RUNNING)
        frozen.user_attrs = {"arm": best.arm, "kind": CONFIRM, "attempt": 0, "seeds": list(seeds)}
        frozen.user_attrs |= {"params": best.params, "confirms": best.number}
        return self._create(self._confirm, frozen)

    def begin(self, trial: Trial) -> Trial:
        """Counts a new attempt."""
        self._storage.set_trial_user_attr(self._id(trial), "attempt", trial.attempt + 1)
        return self._refresh(trial)

    def report(self, trial: Trial, step: int, value: float) -> None:
        """Stores the objective at a step; what is stored already stays."""
        if step not in self._frozen[trial.key].intermediate_values:
            self._storage.set_trial_intermediate_value(self._id(trial), step, value)
            self._refresh(trial)

    def should_prune(self, trial: Trial) -> bool:
        """The pruner's word on a search trial after its last report. Asking twice gives the same answer."""
        if trial.kind != SEARCH:
            return False
        own = self._frozen[trial.key]
        mirror = self._mirror(trial.arm, without=own.number)
        bare = {key: value for key, value in own.system_attrs.items() if not key.startswith(RUNG)}
        copy = optuna.trial.create_trial(
            state=TrialState.RUNNING, params=own.params, distributions=own.distributions, system_attrs=bare
        )
        copied = mirror._storage.create_new_trial(mirror._study_id, template_trial=copy)
        pruned = False
        for step, value in sorted(own.intermediate_values.items()):
            mirror._storage.set_trial_intermediate_value(copied, step, value)
            pruned = self._pruner.prune(mirror, mirror._storage.get_trial(copied))
        learned = mirror._storage.get_trial(copied).system_attrs
        changed = {key: value for key, value in learned.items() if own.system_attrs.get(key) != value}
        for key, value in changed.items():
            self._storage.set_trial_system_attr(self._id(trial), key, value)
        if changed:
            self._refresh(trial)
        return pruned

    def finish(self, trial: Trial, state: str, error: str | None = None) -> Trial:
        """Ends a trial with its last reported value; a failure with its reason."""
        identity, last = self._id(trial), self.trial(trial.key).value
        if error is not None:
            self._storage.set_trial_user_attr(identity, "error", error)
        final = [last] if last is not None and state != FAILED and math.isfinite(last) else None
        self._storage.set_trial_state_values(identity, STORED[state], final)
        return self._refresh(trial)

    def _study(self, name: str) -> int:
        try:
            return self._storage.get_study_id_from_name(name)
        except KeyError:
            with contextlib.suppress(optuna.exceptions.DuplicatedStudyError):  # another process was faster
                return self._storage.create_new_study([self._direction], name)
            return self._storage.get_study_id_from_name(name)

    def _create(self, study: int, frozen: FrozenTrial) -> Trial:
        identity = self._storage.create_new_trial(study, template_trial=frozen)
        return self._remember(self._storage.get_trial(identity))

    def _id(self, trial: Trial) -> int:
        return self._frozen[trial.key]._trial_id

    def _refresh(self, trial: Trial) -> Trial:
        return self._remember(self._storage.get_trial(self._id(trial)))

    def _remember(self, frozen: FrozenTrial) -> Trial:
        trial = _ours(frozen)
        self._trials[trial.key], self._frozen[trial.key] = trial, frozen
        return trial

    def _mirror(self, arm: str, without: int | None = None) -> optuna.Study:
        """A study in memory with copies of the arm's trials, where samplers and pruners may write as they like."""
        mirror = optuna.create_study(directions=[self._direction], pruner=optuna.pruners.NopPruner())
        own = [self._frozen[t.key] for t in self._trials.values() if (t.arm, t.kind) == (arm, SEARCH)]
        for frozen in sorted((each for each in own if each.number != without), key=lambda each: each.number):
            mirror._storage.create_new_trial(mirror._study_id, template_trial=frozen)
        return mirror


def _ours(frozen: FrozenTrial) -> Trial:
    said: dict[str, Any] = frozen.user_attrs
    steps = sorted(frozen.intermediate_values)
    return Trial(
        arm=said["arm"],
        kind=said["kind"],
        number=frozen.number if said["kind"] == SEARCH else 0,
        params=said.get("params") or {name: float(value) for name, value in frozen.params.items()},
        state=STATES[frozen.state],
        attempt=said["attempt"],
        value=frozen.intermediate_values[steps[-1]] if steps else None,
        seeds=tuple(said["seeds"]),
        error=said.get("error") if frozen.state == TrialState.FAIL else None,  # stored just before the state is
    )


def _seed_of(seed: int, arm: str, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{arm}/{number}".encode()).digest()[:4], "big")


def sampler_of(name: str, trials: int) -> MakeSampler:
    """seed -> a registered sampler for ``trials`` trials; the first third is random, at least two and at most ten."""
    startup = min(10, max(2, trials // 3))
    makers: dict[str, MakeSampler] = {
        "tpe": lambda seed: optuna.samplers.TPESampler(n_startup_trials=startup, constant_liar=True, seed=seed),
        "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    }
    return makers[name]


def pruner_of(name: str, length: int, report_every: int) -> BasePruner:
    """A registered pruner over steps in field units; ``asha`` halves by three, first after a quarter of the length."""
    first = max(report_every, length // 4)
    makers: dict[str, Callable[[], BasePruner]] = {
        "asha": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=3),
        "median": lambda: optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=first),
        "none": optuna.pruners.NopPruner,
    }
    return makers[name]()
