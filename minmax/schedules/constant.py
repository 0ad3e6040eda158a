"""No schedule."""

from __future__ import annotations

from minmax.types import Schedule


def constant() -> Schedule:
    """1 at every step: for the player whose rate stays while the other's falls."""
    return lambda step, steps: 1.0
