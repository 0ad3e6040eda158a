"""How the field bends around the players: attraction and rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.field import leading_eigenvalues, lift
from minmax.lazy import torch
from minmax.metrics.minibatch import minibatch
from minmax.types import Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

MOST = 1e6
OUTPUTS = {
    "eigenvalue": Goal("minimize", best=0.0, worst=MOST),
    "eigenvalue_real": Goal("maximize", best=MOST, worst=-MOST),
    "rotation": Goal("minimize", best=0.0, worst=MOST),
}


def eigenvalues(count: int = 1) -> Metric:
    """|λ|, Re λ and the rotation |Im λ| / |Re λ| of the largest eigenvalue of J = ∂F/∂z, on one minibatch.

    Of the ``count`` largest, ``eigenvalue`` is the largest |λ|, ``eigenvalue_real`` the smallest Re (below 0 the point
    repels) and ``rotation`` the largest ratio, at most 10⁶ (a pure rotation has Re = 0).
    Mescheder, Nowozin, Geiger 2017, arXiv 1705.10461: above 1 simultaneous steps need small rates to converge.
    Cost: P reverse passes for all members at once up to 64 parameters; beyond, a member at a time, some 20 products Jᵀu
    (about 40 fields) and more where they converge slowly. One that does not converge counts as the worst.

    Raises:
        ValueError: a count that is not from 1 to P.
    """

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        batch = minibatch(game, players, generator)
        values = leading_eigenvalues(lift(game), players, batch, count)
        ratio = (values.imag.abs() / values.real.abs()).clamp(max=MOST)
        return {
            "eigenvalue": values.abs().amax(1),
            "eigenvalue_real": values.real.amin(1),
            "rotation": torch.where(values.imag == 0, 0.0, ratio).amax(1),
        }

    return Metric(measure, OUTPUTS)
