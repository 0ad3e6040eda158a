"""Accept/reject: a proposal is kept iff f fell on the same minibatch (or by luck), and a reject leaves no trace."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

import minmax
from minmax import tree
from minmax.train import hypers_over_members
from minmax.types import Batch, Game, Hypers, Optimizer, Players, State

MEMBERS = 256


def xy() -> Game:
    return minmax.games.get("bilinear", [[1.0]])


def standing() -> Game:
    """f = xy for the gradients, but its value never falls: only luck accepts."""
    game = xy()
    return minmax.Game(game.init, game.losses, value=lambda players, batch: players["x"].sum(-1) * 0, native=True)


def hypers(optimizer: Optimizer, members: int = MEMBERS, **given: float) -> dict[str, Tensor]:
    return hypers_over_members(optimizer, {"lr": 0.03, "lr_ratio": 0.3, "temperature": 50.0, **given}, members)


def scattered(members: int = MEMBERS) -> Players:
    own = torch.Generator().manual_seed(0)
    return {name: torch.randn(members, 1, generator=own, dtype=torch.float64) for name in ("x", "y")}


def step(
    optimizer: Optimizer, players: Players, state: State, values: Hypers, coin: float = 1.0, game: Game | None = None
) -> tuple[Players, State, Tensor]:
    coins = torch.full((len(players["x"]),), coin, dtype=torch.float64)
    batches: tuple[Batch, ...] = ({},) * optimizer.batches
    players, state, info = optimizer.step(game or xy(), players, state, batches, {"coin": coins}, values)
    return players, state, info["accepted"].bool()


@pytest.mark.parametrize("ascent_steps", [1, 3])
def test_f_only_falls_and_a_reject_restores_weights_and_moments(ascent_steps: int) -> None:
    """Without luck: accepted members have lower f and moved moments; rejected ones are bitwise where they were."""
    optimizer = minmax.optimizers.get("accept_reject", transform="adam", ascent_steps=ascent_steps)
    values = hypers(optimizer, accept=0.0)
    players, seen = scattered(), [0, 0]
    state = optimizer.init(players)
    for _ in range(15):
        after, later, kept = step(optimizer, players, state, values)
        f_before, f_after = players["x"] * players["y"], after["x"] * after["y"]
        assert (f_after < f_before)[kept].all()
        seen = [seen[0] + int(kept.sum()), seen[1] + int((~kept).sum())]
        old = tree.leaves({"players": players, "transform": state["transform"]})
        new = tree.leaves({"players": after, "transform": later["transform"]})
        for was, now in zip(old, new, strict=True):
            assert torch.equal(was[~kept], now[~kept])
            assert (was[kept] != now[kept]).flatten(1).any(1).all() if was.dim() > 1 else (was != now)[kept].all()
        players, state = after, later
    assert min(seen) > 500, "both branches must have been taken"


def test_a_lucky_proposal_is_kept_though_f_rose() -> None:
    optimizer = minmax.optimizers.get("accept_reject")
    players = scattered()
    after, _, kept = step(optimizer, players, optimizer.init(players), hypers(optimizer, accept=0.5), coin=0.4)
    assert kept.all()
    assert (after["x"] * after["y"] > players["x"] * players["y"]).any()


def test_with_full_luck_it_is_alternating_gda() -> None:
    greedy = minmax.optimizers.get("accept_reject", transform="adam", ascent_steps=2)
    plain = minmax.optimizers.get("alternating_gda", transform="adam", ascent_steps=2)
    game, common = minmax.games.get("bilinear", [[1.0, -0.5], [0.3, 2.0]]), {"lr": 0.02, "lr_ratio": 1.7}
    options = {"seeds": range(5), "steps": 20, "dtype": "float64"}
    (lucky,) = minmax.train(game, greedy, {**common, "accept": 1.0, "temperature": 1e12}, **options)
    (always,) = minmax.train(game, plain, common, **options)
    assert all(torch.equal(lucky.players[name], always.players[name]) for name in ("x", "y"))
    assert (lucky.info["accepted"] == 1).all()


def test_before_and_after_are_compared_on_one_minibatch() -> None:
    """f = xy + c with a wild c a minibatch: compared on two minibatches, the verdicts would be c's."""
    game = xy()

    def value(players: Players, batch: Batch) -> Tensor:
        return (players["x"] * players["y"]).sum(-1) + batch["c"]

    def sample(generator: torch.Generator) -> Batch:
        return {"c": 1e6 * torch.randn((), generator=generator, dtype=torch.float64)}

    noisy = minmax.Game(game.init, game.losses, sample=sample, value=value, native=True)
    optimizer = minmax.optimizers.get("accept_reject")
    options = {"seeds": range(64), "steps": 30, "report_every": 1, "dtype": "float64"}
    given = {"lr": 0.03, "lr_ratio": 0.3, "accept": 0.0, "temperature": 1.0}
    verdicts = [
        torch.stack([report.info["accepted"] for report in minmax.train(each, optimizer, given, **options)])
        for each in (game, noisy)
    ]
    assert 0.1 < verdicts[0].mean() < 0.9
    assert (verdicts[0] != verdicts[1]).double().mean() < 1e-3  # f differs by less than 1e6's rounding


def test_luck_has_its_probability() -> None:
    """Where f never falls the share kept at iteration i is p₀·exp(−i/τ), within 4σ of its binomial."""
    members, p0, tau = 2000, 0.6, 20.0
    optimizer = minmax.optimizers.get("accept_reject", patience=10**6)
    given = {"lr": 1e-3, "accept": p0, "temperature": tau}
    reports = minmax.train(standing(), optimizer, given, range(members), steps=48, report_every=1, dtype="float64")
    for i, report in enumerate(reports):
        expected = p0 * math.exp(-i / tau)
        sigma = math.sqrt(expected * (1 - expected) / members)
        assert abs(report.info["accepted"].mean().item() - expected) <= 4 * sigma, i


def test_patience_stops_a_member_for_good() -> None:
    """The third reject in a row stops it; then neither luck nor a lower f moves it. An accept starts the count anew."""
    optimizer = minmax.optimizers.get("accept_reject", patience=3)
    players = scattered(4)
    state, without, lucky = optimizer.init(players), hypers(optimizer, 4, accept=0.0), hypers(optimizer, 4, accept=1.0)
    for values, stopped in [(without, 0), (without, 0), (lucky, 0), (without, 0), (without, 0), (without, 1)]:
        players, state, kept = step(optimizer, players, state, values, coin=0.0, game=standing())
        assert kept.all() == (values is lucky)
        assert (state["stopped"] == bool(stopped)).all()
    after, state, kept = step(optimizer, players, state, lucky, coin=0.0)
    assert not kept.any()
    assert all(torch.equal(players[name], after[name]) for name in players)


@pytest.mark.parametrize(("eta", "terminal"), [(0.05, 0.05), (0.1, 0.2), (0.3, 0.2)])
def test_the_box_oracle(eta: float, terminal: float) -> None:
    """f = xy on [−5, 5]² with an exact answer w = 5·sign(x): |x| falls by 5η a step until |x| ≤ 5η/2, and stays.

    From x = 4.7 the final |x| is .05, .2, .2 for η = .05, .1, .3. (The answer is exact because one ascent step of rate
    10⁶·η reaches the box's edge.)
    """
    start = {"x": torch.tensor([4.7]), "y": torch.tensor([5.0])}
    game = minmax.Game(
        lambda generator: start, xy().losses, value=xy().value, native=True,
        project=lambda players: tree.map(lambda z: z.clamp(-5, 5), players),
    )  # fmt: skip
    optimizer = minmax.optimizers.get("accept_reject", patience=3)
    given = {"lr": eta, "lr_ratio": 1e6, "accept": 0.0, "temperature": 1.0}
    path = [
        (report.players["x"].abs().item(), report.info["stopped"].item())
        for report in minmax.train(game, optimizer, given, steps=40, report_every=1, dtype="float64")
    ]
    distance = [x for x, _ in path]
    assert all(later <= earlier for earlier, later in pairwise(distance))
    assert distance[-1] == pytest.approx(terminal, abs=1e-6)
    assert distance[-1] <= 5 * eta / 2
    assert path[-1][1] == 1.0
