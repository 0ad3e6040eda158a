"""What every penalty has: a weight."""

from __future__ import annotations

import math


def checked(weight: float) -> float:
    """``weight``, if it is positive and finite.

    Raises:
        ValueError: it is not.
    """
    if not (weight > 0 and math.isfinite(weight)):
        raise ValueError(f"weight: {weight} given; a positive number is allowed")
    return weight
