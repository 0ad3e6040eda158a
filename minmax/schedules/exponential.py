"""Exponential decay."""

from __future__ import annotations

from minmax.types import Schedule


def exponential(final: float = 0.1) -> Schedule:
    """``final`` to the power t/T at step t of T: ``ExponentialLR`` with γ = ``final``^(1/T).

    Raises:
        ValueError: a final factor that is not positive.
    """
    if not final > 0:
        raise ValueError(f"final: {final} given; a positive number is allowed")
    return lambda step, steps: float(final ** (step / steps))
