"""The field (cos φ, sin θ): centres and saddles side by side, in every period."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minmax.games.zero_sum import at, within
from minmax.lazy import torch
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Tensor


def cos_sin(bound: float = math.pi) -> Game:
    """Players move along v(θ, φ) = (cos φ, sin θ): the losses −θ·cos φ and −φ·sin θ, which are not zero-sum.

    F = (−cos φ, −sin θ), J = [[0, sin φ], [−cos θ, 0]], eigenvalues ±√(−cos θ·sin φ). F is zero at θ = kπ,
    φ = π/2 + mπ: a centre (±i) where k + m is even, a saddle (±1) where it is odd. The solutions are the centres;
    ``solution`` is (0, π/2), and the distance is to the nearest. Players start uniform in [−bound, bound].
    Consensus with γ > 1 turns the saddles into spurious attractors: F. Huszár's example for
    Mescheder, Nowozin, Geiger 2017, arXiv 1705.10461.
    """
    names = ("theta", "phi")

    def theta_loss(players: Players, batch: Batch) -> Tensor:
        return -players["theta"] * players["phi"].cos()

    def phi_loss(players: Players, batch: Batch) -> Tensor:
        return -players["phi"] * players["theta"].sin()

    def nearest(players: Players) -> Players:
        """The centres are a square lattice turned by 45°: u = (θ + φ − π/2)/2π and w = (θ − φ + π/2)/2π are whole."""
        theta, phi = players["theta"], players["phi"] - math.pi / 2
        u, w = torch.round((theta + phi) / (2 * math.pi)), torch.round((theta - phi) / (2 * math.pi))
        return {"theta": math.pi * (u + w), "phi": math.pi * (u - w) + math.pi / 2}

    return Game(
        within(names, bound),
        {"theta": theta_loss, "phi": phi_loss},
        solution=at(names, (0.0, math.pi / 2)),
        nearest=nearest,
        native=True,
    )
