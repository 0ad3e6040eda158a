"""Every registered game of a formula: its field by hand, its solution, its feasible set, its row in the docs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from linear_maps import stacked
from scipy.optimize import minimize
from torch import Tensor

import minmax
from minmax import field, tree
from minmax.field import lift
from minmax.games import simplex
from minmax.types import Batch, Game, Players

ROOT = Path(__file__).parents[1]
MEMBERS = 40

Formula = Callable[[Players], dict[str, Tensor]]


def wave(z: Players) -> dict[str, Tensor]:
    x, y = z["x"], z["y"]
    u = y - 3 * x + 0.05 * x**3
    g, e = 4 * x**2 - u**2 - 0.1 * y**4, torch.exp(-0.01 * (x**2 + y**2))
    return {
        "x": e * (8 * x + 2 * u * (3 - 0.15 * x**2) - 0.02 * x * g),
        "y": e * (2 * u + 0.4 * y**3 + 0.02 * y * g),
    }


def payoffs(z: Players) -> dict[str, Tensor]:
    """(Aq, −Aᵀp) = (Aq, Ap): A is antisymmetric, and (Aq)_i = q_{i+1} − q_{i+2}."""
    return {"row": _cyclic(z["column"]), "column": _cyclic(z["row"])}


def payoffs_of_logits(z: Players) -> dict[str, Tensor]:
    """The same through p = softmax(z): ∂p/∂z = diag p − ppᵀ."""
    p, q = z["row"].softmax(-1), z["column"].softmax(-1)
    through = {"row": (p, _cyclic(q)), "column": (q, _cyclic(p))}
    return {name: own * (g - (own * g).sum(-1, keepdim=True)) for name, (own, g) in through.items()}


def _cyclic(q: Tensor) -> Tensor:
    return q.roll(-1, -1) - q.roll(-2, -1)


class Case(NamedTuple):
    """A registered game, options that are not neutral, and F by hand."""

    name: str
    options: dict[str, Any]
    formula: Formula


CASES = {
    "cos_sin": Case("cos_sin", {}, lambda z: {"theta": -z["phi"].cos(), "phi": -z["theta"].sin()}),
    "curl": Case("curl", {}, lambda z: {"theta": z["phi"], "phi": -z["theta"]}),
    "f1": Case("f1", {}, lambda z: {"x": 4 * z["y"] - 6 * z["x"], "y": 2 * z["y"] - 4 * z["x"]}),
    "f2": Case("f2", {}, lambda z: {"x": 6 * z["x"] + 4 * z["y"], "y": -4 * z["x"] - 2 * z["y"]}),
    "f3": Case("f3", {}, wave),
    "linear_wgan": Case(
        "linear_wgan",
        {"mean": (3.0, 4.0, -2.0), "clip": 0.5},
        lambda z: {"theta": -z["w"], "w": z["theta"] - torch.tensor([3.0, 4.0, -2.0])},
    ),
    "lq_wgan": Case("lq_wgan", {"sigma": 1.5}, lambda z: {"a": -2 * z["a"] * z["w"], "w": z["a"] ** 2 - 2.25}),
    "quadratic": Case(
        "quadratic",
        {"a": 0.5, "b": 0.7, "s": 1.1},
        lambda z: {"x": 0.5 * z["x"] + 1.1 * z["y"], "y": 0.7 * z["y"] - 1.1 * z["x"]},
    ),
    "rps simplex": Case("rock_paper_scissors", {"parametrization": "simplex"}, payoffs),
    "rps softmax": Case("rock_paper_scissors", {}, payoffs_of_logits),
    "two_time_scale": Case(
        "two_time_scale",
        {"noise": 0.0},
        lambda z: {"x": 2 * z["x"] * (100 - z["y"] ** 2), "y": 2 * z["y"] * (1 + z["x"] ** 2)},
    ),
    "xy": Case("xy", {"bound": 2.0}, lambda z: {"x": z["y"], "y": -z["x"]}),
}

every_case = pytest.mark.parametrize("label", CASES)

VALUES = {
    "curl": 6.0,
    "f1": -12.0 - 9.0 + 24.0,
    "f2": 12.0 + 9.0 + 24.0,
    "f3": (16.0 - (3.0 - 6.0 + 0.4) ** 2 - 8.1) * math.exp(-0.13),
    "lq_wgan": 3.0 * (2.25 - 4.0),
    "quadratic": 1.0 + 6.6 - 3.15,
    "two_time_scale": 5.0 * 91.0,
    "xy": 6.0,
}
"""f where the first player is 2 and the second 3."""

DRIFTS: dict[str, list[complex]] = {
    "cos_sin": [1j, -1j],
    "curl": [1j, -1j],
    "f1": [-2, -2],
    "f2": [2, 2],
    "f3": [-4, -4],
    "linear_wgan": [1j, -1j] * 3,
    "lq_wgan": [3j, -3j],
    "quadratic": [0.6 - 1.2**0.5 * 1j, 0.6 + 1.2**0.5 * 1j],
    "rps simplex": [0, 0, *[3**0.5 * 1j, -(3**0.5) * 1j] * 2],
    "rps softmax": [0, 0, *[3**0.5 / 9 * 1j, -(3**0.5) / 9 * 1j] * 2],
    "two_time_scale": [200, 2],
    "xy": [1j, -1j],
}
"""The eigenvalues of J at the solution (of f2: at (0, 0))."""


def built(label: str) -> Game:
    return lift(minmax.games.get(CASES[label].name, **CASES[label].options))


def minibatch(game: Game, members: int) -> Batch:
    own = torch.Generator().manual_seed(1)
    return tree.stack([game.sample(own) for _ in range(members)]) if game.sample is not None else {}


def somewhere(game: Game, members: int = MEMBERS, spread: float = 2.0) -> Players:
    """Random players of the game's shapes, in float64."""
    own = torch.Generator().manual_seed(0)
    begun = game.init(own)
    return tree.map(lambda x: spread * torch.randn(members, *x.shape, generator=own, dtype=torch.float64), begun)


def test_every_game_has_a_row_in_the_docs() -> None:
    text, _ = (ROOT / "docs" / "games.md").read_text().split("\n## The variants of the Dirac-GAN\n")
    rows = [line.split("|")[1].strip(" `") for line in text.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(minmax.GAMES)


def test_every_game_is_here() -> None:
    elsewhere = {"bilinear", "gan", "dirac_gan", "autoencoder_field"}
    assert {case.name for case in CASES.values()} | elsewhere == set(minmax.GAMES)


@every_case
def test_the_field_is_the_formula(label: str) -> None:
    game = built(label)
    players = somewhere(game)
    expected = CASES[label].formula(players)
    found = field.field(game, players, minibatch(game, MEMBERS))
    assert list(found) == list(expected) == list(players)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("label", VALUES)
def test_the_value_is_f(label: str) -> None:
    game = built(label)
    players = {name: torch.tensor([own]).double() for name, own in zip(somewhere(game), (2.0, 3.0), strict=True)}
    assert field.value(game, players, minibatch(game, 1)).item() == pytest.approx(VALUES[label], rel=1e-12)


@every_case
def test_a_solution_is_at_rest(label: str) -> None:
    game = built(label)
    if game.solution is None:
        assert label == "f2"
        return
    assert (tree.norm(CASES[label].formula(stacked(game.solution, 1))) < 1e-12).all()


@every_case
def test_eigenvalues_at_the_solution(label: str) -> None:
    """Exact to the square root of rounding, where an eigenvalue is double."""
    game = built(label)
    at = game.solution if game.solution is not None else {"x": torch.zeros(()), "y": torch.zeros(())}
    found = field.eigenvalues(game, stacked(at, 1), minibatch(game, 1))[0].tolist()
    assert len(found) == len(DRIFTS[label])
    for value in DRIFTS[label]:
        nearest = min(found, key=lambda other: abs(other - value))
        assert abs(nearest - value) < 1e-6
        found.remove(nearest)


@pytest.mark.parametrize(("name", "factor"), [("f1", 1.1), ("f2", 0.9)])
def test_descent_ascent_takes_the_wrong_point(name: str, factor: float) -> None:
    """Along the eigenvectors (1, 1) and (1, −1): F1's min-max point is left by 1 + 2h a step, F2's rest is reached by
    1 − 2h."""
    start = (1.0, 1.0) if name == "f1" else (1.0, -1.0)
    game = minmax.games.get(name, start=start)
    settings = {"steps": 30, "report_every": 10, "dtype": "float64", "device": "cpu"}
    for report in minmax.train(game, minmax.optimizers.get("gda"), {"lr": 0.05}, **settings):
        expected = torch.tensor(start, dtype=torch.float64) * factor**report.step
        torch.testing.assert_close(tree.flat(report.players)[0], expected, rtol=1e-12, atol=0)


def highest(game: Game, x: Tensor) -> Tensor:
    """max_y f(x, y) over a fine grid of y."""
    y = torch.linspace(-40, 40, 16001, dtype=torch.float64)
    players = {"x": x[:, None].expand(-1, len(y)).reshape(-1), "y": y.repeat(len(x))}
    return field.value(game, players, {}).view(len(x), -1).max(1).values


def test_min_max_points() -> None:
    """max_y F1 = x²; F2 has no highest y; sup_y F3 is at least 0 (f → 0 for large y), and 0 at x = 0 alone."""
    x = torch.tensor([-2.0, -0.5, 0.0, 1.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(highest(built("f1"), x), x**2, rtol=0, atol=1e-5)
    assert (highest(built("f2"), x) > 1300).all()
    hills = highest(built("f3"), x)
    assert hills[2].abs() < 1e-25
    assert (hills[[0, 1, 3, 4]] > 0.5).all()
    y = torch.linspace(20, 60, 5, dtype=torch.float64)
    tail = field.value(built("f3"), {"x": torch.full_like(y, 7.0), "y": y}, {})
    assert (tail < 0).all()
    assert tail[-1] > -1e-9


@pytest.mark.parametrize("label", ["xy", "linear_wgan", "rps simplex"])
def test_projection_is_to_the_nearest_feasible_point(label: str) -> None:
    """P(z) is feasible, P∘P = P, and ⟨z − P(z), u − P(z)⟩ ≤ 0 for every feasible u."""
    game = built(label)
    assert game.project is not None
    players = somewhere(game)
    nearest = game.project(players)
    torch.testing.assert_close(game.project(nearest), nearest)
    outward = tree.add(players, nearest, -1.0)
    assert (tree.norm(outward) > 0).any()
    feasible = game.project(tree.map(lambda x: x.flip(0), players))
    assert (tree.dot(outward, tree.add(feasible, nearest, -1.0)) <= 1e-12).all()
    assert FEASIBLE[label](nearest)


def _inside(bounds: dict[str, float]) -> Callable[[Players], bool]:
    return lambda z: all(bool((z[name].abs() <= bound).all()) for name, bound in bounds.items())


FEASIBLE: dict[str, Callable[[Players], bool]] = {
    "xy": _inside({"x": 2.0, "y": 2.0}),
    "linear_wgan": _inside({"w": 0.5}),
    "rps simplex": lambda z: all(
        bool((p >= 0).all()) and torch.allclose(p.sum(-1), torch.ones(MEMBERS).double()) for p in z.values()
    ),
}


def by_bisection(z: Tensor) -> Tensor:
    """The τ at which Σ max(z − τ, 0) = 1, found without sorting."""
    low, high = z.min(-1, keepdim=True).values - 1, z.max(-1, keepdim=True).values
    for _ in range(80):
        middle = (low + high) / 2
        above = (z - middle).clamp(min=0).sum(-1, keepdim=True) > 1
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return (z - low).clamp(min=0)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_onto_the_simplex(size: int) -> None:
    own = torch.Generator().manual_seed(size)
    z = 2 * torch.randn(5, 40, size, generator=own, dtype=torch.float64)
    z[0, 0] = 0.25  # ties
    torch.testing.assert_close(simplex.onto_simplex(z), by_bisection(z), rtol=0, atol=1e-12)
    quadratic_program = minimize(
        lambda p: ((p - z[1, 1].numpy()) ** 2).sum(),
        [1 / size] * size,
        bounds=[(0, 1)] * size,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        tol=1e-12,
    )
    torch.testing.assert_close(simplex.onto_simplex(z)[1, 1], torch.tensor(quadratic_program.x), rtol=0, atol=1e-5)


def brute(players: Players) -> Tensor:
    """The distance to the nearest centre of ``cos_sin`` among those of some periods."""
    pairs = [(k, m) for k in range(-6, 7) for m in range(-6, 7) if (k + m) % 2 == 0]
    centres = torch.tensor(pairs, dtype=torch.float64) * torch.pi + torch.tensor([0.0, torch.pi / 2])
    return torch.cdist(tree.flat(players), centres).min(1).values


def test_the_distance_is_to_the_nearest_centre() -> None:
    game = built("cos_sin")
    players = somewhere(game, spread=4.0)
    found = minmax.metrics.get("distance").measure(game, players, torch.Generator())["distance"]
    torch.testing.assert_close(found, brute(players))


def test_the_distance_to_other_solutions() -> None:
    """lq_wgan: −σ is as good as σ. Logits: any equal ones are uniform."""
    measure = minmax.metrics.get("distance").measure
    a, w = torch.tensor([-1.5, -2.0, 1.0]).double(), torch.tensor([0.0, 0.4, 0.3]).double()
    found = measure(built("lq_wgan"), {"a": a, "w": w}, torch.Generator())["distance"]
    torch.testing.assert_close(found, ((a.abs() - 1.5) ** 2 + w**2).sqrt())
    logits = torch.tensor([[7.0, 7.0, 7.0], [1.0, 2.0, 3.0]]).double()
    found = measure(built("rps softmax"), {"row": logits, "column": logits}, torch.Generator())["distance"]
    torch.testing.assert_close(found, torch.tensor([0.0, 2.0]).double())


def play(game: Game, name: str, steps: int, lr: float = 0.1, every: int = 1, **options: Any) -> list[Players]:
    """The players of one member after every so many steps."""
    settings = {"steps": steps, "report_every": every, "dtype": "float64", "device": "cpu"}
    run = minmax.train(game, minmax.optimizers.get(name), {"lr": lr, **options}, **settings)
    return [report.players for report in run]


def test_rock_paper_scissors_is_never_decided() -> None:
    """On the simplex a simultaneous step multiplies the distance by √(1 + 3h²) until it meets the boundary, and stays
    away for good; extragradient arrives."""
    h = 0.2
    start = {"row": torch.tensor([0.34, 0.33, 0.33]), "column": torch.tensor([0.33, 0.33, 0.34])}
    game = replace(minmax.games.get("rock_paper_scissors", parametrization="simplex"), init=lambda generator: start)
    far = {
        name: [tree.norm(tree.add(z, stacked(game.solution, 1), -1.0)).item() for z in play(game, name, 300, h)]
        for name in ("gda", "extragradient")
    }
    for before, after in pairwise(far["gda"][:40]):
        assert after / before == pytest.approx((1 + 3 * h * h) ** 0.5, rel=1e-6)
    assert min(far["gda"][100:]) > 0.4
    assert far["extragradient"][-1] < 1e-8


def test_logits_keep_their_mean() -> None:
    """Adding a number to all logits changes nothing, so no gradient has a part along it."""
    game = minmax.games.get("rock_paper_scissors")
    (last,) = play(game, "gda", 50, 0.5, every=50)
    begun = game.init(minmax.streams.generator(0, "init"))
    for name, logits in last.items():
        torch.testing.assert_close(logits[0].mean(), begun[name].double().mean())
        assert (logits[0] - begun[name]).abs().max() > 0.01


def test_the_linear_wgan_learns_a_mean_by_optimism() -> None:
    """The published ends of paths of 1000 points from 1.7 and 1.4 towards (3, 4), to their last digit: clipped
    descent-ascent (3.48, 5.08), a start and 999 steps; optimistic (2.991, 3.985), a start twice (so that there is a
    previous direction) and 998 steps."""
    clipped = play(minmax.games.get("linear_wgan", clip=1.0), "gda", 999, every=999)[-1]
    optimistic = play(minmax.games.get("linear_wgan"), "optimistic", 998, every=998)[-1]
    assert clipped["theta"][0].tolist() == pytest.approx([3.48, 5.08], abs=5e-3)
    assert optimistic["theta"][0].tolist() == pytest.approx([2.991, 3.985], abs=5e-4)


def test_the_variance_is_circled() -> None:
    """w² + a²/2 − σ²·ln|a| is conserved by the flow (followed by Runge–Kutta steps), and raised by every step of gda:
    it is convex where a > 0, and the step a tangent."""

    def invariant(z: Players) -> Tensor:
        return z["w"] ** 2 + z["a"] ** 2 / 2 - 2.25 * z["a"].abs().log()

    game = built("lq_wgan")
    z = {"a": torch.tensor([0.8]).double(), "w": torch.tensor([0.6]).double()}
    began = invariant(z)
    path = play(replace(game, init=lambda _: tree.member(z, 0)), "gda", 80, 0.03)
    levels = [began.item(), *(invariant(players).item() for players in path)]
    assert all(after > before for before, after in pairwise(levels))
    for _ in range(500):
        z = _runge_kutta(game, z, 0.02)
    torch.testing.assert_close(invariant(z), began, rtol=0, atol=1e-6)


def _runge_kutta(game: Game, z: Players, h: float) -> Players:
    slopes: list[Players] = []
    for part in (0.0, 0.5, 0.5, 1.0):
        here = tree.add(z, slopes[-1], -part * h) if slopes else z
        slopes.append(field.field(game, here, {}))
    for slope, weight in zip(slopes, (1, 2, 2, 1), strict=True):
        z = tree.add(z, slope, -h * weight / 6)
    return z


def test_minibatches_estimate_the_expectation() -> None:
    """The field on a minibatch by hand, and its mean over many within four standard errors of the expectation's."""
    for label, options in (("linear_wgan", {"batch": 4}), ("lq_wgan", {"batch": 4})):
        sampled = lift(minmax.games.get(label, **{**CASES[label].options, **options}))
        players = tree.map(lambda x: x[:1].expand(5_000, *x.shape[1:]), somewhere(sampled))
        batch = tree.map(torch.Tensor.double, minibatch(sampled, 5_000))
        found = tree.flat(field.field(sampled, players, batch))
        errors = (found.mean(0) - tree.flat(CASES[label].formula(players))[0]).abs()
        assert (errors <= 4 * found.std(0) / 5_000**0.5 + 1e-12).all(), label
        assert (found.std(0) > 0.1).any()


def test_noise_is_added_to_the_gradient_alone() -> None:
    """ξ's mean over the minibatch, N(0, noise²/batch), whatever the players; f carries none."""
    game = lift(minmax.games.get("two_time_scale", noise=0.5, batch=4))
    players, batch = somewhere(game, 4000), tree.map(torch.Tensor.double, minibatch(game, 4000))
    noise = tree.flat(tree.add(field.field(game, players, batch), CASES["two_time_scale"].formula(players), -1.0))
    torch.testing.assert_close(noise, batch["xi"].mean(1), rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(noise.std(0), torch.tensor([0.25, 0.25]).double(), rtol=0.05, atol=0)
    torch.testing.assert_close(field.value(game, players, batch), field.value(game, players, {}))


def test_two_time_scales_have_two_edges() -> None:
    """Near (0, 0) a step multiplies x by 1 − 200·hx and y by 1 − 2·hy."""
    game = minmax.games.get("two_time_scale", noise=0.0, start=(1e-7, 1e-7))
    for hx, hy in ((0.004, 0.3), (0.0099, 0.99), (0.0101, 0.5)):
        one, other = play(game, "gda", 11, hx, lr_ratio=hy / hx)[-2:]
        assert float(other["x"] / one["x"]) == pytest.approx(1 - 200 * hx, rel=1e-6)
        assert float(other["y"] / one["y"]) == pytest.approx(1 - 2 * hy, rel=1e-6)


@pytest.mark.parametrize("name", sorted(set(minmax.GAMES) - {"gan"}))
def test_metrics_are_for_every_game(name: str) -> None:
    """Norms of the field and of each player's part; a distance wherever there is a solution, to none farther."""
    game = minmax.games.get(name)
    players = somewhere(game, 3)
    whole = tree.flat(field.field(lift(game), players, minibatch(game, 3)))
    found = minmax.metrics.get("gradients").measure(game, players, torch.Generator().manual_seed(1))
    both = torch.hypot(found["gradient_norm_1"], found["gradient_norm_2"])
    torch.testing.assert_close(found["field_norm"], both)
    if game.sample is None:
        torch.testing.assert_close(found["field_norm"], whole.norm(dim=1))
    if game.solution is not None:
        away = minmax.metrics.get("distance").measure(game, players, torch.Generator())["distance"]
        plain = (tree.flat(players) - tree.flat(stacked(game.solution, 3))).norm(dim=1)
        assert ((away > 0) & (away <= plain + 1e-12)).all()


def test_starts() -> None:
    """At the source's point without spread; around a given one with it; uniform in a box."""
    own = torch.Generator().manual_seed(0)
    assert tree.map(float, minmax.games.get("f3").init(own)) == {"x": 5.5, "y": 5.5}
    game = minmax.games.get("curl", start=(3.0, -1.0), spread=0.5)
    drawn = tree.flat(tree.stack([game.init(own) for _ in range(4000)]))
    torch.testing.assert_close(drawn.mean(0), torch.tensor([3.0, -1.0]), rtol=0, atol=0.04)
    torch.testing.assert_close(drawn.std(0), torch.tensor([0.5, 0.5]), rtol=0.05, atol=0)
    begun = minmax.games.get("linear_wgan", start=(1.5, [0.0, 2.0])).init(own)
    assert tree.map(Tensor.tolist, begun) == {"theta": [1.5, 1.5], "w": [0.0, 2.0]}
    game = minmax.games.get("xy", bound=2.0)
    drawn = tree.flat(tree.stack([game.init(own) for _ in range(4000)]))
    assert 1.99 < drawn.abs().max() <= 2
    torch.testing.assert_close(drawn.std(0), torch.full((2,), 2 / 3**0.5), rtol=0.05, atol=0)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("rock_paper_scissors", {"parametrization": "x"}, "parametrization: 'x' given; allowed: softmax, simplex"),
        ("two_time_scale", {"batch": 0}, "batch: 0 given; at least 1 is allowed"),
        ("two_time_scale", {"noise": -1.0}, r"noise: -1\.0 given; at least 0 is allowed"),
        ("linear_wgan", {"batch": -1}, "batch: -1 given; at least 1, or 0 for the expectation, is allowed"),
        ("linear_wgan", {"clip": 0.0}, r"clip: 0\.0 given; a positive number is allowed"),
        ("lq_wgan", {"batch": -1}, "batch: -1 given; at least 1, or 0 for the expectation, is allowed"),
        ("lq_wgan", {"sigma": 0.0}, r"sigma: 0\.0 given; a positive number is allowed"),
        ("autoencoder_field", {"hidden": 0}, "hidden: 0 given; at least 1 is allowed"),
        ("autoencoder_field", {"noise": 0.0}, r"noise: 0\.0 given; a positive number is allowed"),
        ("dirac_gan", {"variant": "x"}, "variant: 'x' given; allowed: gan, nonsaturating, "),
        ("dirac_gan", {"variant": "wgan", "gamma": 1.0}, "gamma: 'wgan' has no such option; allowed: clip"),
        ("dirac_gan", {"target": 1.0}, "target: 'gan' has no such option; allowed: none"),
        ("dirac_gan", {"variant": "wgan", "clip": 0.0}, r"clip: 0\.0 given; a positive number is allowed"),
        ("dirac_gan", {"variant": "instance_noise", "std": -1.0}, r"std: -1\.0 given; at least 0 is allowed"),
        ("xy", {"bound": 0.0}, r"bound: 0\.0 given; a positive number is allowed"),
        ("curl", {"start": (1.0,)}, "start: 1 values given; one each for theta, phi is allowed"),
        ("curl", {"start": ([1.0, 2.0], 1.0)}, r"start: shape \(2,\) given for theta; a number or \(\) is allowed"),
        ("linear_wgan", {"start": (1.0, [1.0])}, r"start: shape \(1,\) given for w; a number or \(2,\) is allowed"),
        ("f1", {"spread": -1.0}, r"spread: -1\.0 given; at least 0 is allowed"),
    ],
)
def test_wrong_options_are_told(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        minmax.games.get(name, **options)
