"""The zero-centred penalty on generated samples."""

from __future__ import annotations

from minmax.losses.penalties.r1 import r1
from minmax.types import Penalty


def r2(weight: float = 10.0) -> Penalty:
    """γ/2·E‖∇ₓD(G(z))‖² over generated samples, γ = ``weight``: ``r1`` on the other side, in the same convention.

    Mescheder, Geiger, Nowozin 2018, arXiv 1801.04406.

    Raises:
        ValueError: ``weight`` is not positive.
    """
    return r1(weight)._replace(share=0.0)
