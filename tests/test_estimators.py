"""Consensus from minibatches: the estimators of ‖E g‖², and which of them are biased, by how much.

On f = E(1 + ξ)xy with noise ξ of variance v the field of n examples is (1 + ξ̄)(y, −x). Each estimator gives the
gradient of half an estimate q of ‖E g‖² = x² + y², and q is of degree 2 in z: q = ⟨z, ∇½q⟩. So q/‖E g‖² is the factor
by which γ is off: (1 + ξ̄)² with mean 1 + v/n where the mean is squared; (1 + ξ̄_A)(1 + ξ̄_B) of two halves, and
((Σ(1 + ξ_i))² − Σ(1 + ξ_i)²)/(n(n−1)) of all pairs, with mean 1. Squared example by example it would be 1 + v.
In units of ‖E g‖² v is the trace of one example's covariance.
"""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch
from contract import module_gan
from torch import Tensor

import minmax
from minmax import tree
from minmax.field import lift
from minmax.hypers import hypers_over_members
from minmax.optimizers.consensus import ESTIMATORS
from minmax.packing import Packing
from minmax.types import Batch, Game, Players

MINIBATCHES, EXAMPLES, VARIANCE = 100_000, 16, 0.5
X, Y = 1.5, -0.7

FACTORS = {
    "per example": 1 + VARIANCE,
    "biased": 1 + VARIANCE / EXAMPLES,
    "half_batches": 1.0,
    "u_statistic": 1.0,
}
"""Estimator -> what it makes of γ; largest first (Jensen)."""


def noisy() -> Game:
    def value(players: Players, batch: Batch) -> Tensor:
        return ((1 + batch["xi"]).mean(-1, keepdim=True) * players["x"] * players["y"]).sum(-1)

    losses = {"x": value, "y": lambda players, batch: -value(players, batch)}
    return minmax.Game(lambda generator: {}, losses, native=True)


def stand(members: int) -> Players:
    """Every member at (X, Y)."""
    return {name: torch.full((members, 1), at, dtype=torch.float64) for name, at in (("x", X), ("y", Y))}


@cache
def noise() -> Tensor:
    """ξ of every minibatch, a member each, ``[MINIBATCHES, EXAMPLES]``."""
    own = torch.Generator().manual_seed(3)
    return math.sqrt(VARIANCE) * torch.randn(MINIBATCHES, EXAMPLES, generator=own, dtype=torch.float64)


@cache
def factors(name: str) -> Tensor:
    """q/‖E g‖² of every minibatch (of every example, where each is a minibatch)."""
    xi = noise()
    if name == "per example":
        name, xi = "biased", xi.reshape(-1, 1)
    players = stand(len(xi))
    _, slope = ESTIMATORS[name](noisy(), players, {"xi": xi})
    return tree.dot(players, slope) / (X * X + Y * Y)


@pytest.mark.parametrize("name", FACTORS)
def test_each_is_off_by_what_theory_says(name: str) -> None:
    """Within 3 standard errors: tr(Cov)/n too much where the mean is squared, nothing for the unbiased."""
    found = factors(name)
    error = found.std().item() / math.sqrt(len(found))
    assert error < VARIANCE / EXAMPLES / 10, "else biased and unbiased could not be told apart"
    assert abs(found.mean().item() - FACTORS[name]) <= 3 * error


def test_jensens_order() -> None:
    """The whole table, largest first (``pytest -s`` prints it): only the two last tell the truth."""
    table = {name: (factors(name).mean().item(), factors(name).std().item()) for name in FACTORS}
    print("\nestimator of ‖E g‖²   theory     mean      std")
    for name, (mean, deviation) in table.items():
        print(f"{name:<20} {FACTORS[name]:8.5f} {mean:8.5f} {deviation:8.5f}")
    example, batch, halves, pairs = (mean for mean, _ in table.values())
    assert example > batch > max(halves, pairs)
    assert table["u_statistic"][1] < table["half_batches"][1], "all pairs say more than one"


@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_is_gamma_that_is_off(name: str) -> None:
    """In a step of the optimizer, both players, two rates: z − hF̄ − hγ·factor·z on average."""
    hypers, members = {"lr": 0.3, "lr_ratio": 1.7, "gamma": 0.8}, 20_000
    xi = noise()[:members]
    optimizer, players = minmax.optimizers.get("consensus", estimator=name), stand(members)
    values = hypers_over_members(optimizer, hypers, members)
    moved, _, _ = optimizer.step(noisy(), players, optimizer.init(players), ({"xi": xi},), {}, values)

    mean = 1 + xi.mean(-1, keepdim=True)  # the field's own noise is known, and taken out
    hx, hy = hypers["lr"], hypers["lr"] * hypers["lr_ratio"]
    gammas = {"x": ((X - moved["x"]) / hx - mean * Y) / X, "y": ((Y - moved["y"]) / hy + mean * X) / Y}
    for gamma in gammas.values():
        torch.testing.assert_close(gamma[:, 0], hypers["gamma"] * factors(name)[:members], rtol=1e-12, atol=1e-12)


def test_without_noise_the_estimators_agree() -> None:
    players = stand(1)
    batch = {"xi": torch.zeros(1, EXAMPLES).double()}
    first, *others = (estimate(noisy(), players, batch) for estimate in ESTIMATORS.values())
    for other in others:
        torch.testing.assert_close(other, first, rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_game_without_chance_has_nothing_to_estimate(name: str) -> None:
    game = minmax.games.get("bilinear", [[2.0]])
    (field, slope) = ESTIMATORS[name](game, stand(2), {})
    assert field["x"].tolist() == [[2 * Y]] * 2
    assert slope["x"].tolist() == [[4 * X]] * 2


def test_examples_are_members_of_a_neural_game() -> None:
    """Modules under vmap, packed: u_statistic's gradient is that of all pairs' inner products, a field at a time."""
    game = lift(module_gan())
    seeds = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    players = tree.map(torch.Tensor.double, tree.stack([module_gan().init(own) for own in seeds]))
    batch = tree.map(torch.Tensor.double, tree.stack([game.sample_block(own, 1) for own in seeds]))
    batch = tree.map(lambda x: x[:, 0, :4], batch)
    packing = Packing(players)
    field, slope = ESTIMATORS["u_statistic"](packing.game(game), packing.pack(players), batch)

    leaves = tree.map(lambda x: x.requires_grad_(), players)
    flat = tree.leaves(leaves)
    examples = []
    for index in range(4):
        one = tree.map(lambda x, i=index: x[:, i : i + 1], batch)
        own = [
            torch.autograd.grad(game.losses[name](leaves, one).sum(), tree.leaves(leaves[name]), create_graph=True)
            for name in leaves
        ]
        examples.append(torch.cat([g.flatten(1) for part in own for g in part], dim=1))
    g = torch.stack(examples)
    pairs = sum((g[i] * g[j]).sum() for i in range(4) for j in range(4) if i != j) / 12
    expected = torch.cat([x.flatten(1) for x in torch.autograd.grad(pairs / 2, flat)], dim=1)
    torch.testing.assert_close(tree.flat(slope), expected, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(tree.flat(field), g.mean(0).detach(), rtol=1e-10, atol=1e-14)


def test_what_cannot_be_estimated_is_said() -> None:
    def refused(name: str, message: str, **batch: Tensor) -> None:
        with pytest.raises(ValueError, match=message):
            ESTIMATORS[name](noisy(), stand(1), batch)

    refused("half_batches", r"half_batches: batch leaf 'xi' \(3,\); an even number", xi=torch.zeros(1, 3))
    refused("u_statistic", r"u_statistic: batch leaves \{'xi': \(1,\)\}; .*at least 2", xi=torch.zeros(1, 1))
    refused("u_statistic", r"u_statistic: .*'xi': \(4,\).*one number", xi=torch.zeros(1, 4), eta=torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"estimator: 'unbiased' given; allowed: biased, half_batches, u_statistic"):
        minmax.optimizers.get("consensus", estimator="unbiased")


def test_a_network_that_looks_at_its_minibatch_has_no_single_examples() -> None:
    optimizer = minmax.optimizers.get("consensus", estimator="u_statistic")
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        next(iter(minmax.train(module_gan(norm=True), optimizer, {"lr": 0.01, "gamma": 1.0}, steps=1, device="cpu")))
