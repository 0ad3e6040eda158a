"""Which hyperparameters decide how well an arm's configurations do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sweeps.search.trials import Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FEWEST = 10
"""Complete trials; from fewer an importance says more of chance than of the hyperparameter."""


TREES = 16


def importances(space: Mapping[str, BaseDistribution], complete: Sequence[Trial]) -> dict[str, float]:
    """Name -> its share of what `optuna.importance` (fANOVA) explains of the trials' *ranks*, the largest first; empty
    for fewer than ten complete trials, fewer than two hyperparameters, or trials that all came to the same.

    Of ranks, as the value of one that diverged is the worst there is and would explain all else away.
    """
    values = [trial.value for trial in complete if trial.value is not None]
    names = [name for name in space if all(name in trial.params for trial in complete)]
    if len(values) < FEWEST or len(values) < len(complete) or len(names) < 2 or len(set(values)) < 2:
        return {}
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances
    from scipy.stats import rankdata

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # a study is no news
    study = optuna.create_study(storage=optuna.storages.InMemoryStorage())
    for trial, rank in zip(complete, rankdata(values), strict=True):
        own = {name: space[name] for name in names}
        params = {name: _of_kind(space[name], trial.params[name]) for name in names}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=own, value=float(rank)))
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(n_trees=TREES, seed=0))
    return {name: float(share) for name, share in found.items()}


def _of_kind(drawn: BaseDistribution, value: float) -> object:
    return drawn.to_external_repr(drawn.to_internal_repr(value))
