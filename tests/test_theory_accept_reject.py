"""Accept/reject: a proposal is kept iff f fell on the same minibatch (or by luck), and a reject leaves no trace."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from contract import check_cost, measured_cost, noisy_bilinear
from torch import Tensor

import minmax
from minmax import tree
from minmax.field import lift
from minmax.hypers import hypers_over_members
from minmax.optimizers.accept_reject import equilibrium, equilibrium_share
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


def exponential(i: int) -> float:
    return 0.6 * math.exp(-i / 20)


def constant(i: int) -> float:
    return 0.6


def every(i: int) -> float:
    return float(i % 3 == 0)


def mnist(i: int) -> float:
    return 1 / (4 + math.exp((i / 20_000) ** 2))


PROBABILITIES = {
    exponential: {"accept": 0.6, "temperature": 20.0},
    constant: {"accept": 0.6},
    every: {"every": 3.0},
    mnist: {},
}


@pytest.mark.parametrize("probability", PROBABILITIES, ids=lambda own: own.__name__)
def test_luck_has_its_probability(probability: Callable[[int], float]) -> None:
    """Where f never falls the share kept at iteration i is the schedule's p_i, within 4σ of its binomial."""
    members, own = 2000, PROBABILITIES[probability]
    optimizer = minmax.optimizers.get("accept_reject", schedule=probability.__name__, patience=10**6)
    assert set(optimizer.hypers) == {"lr", "lr_ratio", "delta", *own}, "declares what its schedule uses, no more"
    given = {"lr": 1e-3, **own}
    reports = minmax.train(standing(), optimizer, given, range(members), steps=48, report_every=1, dtype="float64")
    for i, report in enumerate(reports):
        expected = probability(i)
        sigma = math.sqrt(expected * (1 - expected) / members)
        assert abs(report.info["accepted"].mean().item() - expected) <= 4 * sigma, i


@pytest.mark.parametrize(("iteration", "expected"), [(0, 0.2), (2000, 0.19960), (20_000, 0.14885), (10**6, 0.0)])
def test_the_released_mnist_schedule_over_a_whole_run(iteration: int, expected: float) -> None:
    """u ~ U(0, T), accepted unseen iff u ≤ 1, T = 4 + exp((i/20000)²): 1/5, and at i = 20000 1/(4 + e)."""
    optimizer = minmax.optimizers.get("accept_reject", schedule="mnist")
    players = scattered(10_000)
    state = {**optimizer.init(players), "iteration": torch.full((10_000,), float(iteration), dtype=torch.float64)}
    coins = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    given = hypers_over_members(optimizer, {"lr": 1e-3}, 10_000)
    *_, info = optimizer.step(standing(), players, state, ({}, {}), {"coin": coins}, given)
    assert info["accepted"].mean().item() == pytest.approx(expected, abs=1e-4)


def test_the_margin_is_what_f_must_fall_by() -> None:
    """Accepted iff f fell by more than δ, here members with δ on both sides of what it falls by."""
    optimizer = minmax.optimizers.get("accept_reject")
    players = tree.map(lambda x: x[:1].expand(4).clone().view(4, 1), {"x": torch.ones(1), "y": torch.ones(1)})
    players = tree.map(torch.Tensor.double, players)
    h, r = 0.03, 0.3
    fall = 1 - (1 - h) * (1 + h * r * (1 - h))  # from xy = 1 to x′w
    deltas = torch.tensor([0.0, fall - 1e-9, fall + 1e-9, 1.0], dtype=torch.float64)
    *_, kept = step(optimizer, players, optimizer.init(players), {**hypers(optimizer, 4, accept=0.0), "delta": deltas})
    assert kept.tolist() == [True, True, False, False]


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
    start = {"x": torch.tensor(4.7), "y": torch.tensor(5.0)}
    game = replace(minmax.games.get("xy"), init=lambda generator: start)
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


FIRST_UNSEEN = {"accept": 1.0, "temperature": 1e-3}
"""p₀ = 1 and frozen from the second iteration on: f before the first counts as infinite, as in the paper's loop."""


@pytest.mark.parametrize("eta", [0.05, 0.1, 0.3])
def test_the_box_from_100_random_starts(eta: float) -> None:
    """After the first answer |x| never grows, and ends and stays at |x| ≤ 5η/2 in every run; under GDA in none."""
    greedy, plain = minmax.optimizers.get("accept_reject", patience=10), minmax.optimizers.get("gda")
    options = {"seeds": range(100), "steps": 200, "report_every": 1, "dtype": "float64"}
    given = {"lr": eta, "lr_ratio": 1e6, **FIRST_UNSEEN}
    path = list(minmax.train(minmax.games.get("xy"), greedy, given, **options))
    distance = torch.stack([report.players["x"].abs() for report in path])
    assert (distance[1:] <= distance[:-1] + 1e-12).all()
    assert (distance[0] > 5 * eta).sum() > 50, "most have a way to go"
    assert (distance[-1] <= 5 * eta / 2).all()
    assert (path[-1].info["stopped"] == 1).all()
    cycling = torch.stack(
        [report.players["x"].abs() for report in minmax.train(minmax.games.get("xy"), plain, {"lr": eta}, **options)]
    )
    assert (cycling[100:].amax(0) > 5 * eta / 2).all()


def test_where_patience_ends_no_proposal_would_lower_h() -> None:
    """On xy with Gaussian proposals: next to none where a member stopped, a good part of them where it started."""
    optimizer = minmax.optimizers.get("accept_reject", proposal="gaussian", patience=200)
    given = {"lr": 0.1, "lr_ratio": 1e6, "scale": 0.5, "delta": 0.1, **FIRST_UNSEEN}
    metric = equilibrium(optimizer, given, proposals=60)
    options = {"seeds": range(30), "steps": 600, "report_every": [1, 600], "metrics": [metric], "dtype": "float64"}
    begun, ended = minmax.train(minmax.games.get("xy"), optimizer, given, **options)
    assert (ended.info["stopped"] > 0).all() and not begun.info["stopped"].any()
    assert (ended.metrics["equilibrium_share"] <= 0.05).all()
    assert ended.metrics["equilibrium_share"].mean() < 0.01
    assert (begun.metrics["equilibrium_share"] > 0.2).sum() > 20


def test_the_share_is_that_of_the_normal_distribution() -> None:
    """With w = 5·sign(x′), h falls by δ iff |x′| < |x| − δ/5: P = Φ((2|x| − δ/5)/s) − Φ(δ/5s), within 4σ."""
    optimizer = minmax.optimizers.get("accept_reject", proposal="gaussian")
    x = torch.tensor([0.03, -0.2, 1.0, 4.0], dtype=torch.float64)
    s, delta, proposals = 0.5, 0.1, 2000
    given = {"lr": 0.1, "lr_ratio": 1e6, "scale": s, "delta": delta, "temperature": 1.0}
    players, own = {"x": x, "y": 5 * x.sign()}, torch.Generator().manual_seed(3)
    share = equilibrium_share(lift(minmax.games.get("xy")), players, optimizer, given, own, proposals)
    normal = torch.distributions.Normal(0.0, 1.0)
    expected = normal.cdf((2 * x.abs() - delta / 5) / s) - normal.cdf(torch.tensor(delta / 5 / s))
    assert ((share - expected).abs() <= 4 * (expected * (1 - expected) / proposals).sqrt()).all()


def test_the_check_refuses_what_has_no_rule() -> None:
    players, own = scattered(2), torch.Generator()
    for optimizer in (minmax.optimizers.get("gda"), minmax.optimizers.get("accept_reject", as_released=True)):
        with pytest.raises(ValueError, match=r"flips no coin; accept_reject by the paper's rule is allowed"):
            equilibrium_share(xy(), players, optimizer, {"lr": 0.1}, own)
    with pytest.raises(ValueError, match="proposals: 0 given; at least 1"):
        greedy = minmax.optimizers.get("accept_reject")
        equilibrium_share(xy(), players, greedy, {"lr": 0.1, "temperature": 1.0}, own, proposals=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "linear"}, "schedule: 'linear' given; allowed: exponential, constant, every, mnist"),
        ({"proposal": "cauchy"}, "proposal: 'cauchy' given; allowed: gradient, gaussian"),
        ({"restore": "none"}, "restore: 'none' given; allowed: all, weights"),
        ({"ascent_steps": 0}, "ascent_steps: 0 given; at least 1 is allowed"),
        ({"as_released": True, "paired": False}, "only transform and ascent_steps are allowed"),
    ],
)
def test_an_option_that_is_not_allowed_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        minmax.optimizers.get("accept_reject", **options)


def by_the_notebook(points: Tensor, rate: int, disc_steps: int, steps: int) -> tuple[list[float], list[bool]]:
    """The four-Gaussian notebook's loop on f = −(cross-entropy) = −c(1 + x²y²/4 − xy), with torch's own Adam."""
    x, y = (torch.tensor([0.8, -0.6][i], dtype=torch.float64, requires_grad=True) for i in range(2))
    adams = [torch.optim.Adam([x], lr=0.05, betas=(0.5, 0.999)), torch.optim.Adam([y], lr=0.02, betas=(0.5, 0.999))]
    batch, old, verdicts = iter(points), math.inf, []

    def run(*moving: int) -> float:
        """One session run: the loss is fetched as it was before the updates of that run."""
        loss = next(batch) * (1 + (x * y) ** 2 / 4 - x * y)
        gradients = torch.autograd.grad(loss, [x, y])
        for i in moving:
            (x, y)[i].grad = -gradients[0] if i == 0 else gradients[1]
            adams[i].step()
        return loss.item()

    for i in range(steps):
        before = x.detach().clone()
        loss = run(0, 1)
        for _ in range(disc_steps - 1):
            loss = run(1)
        verdicts.append(not (i % rate != 0 and loss > old))
        if not verdicts[-1]:
            x.data.copy_(before)
        old = loss
    return [x.item(), y.item()], verdicts


@pytest.mark.parametrize(("disc_steps", "rate"), [(1, 4), (6, 4), (6, 3)])
def test_as_released_is_the_notebooks_loop(disc_steps: int, rate: int) -> None:
    """Players and verdicts of 40 iterations agree with a transcription that knows nothing of members."""

    def f(players: Players, batch: Batch) -> Tensor:
        product = players["x"] * players["y"]
        return -batch["c"] * (1 + product**2 / 4 - product)

    points = 1 + torch.rand(40 * disc_steps, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected, verdicts = by_the_notebook(points, rate, disc_steps, 40)
    optimizer = minmax.optimizers.get("accept_reject", transform="adam", as_released=True, ascent_steps=disc_steps)
    game = minmax.Game(lambda own: {}, {"x": f, "y": lambda players, batch: -f(players, batch)}, native=True)
    given = hypers_over_members(optimizer, {"lr": 0.05, "lr_ratio": 0.4, "every": rate}, 1)
    players = {name: torch.tensor([z], dtype=torch.float64) for name, z in (("x", 0.8), ("y", -0.6))}
    state, seen, batches = optimizer.init(players), [], iter(points)
    for _ in range(40):
        batch = tuple({"c": next(batches).view(1)} for _ in range(optimizer.batches))
        players, state, info = optimizer.step(game, players, state, batch, {}, given)
        seen.append(bool(info["accepted"]))
    assert seen == verdicts and 5 < verdicts.count(False) < 30
    assert [players["x"].item(), players["y"].item()] == pytest.approx(expected, rel=1e-9)


def test_always_accept_is_a_constant_schedule() -> None:
    """p₀ = 1, constant: ``alternating_gda`` at its own declared cost, of which the unread values of f are part."""
    always = minmax.optimizers.get("accept_reject", schedule="constant", ascent_steps=6)
    plain = minmax.optimizers.get("alternating_gda", ascent_steps=6)
    options = {"seeds": range(5), "steps": 20, "dtype": "float64"}
    (kept,) = minmax.train(minmax.games.get("xy"), always, {"lr": 0.1, "accept": 1.0}, **options)
    (other,) = minmax.train(minmax.games.get("xy"), plain, {"lr": 0.1}, **options)
    assert all(torch.equal(kept.players[name], other.players[name]) for name in ("x", "y"))
    assert kept.cost == pytest.approx(other.cost + 20 * 0.65)


def test_an_early_answer_costs_what_it_took() -> None:
    """Good enough at once: one gradient of the answer, and the FLOPs are what it says, not the most it may be."""
    optimizer = minmax.optimizers.get("accept_reject", to_tolerance=True, ascent_steps=8)
    easy = optimizer._replace(
        hypers={**optimizer.hypers, "tolerance": optimizer.hypers["tolerance"]._replace(default=1e6)}
    )
    cost = measured_cost(easy)
    assert cost.said == pytest.approx(0.65 + 0.5 + 0.7)
    check_cost(easy)
    assert optimizer.cost == pytest.approx(0.65 + 0.5 + 8 * 0.7)


VARIANTS = [
    {"schedule": "every", "proposal": "gaussian", "to_tolerance": True, "ascent_steps": 9},
    {"schedule": "mnist", "restore": "weights", "paired": False, "patience": 4},
    {"as_released": True, "ascent_steps": 3},
]


@pytest.mark.parametrize("options", VARIANTS, ids=["gaussian to a tolerance", "MNIST's habits", "as released"])
def test_variants_resume_and_members_are_alone(options: dict[str, Any]) -> None:
    optimizer, game = minmax.optimizers.get("accept_reject", transform="adam", **options), noisy_bilinear()
    given = {"lr": 0.03, **({"scale": 0.3, "tolerance": 0.3} if "proposal" in options else {})}
    settings = {"steps": 20, "report_every": 7, "dtype": "float64"}
    early, _, whole = minmax.train(game, optimizer, given, range(6), **settings)
    *_, rest = minmax.train(game, optimizer, given, range(6), **settings, resume=early.state)
    for was, now in zip(tree.leaves(whole.state), tree.leaves(rest.state), strict=True):
        assert torch.equal(was, now)
    *_, alone = minmax.train(game, optimizer, given, [4], **settings)
    for mine, among in zip(tree.leaves(alone.players), tree.leaves(whole.players), strict=True):
        torch.testing.assert_close(mine[0], among[4], rtol=1e-9, atol=1e-12)
    if "proposal" in options:
        assert 0 < whole.cost < 20 * optimizer.cost and not whole.diverged.any()
