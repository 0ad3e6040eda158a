"""The second player's answer to a tolerance: where it stops, what it costs, and that members stop on their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from minmax import transforms, tree
from minmax.field import lift, partial
from minmax.games.quadratic import quadratic
from minmax.optimizers.ascent import Ascent, ascend, stationarity
from minmax.optimizers.play import start
from minmax.types import Game, Players

STEEP, COUPLING, RATE, RATIO = 1.3, 0.7, 0.2, 0.5
"""f = x²/2 + s·xy − b/2·y²: the answer is y* = sx/b, and a step of h = 0.1 shrinks y − y* by 1 − hb = 0.87."""


def game() -> Game:
    return lift(quadratic(1.0, STEEP, COUPLING))


def boxed() -> Game:
    """The same with |y| ≤ 1."""
    return lift(replace(quadratic(1.0, STEEP, COUPLING), project=lambda own: {**own, "y": own["y"].clamp(-1, 1)}))


def players() -> Players:
    own = torch.Generator().manual_seed(1)
    return {name: 3 * torch.randn(9, generator=own, dtype=torch.float64) for name in ("x", "y")}


def answer(at: Players, cap: int, tolerance: float | None, built: Game | None = None, transform: str = "sgd") -> Ascent:
    members, rule = tree.members(at), transforms.get(transform)
    given = {name: r.default for name, r in rule.hypers.items()}
    values = {"lr": RATE, "lr_ratio": RATIO, **given}
    hypers = {name: torch.full((members,), value, dtype=torch.float64) for name, value in values.items()}
    limit = None if tolerance is None else torch.full((members,), tolerance, dtype=torch.float64)
    return ascend(built or game(), rule, at, [{}], start(rule, at), hypers, cap, limit)


def test_without_a_tolerance_it_is_so_many_steps() -> None:
    begun = players()
    after = answer(begun, 7, None)
    best = COUPLING * begun["x"] / STEEP
    torch.testing.assert_close(after.players["y"] - best, (begun["y"] - best) * (1 - RATE * RATIO * STEEP) ** 7)
    assert torch.equal(after.players["x"], begun["x"])
    assert (after.steps == 7).all() and (after.gradients == 7).all()


def test_it_stops_at_the_first_gradient_below_the_tolerance() -> None:
    """|F_y| = b|y − y*| shrinks by 0.87 a step: the number of steps is ⌈log(tolerance/|F_y|)/log 0.87⌉."""
    begun = players()
    after = answer(begun, 1000, 1e-3)
    first = STEEP * (begun["y"] - COUPLING * begun["x"] / STEEP).abs()
    expected = (torch.log(1e-3 / first) / torch.log(torch.tensor(1 - RATE * RATIO * STEEP).double())).ceil()
    assert torch.equal(after.steps, expected)
    assert torch.equal(after.gradients, expected + 1)
    assert len(after.steps.unique()) > 3, "members must have stopped at different steps"


def test_the_cap_holds() -> None:
    after = answer(players(), 5, 1e-3)
    assert (after.steps == 5).all() and (after.gradients == 5).all()


@pytest.mark.parametrize("transform", ["sgd", "adam"])
@pytest.mark.parametrize("built", [game, boxed])
def test_a_member_alone_stops_as_among_others(built: Any, transform: str) -> None:
    """Players, moments and counts, though the others go on."""
    begun = players()
    among = answer(begun, 300, 1e-2, built(), transform)
    for index in range(tree.members(begun)):
        alone = answer(tree.map(lambda x, i=index: x[i : i + 1], begun), 300, 1e-2, built(), transform)
        for mine, theirs in zip(tree.leaves(alone._asdict()), tree.leaves(among._asdict()), strict=True):
            torch.testing.assert_close(mine[0], theirs[index], rtol=1e-12, atol=0)
    assert (among.steps < 300).all() and len(among.steps.unique()) > 2


def test_at_the_edge_of_the_feasible_set_the_projected_gradient_counts() -> None:
    """Where y* lies outside |y| ≤ 1 the gradient stays large at the edge, and the member stops there all the same."""
    begun = {"x": torch.tensor([4.0, -4.0, 0.1]).double(), "y": torch.tensor([0.5, 0.5, 0.5]).double()}
    after = answer(begun, 300, 1e-6, boxed())
    expected = torch.tensor([1.0, -1.0, COUPLING * 0.1 / STEEP]).double()
    torch.testing.assert_close(after.players["y"], expected, rtol=0, atol=1e-6)
    gradient = partial(boxed(), after.players, {}, "y")
    assert (gradient["y"][:2].abs() > 1).all()
    hypers = {"lr": torch.full((3,), RATE), "lr_ratio": torch.full((3,), RATIO)}
    assert (stationarity(boxed(), after.players, gradient, hypers) <= 1e-6).all()


def test_inside_the_feasible_set_it_is_the_gradients_norm() -> None:
    inside: dict[str, Tensor] = {"x": torch.tensor([0.3]).double(), "y": torch.tensor([-0.4]).double()}
    hypers = {"lr": torch.full((1,), RATE), "lr_ratio": torch.full((1,), RATIO)}
    gradient = partial(boxed(), inside, {}, "y")
    torch.testing.assert_close(stationarity(boxed(), inside, gradient, hypers), tree.norm(gradient))
