"""A slow start."""

from __future__ import annotations

from typing import Any

from minmax.schedules.per_player import built
from minmax.types import Schedule


def warmup(over: int, then: Any = "constant") -> Schedule:
    """(t + 1)/``over`` for the first ``over`` steps, then what ``then`` says of the steps that are left.

    ``then`` is a schedule's name, or ``{"name": …}`` with its options.
    Goyal et al. 2017, arXiv 1706.02677 (there for large minibatches; here for the player that Adam's first, unsure
    steps would throw off).

    Raises:
        ValueError: fewer than one step, or an unknown schedule.
    """
    if over < 1:
        raise ValueError(f"over: {over} given; at least 1 is allowed")
    rest = built(then)
    return lambda step, steps: (step + 1) / over if step < over else rest(step - over, steps - over)
