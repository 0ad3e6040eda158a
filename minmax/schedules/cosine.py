"""Cosine annealing."""

from __future__ import annotations

import math

from minmax.types import Schedule


def cosine(final: float = 0.0) -> Schedule:
    """``final`` + (1 − ``final``)·(1 + cos πt/T)/2 at step t of T: ``CosineAnnealingLR``, η_min = ``final``·lr.

    Loshchilov & Hutter 2017, arXiv 1608.03983, without restarts.

    Raises:
        ValueError: a final factor that is negative.
    """
    if not final >= 0:
        raise ValueError(f"final: {final} given; at least 0 is allowed")
    return lambda step, steps: final + (1 - final) * (1 + math.cos(math.pi * step / steps)) / 2
