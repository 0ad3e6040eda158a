"""Who prunes: the pruners by name, over steps in field units. Each is a function of the reports there are."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minmax.registry import Registry

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

PRUNERS = Registry("pruner", {name: f"sweeps.search.pruners:{name}" for name in
                              ("asha", "hyperband", "median", "patient", "threshold", "none")})  # fmt: skip
CONTEXT = ("length", "report_every")  # what a builder is given beside its options


def pruner_of(name: str, length: int, report_every: int, options: Mapping[str, Any] | None = None) -> BasePruner:
    """The pruner of that name for trials of ``length`` field units."""
    built: BasePruner = PRUNERS.build(name, length, report_every, **options or {})
    return built


def asha(length: int, report_every: int, first: int | None = None, factor: int = 3) -> BasePruner:
    """Successive halving: the best of every ``factor`` go on, from ``first`` field units (a quarter) on."""
    from optuna.pruners import SuccessiveHalvingPruner

    return SuccessiveHalvingPruner(min_resource=_first(length, report_every, first), reduction_factor=_factor(factor))


def hyperband(length: int, report_every: int, first: int | None = None, factor: int = 3) -> BasePruner:
    """Successive halving from several first steps, so that late bloomers of some brackets live."""
    from optuna.pruners import HyperbandPruner

    least = report_every if first is None else _first(length, report_every, first)
    return HyperbandPruner(min_resource=least, max_resource=length, reduction_factor=_factor(factor))


def median(length: int, report_every: int, first: int | None = None, startup: int = 3) -> BasePruner:
    """Those worse than the median of the trials before, after ``startup`` of them and ``first`` field units."""
    from optuna.pruners import MedianPruner

    _at_least("startup", startup, 0)
    return MedianPruner(n_startup_trials=startup, n_warmup_steps=_first(length, report_every, first))


def patient(
    length: int,
    report_every: int,
    patience: int = 3,
    least: float = 0.0,
    pruner: str | dict[str, Any] | None = None,
) -> BasePruner:
    """Those that have not improved by more than ``least`` for ``patience`` reports, where ``pruner`` agrees."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.pruners import PatientPruner

    _at_least("patience", patience, 0)
    _at_least("least", least, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return PatientPruner(_wrapped(length, report_every, pruner), patience, least)


def threshold(
    length: int, report_every: int, lower: float | None = None, upper: float | None = None, first: int | None = None
) -> BasePruner:
    """Those whose objective is below ``lower`` or above ``upper``, from ``first`` field units (the first report) on."""
    from optuna.pruners import ThresholdPruner

    if lower is None and upper is None:
        raise ValueError("upper: neither lower nor upper given; a number for one of them or both is allowed")
    if lower is not None and upper is not None and lower > upper:
        raise ValueError(f"lower: {lower:g} given with an upper of {upper:g}; at most that is allowed")
    warmup = 0 if first is None else _first(length, report_every, first)
    return ThresholdPruner(lower=lower, upper=upper, n_warmup_steps=warmup)


def none(length: int, report_every: int) -> BasePruner:
    """Every trial runs its whole length."""
    from optuna.pruners import NopPruner

    return NopPruner()


def _wrapped(length: int, report_every: int, pruner: str | dict[str, Any] | None) -> BasePruner | None:
    if pruner is None:
        return None
    said = {"name": pruner} if isinstance(pruner, str) else dict(pruner)
    name = said.pop("name", None)
    if not isinstance(name, str):
        raise ValueError("pruner: has no name; a pruner's name, or {name: …} with its options, is allowed")
    try:
        return pruner_of(name, length, report_every, said)
    except (ValueError, TypeError) as error:
        what, _, allowed = str(error).partition("; ")
        raise ValueError(f"pruner: {what}; {allowed or 'options that it has are allowed'}") from error


def _first(length: int, report_every: int, given: int | None) -> int:
    if given is None:
        return max(report_every, length // 4)
    if not 1 <= given <= length:
        raise ValueError(f"first: {given} given; 1 to the length, {length}, is allowed")
    return given


def _factor(factor: int) -> int:
    _at_least("factor", factor, 2)
    return factor


def _at_least(option: str, given: float, least: float) -> None:
    if given < least:
        raise ValueError(f"{option}: {given:g} given; {least:g} or more is allowed")
