"""Who draws: the samplers by name, each a function of the study it is shown and of one draw's seeds.

None keeps anything between two draws, in memory or as a pickle: a search that was killed goes on as it would have.
CMA-ES is not here, as Optuna's unpickles from the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from minmax.registry import Registry, check_known

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

SAMPLERS = Registry("sampler", {name: f"sweeps.search.samplers:{name}" for name in
                                ("tpe", "gp", "nsga2", "qmc", "random", "grid")})  # fmt: skip
CONTEXT = ("draw", "trials")  # what a builder is given beside its options
GENERATIONS = 200  # of NSGA-II: each looks up the one before


class Draw(NamedTuple):
    """One draw: the trial's number in its search, its own seed, one for all draws of the search, and the space."""

    number: int
    seed: int
    search_seed: int
    space: Mapping[str, BaseDistribution]


MakeSampler = Callable[[Draw], "BaseSampler"]


def sampler_of(name: str, trials: int, options: Mapping[str, Any] | None = None) -> MakeSampler:
    """draw -> the sampler of that name, in a search of so many trials."""
    return partial(SAMPLERS[name], trials=trials, **options or {})


def points_of(name: str, space: Mapping[str, BaseDistribution], options: Mapping[str, Any]) -> int | None:
    """How many points the sampler has to offer; None: it never runs out."""
    return FINITE[name](space, **options) if name in FINITE else None


def tpe(draw: Draw, trials: int, startup: int | None = None) -> BaseSampler:
    """Tree-structured Parzen estimators, after ``startup`` random trials (a third of all, two to ten)."""
    from optuna.samplers import TPESampler

    return TPESampler(n_startup_trials=_startup(trials, startup), constant_liar=True, seed=draw.seed)


def gp(draw: Draw, trials: int, startup: int | None = None) -> BaseSampler:
    """A Gaussian process and its expected improvement, after ``startup`` complete trials."""
    from optuna.samplers import GPSampler

    return GPSampler(n_startup_trials=_startup(trials, startup), seed=draw.seed, warn_independent_sampling=False)


def nsga2(draw: Draw, trials: int, population: int | None = None) -> BaseSampler:
    """NSGA-II with generations of ``population`` trials (a fifth of all, four to fifty)."""
    from optuna.samplers import NSGAIISampler

    least = max(2, -(-trials // GENERATIONS))
    size = min(50, max(4, trials // 5)) if population is None else population
    if population is not None and size < least:
        raise ValueError(f"population: {size} given for {trials} trials; {least} or more is allowed")
    return NSGAIISampler(population_size=max(size, least), seed=draw.seed)


def qmc(draw: Draw, trials: int, sequence: str = "sobol") -> BaseSampler:
    """Point number n of a scrambled ``sobol`` or ``halton`` sequence is trial n, whatever came of the others."""
    check_known("sequence", sequence, ("sobol", "halton"))
    from sweeps.search.designs import Fixed, spread

    return Fixed(spread(draw.space, draw.number, draw.search_seed, sequence))


def random(draw: Draw, trials: int) -> BaseSampler:
    """Every trial on its own."""
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=draw.seed)


def grid(draw: Draw, trials: int) -> BaseSampler:
    """Each point of the grid once: its values, choices and whole numbers."""
    from sweeps.search.designs import Fixed, grid_point

    return Fixed(grid_point(draw.space, draw.number))


def _grid_size(space: Mapping[str, BaseDistribution]) -> int:
    from sweeps.search.designs import grid_size

    return grid_size(space)


FINITE: dict[str, Callable[..., int]] = {"grid": _grid_size}
"""Samplers that run out of points: (space, options) -> how many there are."""


def _startup(trials: int, given: int | None) -> int:
    if given is not None and given < 1:
        raise ValueError(f"startup: {given} given; 1 or more is allowed")
    return min(10, max(2, trials // 3)) if given is None else given
