"""Decay with the square root of time."""

from __future__ import annotations

from minmax.types import Schedule


def inverse_sqrt(period: int = 1) -> Schedule:
    """1/√(1 + t/``period``) at step t, however long the run: the rate of stochastic (sub)gradient methods.

    Nemirovski, Juditsky, Lan, Shapiro 2009, doi 10.1137/070704277, for monotone games with noise, averaged.

    Raises:
        ValueError: a period below 1.
    """
    if period < 1:
        raise ValueError(f"period: {period} given; at least 1 is allowed")
    return lambda step, steps: float((1 + step / period) ** -0.5)
