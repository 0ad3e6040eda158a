"""Draws that are decided beforehand: the n-th point of a low-discrepancy sequence, or of a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

Space = Mapping[str, BaseDistribution]


class Fixed(BaseSampler):
    """Draws one point."""

    def __init__(self, point: Mapping[str, Any]) -> None:
        self._point = point

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing is drawn together: each value is known."""
        return {}

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Space) -> dict[str, Any]:
        """Nothing."""
        return {}

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any) -> Any:
        """The point's own value."""
        return self._point[param_name]


def spread(space: Space, number: int, seed: int, sequence: str) -> dict[str, Any]:
    """Point ``number`` of the scrambled sequence over ``space``; the scramble is ``seed``'s."""
    from scipy.stats.qmc import Halton, Sobol

    if not space:
        return {}
    engine = {"sobol": Sobol, "halton": Halton}[sequence](len(space), scramble=True, rng=seed)
    if number:
        engine.fast_forward(number)
    shares = engine.random(1)[0].tolist()
    return {name: _at(of, share) for (name, of), share in zip(space.items(), shares, strict=True)}


def grid_size(space: Space) -> int:
    """How many points the grid has; an empty space has one."""
    return math.prod(len(_values(of)) for of in space.values())


def grid_point(space: Space, number: int) -> dict[str, Any]:
    """The grid's point ``number``: the last hyperparameter changes fastest."""
    point = {}
    for name, of in reversed(list(space.items())):
        number, place = divmod(number, len(_values(of)))
        point[name] = _values(of)[place]
    return point


def _at(of: BaseDistribution, share: float) -> Any:
    """What lies at a share in [0, 1) of a distribution."""
    if isinstance(of, CategoricalDistribution):
        return of.choices[int(share * len(of.choices))]
    if isinstance(of, IntDistribution):
        return of.low + int(share * (of.high - of.low + 1))
    assert isinstance(of, FloatDistribution)
    value = of.low * (of.high / of.low) ** share if of.log else of.low + (of.high - of.low) * share
    return min(of.high, max(of.low, value))  # rounding may lead out by a digit


def _values(of: BaseDistribution) -> Sequence[Any]:
    """What there is to go through; of a range that is not of whole numbers, nothing."""
    if isinstance(of, CategoricalDistribution):
        return of.choices
    return range(of.low, of.high + 1) if isinstance(of, IntDistribution) else ()
