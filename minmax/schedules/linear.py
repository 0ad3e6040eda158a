"""Linear decay."""

from __future__ import annotations

from minmax.types import Schedule


def linear(final: float = 0.0) -> Schedule:
    """1 + (``final`` − 1)·t/T at step t of T: ``torch.optim.lr_scheduler.LinearLR`` from 1 to ``final``.

    What GANs are often trained with: from the first step to the last the rate goes to 0, which it would meet at T.

    Raises:
        ValueError: a final factor that is negative.
    """
    if not final >= 0:
        raise ValueError(f"final: {final} given; at least 0 is allowed")
    return lambda step, steps: 1 + (final - 1) * step / steps
