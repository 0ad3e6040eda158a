"""The search space of an arm: what its optimizer declares, and over it what the spec says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import optimizers
from minmax.types import Optimizer, Range

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from sweeps.spec.armspec import Arm, Entry
    from sweeps.spec.sweep import Sweep


def optimizer_of(sweep: Sweep, arm: Arm) -> Optimizer:
    """The optimizer that ``arm`` trains with, over its own transform or else the sweep's."""
    built: Optimizer = optimizers.get(arm.optimizer, transform=arm.transform or sweep.transform, **arm.options)
    return built


def distributions(sweep: Sweep, arm: Arm) -> dict[str, BaseDistribution]:
    """What the sampler draws for ``arm``, in the order that its optimizer declares; empty where all is fixed."""
    from optuna.distributions import FloatDistribution

    drawn: dict[str, BaseDistribution] = {}
    for name, declared in optimizer_of(sweep, arm).hypers.items():
        if name in arm.settings:
            continue
        entry = entry_of(sweep, arm, name)
        if entry is None and declared.searched:
            drawn[name] = FloatDistribution(declared.low, declared.high, log=declared.log)
        elif entry is not None and entry.kind != "fixed":
            drawn[name] = distribution(entry)
    return drawn


def fixed(sweep: Sweep, arm: Arm) -> dict[str, float]:
    """The hyperparameters of ``arm`` that are not drawn: its own, the space's, and defaults that nobody searches.

    In a map nobody searches: these are all but its axes.
    """
    constants: dict[str, float] = {}
    for name, declared in optimizer_of(sweep, arm).hypers.items():
        if sweep.map is not None and name in sweep.map.axes:
            continue
        searched = declared.searched and sweep.map is None
        value = arm.settings.get(name, _constant(entry_of(sweep, arm, name), declared._replace(searched=searched)))
        if value is not None:
            constants[name] = value
    return constants


def distribution(entry: Entry) -> BaseDistribution:
    """What the sampler draws from, of an entry that is searched."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if entry.kind in ("choice", "grid"):
        return CategoricalDistribution(entry.values)
    low, high = entry.values
    if entry.kind == "int":
        return IntDistribution(int(low), int(high))
    return FloatDistribution(low, high, log=entry.kind == "log")


def entry_of(sweep: Sweep, arm: Arm, name: str) -> Entry | None:
    """What the space says of one of the arm's hyperparameters."""
    entry = sweep.space.get(name)
    return entry if entry is not None and entry.holds(arm) else None


def _constant(entry: Entry | None, declared: Range) -> float | None:
    if entry is not None:
        return float(entry.values[0]) if entry.kind == "fixed" else None
    return None if declared.searched else declared.default
