"""Steps that stop when they are good enough, and one around another: what they cost, say and remember."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from contract import hypers_for, module_gan

import minmax
from minmax import tree
from minmax.games.quadratic import quadratic
from minmax.hypers import hypers_over_members
from minmax.types import Game, Optimizer

COMMON: dict[str, Any] = {"dtype": "float64", "device": "cpu"}


def last(game: Game, optimizer: Optimizer, hypers: dict[str, Any], seeds: Any = (0,), **given: Any) -> minmax.Report:
    *_, report = minmax.train(game, optimizer, hypers, seeds, **{"steps": 1, **COMMON, **given})
    return report


def test_proximal_iterates_until_its_step_moves_no_more() -> None:
    """From z, iteration j changes u by σʲ and leads Σ(−m)ⁱ away, m = iσ: each member stops where that says."""
    tolerance, rates = 1e-6, [0.05, 0.3, 0.6, 0.9]
    optimizer = minmax.optimizers.get("proximal", iterations=300, tolerance=tolerance)
    report = last(minmax.games.get("bilinear"), optimizer, {"lr": rates}, [5] * 4)
    for index, sigma in enumerate(rates):
        away, iterations, residual = 0j, 0, math.inf
        while residual > tolerance:
            iterations += 1
            away += (-1j * sigma) ** iterations
            residual = sigma**iterations / abs(away)
        assert report.info["cost"][index] == iterations
        assert report.info["residual"][index].item() == pytest.approx(residual, rel=1e-6)
    assert len(report.info["cost"].unique()) == 4
    assert report.cost == pytest.approx(report.info["cost"].mean().item())


def test_proximal_says_where_it_found_no_step() -> None:
    """σ = 1.5 does not contract: all iterations are made, u has grown to Σ(−m)ʲ, and the residual is no small one."""
    optimizer = minmax.optimizers.get("proximal", iterations=12, tolerance=1e-6)
    report = last(minmax.games.get("bilinear"), optimizer, {"lr": 1.5}, steps=3)
    away = sum((-1.5j) ** j for j in range(1, 13))
    assert report.info["cost"].item() == 12
    assert report.info["residual"].item() == pytest.approx(1.5**12 / abs(away), rel=1e-9)
    far = last(minmax.games.get("bilinear"), optimizer, {"lr": 1.5}, steps=40, dtype="float32")
    assert far.diverged.all() and far.info["cost"].item() == 12


def test_proximal_at_rest_costs_one_field() -> None:
    optimizer = minmax.optimizers.get("proximal")
    game = quadratic(1.0, 1.0, 1.0, spread=0.0)
    report = last(game, optimizer, {"lr": 0.1})
    assert report.info["cost"].item() == 1 and report.info["residual"].item() == 0
    assert all(own.item() == 0 for own in report.players.values())


def test_proximal_counts_one_step_of_adam() -> None:
    optimizer = minmax.optimizers.get("proximal", transform="adam")
    report = last(minmax.games.get("bilinear"), optimizer, {"lr": 0.1}, steps=4)
    assert (report.state["optimizer"]["x"]["count"] == 4).all()
    assert report.info["cost"].item() > 1


@pytest.mark.parametrize(("a", "b", "s"), [(0.0, 1.0, 1.0), (-0.4, 2.0, 1.5)])
def test_nested_descends_the_maximum(a: float, b: float, s: float) -> None:
    """max_y f = (a + s²/b)/2·x², though f itself may be concave in x; both members stop their ascent on their own."""
    optimizer = minmax.optimizers.get("nested", ascent_steps=500)
    hypers = {"lr": [0.1, 0.2], "lr_ratio": 3.0, "tolerance": 1e-10}
    before, after = minmax.train(quadratic(a, b, s), optimizer, hypers, [1, 1], 6, report_every=5, **COMMON)
    slope = a + s * s / b
    expected = torch.tensor([1 - 0.1 * slope, 1 - 0.2 * slope], dtype=torch.float64)
    torch.testing.assert_close(after.players["x"] / before.players["x"], expected, rtol=1e-7, atol=0)
    torch.testing.assert_close(after.players["y"], s * before.players["x"] / b, rtol=0, atol=1e-9)
    steps = after.info["ascent_steps"]
    assert steps[0] > steps[1] > 0
    torch.testing.assert_close(after.info["cost"], 0.5 + 0.7 * (steps + 1))


def test_nested_stops_at_the_edge_of_the_feasible_set() -> None:
    """On f = xy in the box the answer to x ≠ 0 is a corner, where the gradient x is as large as ever."""
    optimizer = minmax.optimizers.get("nested", ascent_steps=200)
    report = last(minmax.games.get("xy"), optimizer, {"lr": 0.1, "lr_ratio": 1000.0, "tolerance": 1e-6}, range(8))
    assert (report.players["y"].abs() == 5).all()
    assert (report.info["ascent_steps"] < 200).all()


def test_lookahead_takes_after_its_base() -> None:
    base = minmax.optimizers.get("accept_reject", transform="adam", ascent_steps=2)
    options = {"name": "accept_reject", "ascent_steps": 2}
    around = minmax.optimizers.get("lookahead", transform="adam", base=options)
    for what in ("batches", "cost", "noise", "needs"):
        mine, theirs = getattr(around, what), getattr(base, what)
        assert mine == theirs or mine.__qualname__ == theirs.__qualname__
    assert around.hypers == {**base.hypers, "slow_step": around.hypers["slow_step"]}


def test_lookahead_goes_back_with_its_weights_alone() -> None:
    """Until the first synchronisation it is its base; there moments stay the base's, and the weights are between the
    first and the last."""
    base = minmax.optimizers.get("alternating_gda", transform="adam")
    around = minmax.optimizers.get("lookahead", transform="adam", base="alternating_gda", k=4)
    game, hypers = module_gan(norm=True), hypers_for(base)
    runs = [list(minmax.train(game, each, hypers, [3, 4], 4, report_every=1, **COMMON)) for each in (base, around)]
    for plain, ahead in list(zip(*runs, strict=True))[:3]:
        assert all(map(torch.equal, tree.leaves(plain.players), tree.leaves(ahead.players)))
    plain, ahead = runs[0][-1], runs[1][-1]
    begun = tree.map(torch.Tensor.double, tree.stack([game.init(minmax.streams.generator(s, "init")) for s in (3, 4)]))
    middle = tree.mean(tree.parameters(begun), tree.parameters(plain.players))
    torch.testing.assert_close(tree.parameters(ahead.players), middle)
    assert all("buffers" not in own for own in ahead.state["optimizer"]["slow"].values())
    torch.testing.assert_close(ahead.state["optimizer"]["base"], plain.state["optimizer"])


def test_lookahead_keeps_its_own_copy() -> None:
    """Who trains modules writes into them."""
    around = minmax.optimizers.get("lookahead")
    players = {"x": torch.ones(1, 2), "y": torch.ones(1, 2)}
    state = around.init(players)
    for own in players.values():
        own.zero_()
    assert all((leaf == 1).all() for leaf in tree.leaves(state["slow"]))


def test_lookahead_around_lookahead() -> None:
    """Its slow weights then look ahead too: two levels, as each says alone."""
    inner = {"name": "lookahead", "k": 2}
    nested = minmax.optimizers.get("lookahead", base=inner, k=6)
    game = minmax.games.get("bilinear")
    report = last(game, nested, {"lr": 0.3, "slow_step": 0.4}, steps=6)
    begun = game.init(minmax.streams.generator(0, "init"))
    start = complex(begun["x"].item(), begun["y"].item())
    expected = start * (0.6 + 0.4 * (0.6 + 0.4 * (1 + 0.3j) ** 2) ** 3)
    found = complex(report.players["x"].item(), report.players["y"].item())
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("nested", {"ascent_steps": 0}, "ascent_steps: 0 given; at least 1 is allowed"),
        ("proximal", {"iterations": 0}, "iterations: 0 given; at least 1 is allowed"),
        ("proximal", {"tolerance": -1.0}, "tolerance: -1.0 given; at least 0 is allowed"),
        ("proximal", {"tolerance": math.nan}, "tolerance: nan given; at least 0 is allowed"),
        ("lookahead", {"k": 0}, "k: 0 given; at least 1 is allowed"),
        ("lookahead", {"base": {"k": 3}}, r"base: \{'k': 3\} given; a name, or \{name: …, options\} is allowed"),
        ("lookahead", {"base": "gdda"}, "unknown optimizer 'gdda'; did you mean 'gda'"),
    ],
)
def test_options_that_are_not_allowed(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        minmax.optimizers.get(name, **options)


@pytest.mark.parametrize("value", [0.0, 1.1])
def test_a_slow_step_is_a_share(value: float) -> None:
    optimizer = minmax.optimizers.get("lookahead")
    with pytest.raises(ValueError, match=f"slow_step: {value:g} given; allowed: > 0 and <= 1"):
        hypers_over_members(optimizer, {"lr": 0.1, "slow_step": value}, 1)
