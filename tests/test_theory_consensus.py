"""Consensus from minibatches: the released estimator's γ is too large by a known factor, the half-batch one's is not.

On f = E(1 + ξ)xy with noise ξ of variance v an n-example minibatch has the field (1 + ξ̄)(y, −x), so that
½‖F̄‖² has the gradient (1 + ξ̄)²(x, y) with mean 1 + v/n, while ½⟨F_A, F_B⟩ has (1 + ξ̄_A)(1 + ξ̄_B)(x, y) with mean 1.
"""

from __future__ import annotations

import math

import pytest
import torch

import minmax
from minmax.train import hypers_over_members
from minmax.types import Batch, Game, Players

MEMBERS, EXAMPLES, VARIANCE = 20_000, 8, 2.0
HYPERS = {"lr": 0.3, "lr_ratio": 1.7, "gamma": 0.8}


def noisy() -> Game:
    def value(players: Players, batch: Batch) -> torch.Tensor:
        return ((1 + batch["xi"]).mean(-1, keepdim=True) * players["x"] * players["y"]).sum(-1)

    losses = {"x": value, "y": lambda players, batch: -value(players, batch)}
    return minmax.Game(lambda generator: {}, losses, native=True)


@pytest.mark.parametrize("estimator", ["biased", "half_batches"])
def test_effective_gamma(estimator: str) -> None:
    """Averaged over 20 000 minibatches, within 4 standard errors, both players."""
    own = torch.Generator().manual_seed(3)
    xi = math.sqrt(VARIANCE) * torch.randn(MEMBERS, EXAMPLES, generator=own, dtype=torch.float64)
    x, y = 1.5, -0.7
    players = {"x": torch.full((MEMBERS, 1), x).double(), "y": torch.full((MEMBERS, 1), y).double()}
    optimizer = minmax.optimizers.get("consensus", estimator=estimator)
    values = hypers_over_members(optimizer, HYPERS, MEMBERS)
    moved, _, _ = optimizer.step(noisy(), players, optimizer.init(players), ({"xi": xi},), {}, values)

    mean = 1 + xi.mean(-1, keepdim=True)  # the field's own noise is known, and taken out
    hx, hy = HYPERS["lr"], HYPERS["lr"] * HYPERS["lr_ratio"]
    gammas = {"x": ((x - moved["x"]) / hx - mean * y) / x, "y": ((y - moved["y"]) / hy + mean * x) / y}
    spread, half = VARIANCE / EXAMPLES, 2 * VARIANCE / EXAMPLES
    bias = {"biased": 1 + spread, "half_batches": 1.0}[estimator]
    deviation = {"biased": math.sqrt(4 * spread + 2 * spread**2), "half_batches": math.sqrt((1 + half) ** 2 - 1)}
    bound = 4 * HYPERS["gamma"] * deviation[estimator] / math.sqrt(MEMBERS)
    assert bound < HYPERS["gamma"] * spread / 2, "else the two estimators could not be told apart"
    for name, gamma in gammas.items():
        assert abs(gamma.mean().item() - HYPERS["gamma"] * bias) <= bound, name


def test_without_noise_the_estimators_agree() -> None:
    players = {"x": torch.tensor([[1.5]]).double(), "y": torch.tensor([[-0.7]]).double()}
    batch = {"xi": torch.zeros(1, EXAMPLES).double()}
    moved = []
    for estimator in ("biased", "half_batches"):
        optimizer = minmax.optimizers.get("consensus", estimator=estimator)
        values = hypers_over_members(optimizer, HYPERS, 1)
        moved.append(optimizer.step(noisy(), players, optimizer.init(players), (batch,), {}, values)[0])
    torch.testing.assert_close(moved[0], moved[1], rtol=1e-14, atol=0)


def test_half_batches_say_what_they_need() -> None:
    optimizer = minmax.optimizers.get("consensus", estimator="half_batches")
    players = {"x": torch.ones(1, 1).double(), "y": torch.ones(1, 1).double()}
    values = hypers_over_members(optimizer, HYPERS, 1)
    with pytest.raises(ValueError, match=r"half_batches: batch leaf 'xi' \(3,\); an even number"):
        optimizer.step(noisy(), players, optimizer.init(players), ({"xi": torch.zeros(1, 3)},), {}, values)
    with pytest.raises(ValueError, match=r"estimator: 'unbiased' given; allowed: biased, half_batches"):
        minmax.optimizers.get("consensus", estimator="unbiased")
