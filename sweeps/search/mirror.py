"""What samplers and pruners look at: one search's trials as they are stored, and one trial that may be written to.

It lives for one question. What is written stays at the one trial, the others are shared with whoever keeps them, so a
question about a search of thousands costs no copies.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Sequence
from typing import Any, NoReturn

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

STUDY = 0


class Mirror(BaseStorage):
    """One study: ``trials`` by number, and in its place among them ``own``, which Optuna may change.

    A change replaces ``own`` by a changed copy, so that what was looked at before stays as it was.
    """

    def __init__(
        self, name: str, directions: Sequence[StudyDirection], trials: Sequence[FrozenTrial], own: FrozenTrial
    ) -> None:
        self.own = own
        self._name, self._directions, self._trials = name, list(directions), trials
        self._said: dict[str, Any] = {}

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """All of them, or those in these states."""
        at = self.own.number
        found = [*self._trials[:at], self.own, *self._trials[at + 1 :]]
        chosen = found if states is None else [trial for trial in found if trial.state in states]
        return copy.deepcopy(chosen) if deepcopy else chosen

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """One of them."""
        if trial_id == self.own._trial_id:
            return self.own
        return next(trial for trial in self._trials if trial._trial_id == trial_id)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Draws a value."""
        own = self._changing(trial_id)
        own.params = {**own.params, param_name: distribution.to_external_repr(param_value_internal)}
        own.distributions = {**own.distributions, param_name: distribution}

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Starts or ends it."""
        own = self._changing(trial_id)
        own.state, own.values = state, values
        return True

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Reports a value."""
        own = self._changing(trial_id)
        own.intermediate_values = {**own.intermediate_values, step: intermediate_value}

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Notes something of the user's."""
        own = self._changing(trial_id)
        own.user_attrs = {**own.user_attrs, key: value}

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Notes something of Optuna's."""
        own = self._changing(trial_id)
        own.system_attrs = {**own.system_attrs, key: value}

    def get_study_id_from_name(self, study_name: str) -> int:
        """There is one."""
        return STUDY

    def get_study_name_from_id(self, study_id: int) -> str:
        """Its name."""
        return self._name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """One an objective."""
        return self._directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """None."""
        return {}

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """What was noted since the question was asked."""
        return self._said

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Notes something until the question is answered."""
        self._said = {**self._said, key: value}

    def get_all_studies(self) -> list[Any]:
        """Nobody needs to know."""
        self._refuse()

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """There is one."""
        self._refuse()

    def delete_study(self, study_id: int) -> None:
        """It ends with the question."""
        self._refuse()

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Nobody's business."""
        self._refuse()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """There is one."""
        self._refuse()

    def _changing(self, trial_id: int) -> FrozenTrial:
        if trial_id != self.own._trial_id:
            self._refuse()
        self.own = copy.copy(self.own)
        return self.own

    def _refuse(self) -> NoReturn:
        raise RuntimeError(f"the mirror of {self._name} has one trial that can be written to, and nothing else")
