"""The studies: which trials exist, with what parameters and values. Optuna's storage, opened by the driver alone.

A trial is created in one transaction with all its parameters, so a driver killed at any moment leaves it whole or not
there at all. Sampler and pruner look at a mirror of what is stored and keep no state of their own: both are functions
of what is stored, so a resumed search draws and prunes as it would have.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sweeps.search.database import WaitingStorage, reopen
from sweeps.search.mirror import Mirror
from sweeps.search.samplers import Draw, MakeSampler
from sweeps.search.trials import COMPLETE, CONFIRM, FAILED, MAP, PRUNED, RUNNING, SEARCH, Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner

STATES = {
    TrialState.RUNNING: RUNNING,
    TrialState.COMPLETE: COMPLETE,
    TrialState.PRUNED: PRUNED,
    TrialState.FAIL: FAILED,
}
STORED = {ours: theirs for theirs, ours in STATES.items()}
RUNG = "completed_rung_"  # what Optuna's halving pruners leave at a trial
OTHERS = "others"  # ours, by step: the objectives beside the first
FIXED = "fixed_params"  # what Optuna reads off a trial that was enqueued


class Studies:
    """One study an arm, and one for the confirmations, of one sweep; of a map, one for its chunks.

    Args:
        storage: Optuna's.
        sweep: its name; studies are called ``NAME/ARM``, ``NAME/(confirm)`` and ``NAME/(map)``.
        arms: in order.
        minimize: each objective's direction.
        seed: of the search; trial n of an arm is drawn from (seed, arm, n), and each repeat of a search from its own.
        sampler: draw -> sampler. ``pruner``: of search trials. ``charted``: whether it is a map.
    """

    def __init__(
        self,
        storage: optuna.storages.BaseStorage,
        sweep: str,
        arms: tuple[str, ...],
        minimize: Sequence[bool],
        seed: int,
        sampler: MakeSampler,
        pruner: BasePruner,
        charted: bool = False,
    ) -> None:
        self._storage, self._seed, self._sampler, self._pruner = storage, seed, sampler, pruner
        self._directions = [StudyDirection.MINIMIZE if down else StudyDirection.MAXIMIZE for down in minimize]
        self._ids = {} if charted else {arm: self._study(study_name(sweep, arm)) for arm in arms}
        self._shared = self._study(shared_name(sweep, charted))
        self._trials: dict[str, Trial] = {}
        self._frozen: dict[str, FrozenTrial] = {}  # as stored: nobody else writes, so each is read when it changes
        self._searches: dict[tuple[str, int], list[FrozenTrial]] = {}  # (arm, repeat) -> its trials, numbered from 0
        self._places: dict[str, int] = {}  # a search trial's number among those of its repeat
        for study in (*self._ids.values(), self._shared):
            for frozen in storage.get_all_trials(study, deepcopy=False):
                self._remember(frozen)

    def tell_waits(self, waits: Callable[[str, bool], None], answers: Callable[[], None]) -> None:
        """Has ``waits`` called, with why and whether it is for room, before each wait for the database, and ``answers``
        once that is over."""
        if isinstance(self._storage, WaitingStorage):
            self._storage.waits, self._storage.answers = waits, answers

    def trials(self) -> list[Trial]:
        """All of them as they stand, searches by arm and then confirmations."""
        return list(self._trials.values())

    def trial(self, key: str) -> Trial:
        """One of them."""
        return self._trials[key]

    def values(self, trial: Trial) -> dict[int, float]:
        """Reported objective by step."""
        return dict(self._frozen[trial.key].intermediate_values)

    def ask(
        self,
        arm: str,
        space: Mapping[str, BaseDistribution],
        seeds: tuple[int, ...],
        repeat: int = 0,
        points: Sequence[Mapping[str, float]] = (),
    ) -> Trial:
        """Draws and stores the next trial of an arm's search; the first are ``points``, completed by the sampler."""
        number = len(self._searches.get((arm, repeat), ()))
        given = (
            {name: _of_kind(space[name], value) for name, value in points[number].items()} if points[number:] else {}
        )
        waiting = optuna.trial.create_trial(state=TrialState.WAITING, system_attrs={FIXED: given} if given else {})
        mirror = self._mirror(arm, repeat, number, waiting)
        name = _search_name(arm, repeat)
        draw = Draw(number, _seed_of(self._seed, name, number), _seed_of(self._seed, name), space)
        optuna.Study(name, mirror, self._sampler(draw), optuna.pruners.NopPruner()).ask(dict(space))
        mirror.own.user_attrs = {"arm": arm, "kind": SEARCH, "attempt": 0, "seeds": list(seeds), "repeat": repeat}
        return self._create(self._ids[arm], mirror.own)

    def confirm(self, best: Trial, seeds: tuple[int, ...]) -> Trial:
        """Stores a confirmation of a search trial, its arm's best."""
        frozen = optuna.trial.create_trial(state=TrialState.RUNNING)
        number = sum((trial.arm, trial.kind) == (best.arm, CONFIRM) for trial in self._trials.values())
        frozen.user_attrs = {"arm": best.arm, "kind": CONFIRM, "attempt": 0, "seeds": list(seeds)}
        frozen.user_attrs |= {"params": best.params, "confirms": best.number, "repeat": best.repeat, "number": number}
        return self._create(self._shared, frozen)

    def chart(self, arm: str, number: int, seeds: tuple[int, ...], facts: Mapping[str, Any]) -> Trial:
        """Stores an arm's chunk of a map; ``facts``: which points it trains."""
        frozen = optuna.trial.create_trial(state=TrialState.RUNNING)
        frozen.user_attrs = {"arm": arm, "kind": MAP, "attempt": 0, "seeds": list(seeds), "number": number, **facts}
        return self._create(self._shared, frozen)

    def begin(self, trial: Trial) -> Trial:
        """Counts a new attempt."""
        return self._say(trial, "attempt", trial.attempt + 1)

    def count_failure(self, trial: Trial) -> Trial:
        """Counts an attempt that failed."""
        return self._say(trial, "failures", self.trial(trial.key).failures + 1)

    def set_chunk(self, trial: Trial, members: int) -> Trial:
        """Stores how many members its next attempts train at once."""
        return self._say(trial, "chunk", members)

    def driven(self) -> float:
        """Seconds that drivers have spent on the sweep, as far as noted."""
        return float(self._storage.get_study_user_attrs(self._shared).get("driven", 0.0))

    def note_driven(self, seconds: float) -> None:
        """Stores what ``driven`` returns."""
        self._storage.set_study_user_attr(self._shared, "driven", seconds)

    def report(self, trial: Trial, step: int, value: float, others: Sequence[float] = ()) -> None:
        """Stores the objectives at a step; what is stored already stays."""
        frozen = self._frozen[trial.key]
        if step in frozen.intermediate_values:
            return
        if others:
            self._say(trial, OTHERS, {**frozen.user_attrs.get(OTHERS, {}), str(step): list(others)})
        self._storage.set_trial_intermediate_value(self._id(trial), step, value)
        frozen.intermediate_values[step] = value
        self._remember(frozen)

    def should_prune(self, trial: Trial) -> bool:
        """The pruner's word on a search trial after its last report. Asking twice gives the same answer."""
        if trial.kind != SEARCH or len(self._directions) > 1:
            return False
        own = self._frozen[trial.key]
        bare = {key: value for key, value in own.system_attrs.items() if not key.startswith(RUNG)}
        again = optuna.trial.create_trial(
            state=TrialState.RUNNING, params=own.params, distributions=own.distributions, system_attrs=bare
        )
        mirror = self._mirror(trial.arm, trial.repeat, self._places[trial.key], again)
        study = optuna.Study(_search_name(trial.arm, trial.repeat), mirror, pruner=self._pruner)
        pruned = False
        for step, value in sorted(own.intermediate_values.items()):
            mirror.set_trial_intermediate_value(again._trial_id, step, value)
            pruned = self._pruner.prune(study, mirror.own)
        learned = mirror.own.system_attrs
        changed = {key: value for key, value in learned.items() if own.system_attrs.get(key) != value}
        for key, value in changed.items():
            self._storage.set_trial_system_attr(self._id(trial), key, value)
        if changed:
            self._refresh(trial)
        return pruned

    def finish(self, trial: Trial, state: str, error: str | None = None) -> Trial:
        """Ends a trial with its last reported values; a failure with its reason."""
        identity, last = self._id(trial), self.trial(trial.key).values
        if error is not None:
            self._say(trial, "error", error)
        final = last if last and state != FAILED and all(map(math.isfinite, last)) else None
        self._storage.set_trial_state_values(identity, STORED[state], final)
        ended = copy.copy(self._frozen[trial.key])
        ended.state, ended.values = STORED[state], final
        return self._remember(ended)

    def reopen(self, trial: Trial) -> Trial:
        """Makes a failed trial unfinished again, under its own number, with all it reported and all its retries."""
        assert isinstance(self._storage, optuna.storages.RDBStorage), "trials that fail are kept in a database"
        self._say(trial, "failures", 0)
        reopen(self._storage.engine, self._id(trial))
        return self._refresh(trial)

    def _study(self, name: str) -> int:
        try:
            return self._storage.get_study_id_from_name(name)
        except KeyError:
            with contextlib.suppress(optuna.exceptions.DuplicatedStudyError):  # another process was faster
                return self._storage.create_new_study(self._directions, name)
            return self._storage.get_study_id_from_name(name)

    def _create(self, study: int, frozen: FrozenTrial) -> Trial:
        identity = self._storage.create_new_trial(study, template_trial=frozen)
        return self._remember(self._storage.get_trial(identity))

    def _id(self, trial: Trial) -> int:
        return self._frozen[trial.key]._trial_id

    def _say(self, trial: Trial, name: str, value: Any) -> Trial:
        """Stores a fact of a trial, and knows it without reading the trial again: a read costs as much as a write."""
        frozen = self._frozen[trial.key]
        self._storage.set_trial_user_attr(frozen._trial_id, name, value)
        frozen.user_attrs[name] = value
        return self._remember(frozen)

    def _refresh(self, trial: Trial) -> Trial:
        return self._remember(self._storage.get_trial(self._id(trial)))

    def _remember(self, frozen: FrozenTrial) -> Trial:
        trial = _ours(frozen)
        if trial.kind == SEARCH:
            search = self._searches.setdefault((trial.arm, trial.repeat), [])
            place = self._places.setdefault(trial.key, len(search))
            search[place : place + 1] = [_numbered(frozen, place)]
        self._trials[trial.key], self._frozen[trial.key] = trial, frozen
        return trial

    def _mirror(self, arm: str, repeat: int, number: int, own: FrozenTrial) -> Mirror:
        """Where samplers and pruners see trial ``number`` of a search as ``own``, and may write to it."""
        trials = self._searches.get((arm, repeat), [])
        own.number = number
        own._trial_id = (
            trials[number]._trial_id
            if number < len(trials)
            else 1 + max((trial._trial_id for trial in trials), default=0)
        )
        return Mirror(_search_name(arm, repeat), self._directions, trials, own)


def study_name(sweep: str, arm: str) -> str:
    """The study of an arm's searches."""
    return f"{sweep}/{arm}"


def shared_name(sweep: str, charted: bool) -> str:
    """The study of the confirmations, or of a map's chunks."""
    return f"{sweep}/({MAP if charted else CONFIRM})"


def _ours(frozen: FrozenTrial) -> Trial:
    said: dict[str, Any] = frozen.user_attrs
    last = max(frozen.intermediate_values, default=None)
    return Trial(
        arm=said["arm"],
        kind=said["kind"],
        number=frozen.number if said["kind"] == SEARCH else said.get("number", 0),
        params=said.get("params") or {name: float(value) for name, value in frozen.params.items()},
        state=STATES[frozen.state],
        attempt=said["attempt"],
        value=None if last is None else frozen.intermediate_values[last],
        seeds=tuple(said["seeds"]),
        error=said.get("error") if frozen.state == TrialState.FAIL else None,  # stored just before the state is
        others=tuple(said.get(OTHERS, {}).get(str(last), ())),
        repeat=said.get("repeat", 0),
        confirms=said.get("confirms"),
        chunk=said.get("chunk"),
        failures=said.get("failures", 0),
    )


def _numbered(frozen: FrozenTrial, number: int) -> FrozenTrial:
    """The trial under its number in its own search."""
    if frozen.number == number:
        return frozen
    other = copy.copy(frozen)
    other.number = number
    return other


def _of_kind(distribution: BaseDistribution, value: float) -> Any:
    """The value as the distribution has it: a whole number, or one of the choices."""
    return distribution.to_external_repr(distribution.to_internal_repr(value))


def _search_name(arm: str, repeat: int) -> str:
    """What a search draws its chance from; an arm's first is called as the arm is."""
    return f"{arm}/repeat-{repeat}" if repeat else arm


def _seed_of(seed: int, search: str, number: int | None = None) -> int:
    """The seed of one draw of a search, or of all."""
    of = f"{seed}/{search}" if number is None else f"{seed}/{search}/{number}"
    return int.from_bytes(hashlib.sha256(of.encode()).digest()[:4], "big")
