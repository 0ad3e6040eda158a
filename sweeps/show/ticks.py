"""Where an axis of a map is labelled: at round values, by position among its points."""

from __future__ import annotations

import math
from typing import NamedTuple

from sweeps.search.lattice import LISTED, LOG, Axis
from sweeps.show.wording import number


class Tick(NamedTuple):
    """A label at a position; the axis's points lie at 0, 1, 2, …"""

    place: float
    label: str


def ticks(axis: Axis, most: int) -> list[Tick]:
    """At most ``most`` labels (two at least): decades of a logarithmic axis, round steps of an even one, else points.

    >>> [tick.label for tick in ticks(Axis("lr", "log", (0.01, 0.1, 1.0, 10.0)), 3)]
    ['0.01', '1']
    """
    low, high = axis.values[0], axis.values[-1]
    if axis.scale == LISTED or low == high:
        return _thinned([Tick(place, number(value)) for place, value in enumerate(axis.values)], most)
    if axis.scale == LOG:
        exponents = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
        factors = (1,) if len(exponents) > 2 else (1, 2, 5)
        exponents = exponents if len(exponents) > 2 else range(math.floor(math.log10(low)), exponents.stop)
        values = [factor * 10.0**exponent for exponent in exponents for factor in factors]
    else:
        values = _round_steps(low, high, most)
    inside = [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9) or axis.scale != LOG]
    found = [Tick(_place(axis, value), number(value)) for value in inside]
    ends = [Tick(0, number(low)), Tick(len(axis.values) - 1, number(high))]
    return _thinned(found, most) if len(found) >= 2 else ends


def _place(axis: Axis, value: float) -> float:
    low, high, last = axis.values[0], axis.values[-1], len(axis.values) - 1
    if axis.scale == LOG:
        return last * math.log(value / low) / math.log(high / low)
    return last * (value - low) / (high - low)


def _round_steps(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _thinned(found: list[Tick], most: int) -> list[Tick]:
    return found[:: math.ceil(len(found) / max(1, most))]
