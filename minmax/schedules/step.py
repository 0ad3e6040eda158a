"""Decay in stairs."""

from __future__ import annotations

from minmax.types import Schedule


def step(every: int, factor: float = 0.1) -> Schedule:
    """``factor`` to the power ⌊t/``every``⌋ at step t: ``torch.optim.lr_scheduler.StepLR``.

    Raises:
        ValueError: stairs of fewer than one step, or a factor that is not positive.
    """
    if every < 1:
        raise ValueError(f"every: {every} given; at least 1 is allowed")
    if not factor > 0:
        raise ValueError(f"factor: {factor} given; a positive number is allowed")
    return lambda step, steps: float(factor ** (step // every))
