"""The zero-centred penalty on real samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.losses.penalties.weights import checked
from minmax.types import Penalty

if TYPE_CHECKING:
    from torch import Tensor


def r1(weight: float = 10.0) -> Penalty:
    """γ/2·E‖∇ₓD(x)‖² over real x, γ = ``weight``.

    Mescheder, Geiger, Nowozin 2018, arXiv 1801.04406. (Their released code leaves the ½ out: its 10 is 20 here.)
    Near the optimum it acts as instance noise of variance γ would.

    Raises:
        ValueError: ``weight`` is not positive.
    """
    half = checked(weight) / 2

    def of(squared: Tensor) -> Tensor:
        return half * squared.mean(-1)

    return Penalty(of, share=1.0)
