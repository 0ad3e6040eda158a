"""The metrics against closed forms and hand-made samples; all members at once as one by one."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from contract import registered_gan
from linear_maps import random_bilinear, stacked
from torch import Tensor

import minmax
from minmax import tree
from minmax.field import lift
from minmax.metrics import frechet
from minmax.types import Game, Metric, Pair, Players

MEMBERS = 4


def fresh() -> torch.Generator:
    return torch.Generator().manual_seed(0)


class Shown:
    """A native "generator" that shows a member's own points, whatever the latent vectors."""

    def __init__(self, points: Tensor) -> None:
        self._points = points

    def init(self, generator: torch.Generator) -> Any:
        return {"unused": torch.zeros(1)}

    def __call__(self, parameters: Any, inputs: Tensor) -> Tensor:
        return self._points[: len(inputs)]


def showing(points: Tensor, data: Any = None, discriminator: Any = None, **options: Any) -> tuple[Game, Players]:
    """A game, on Gaussians if no data are named, whose members generate ``points`` [M, n, *shape]."""
    pair: Pair = minmax.nets.get("mlp", shape=tuple(points.shape[2:]), latent=3)
    known = {"name": "gaussians", **options} if data is None else data
    game = minmax.gan(Shown(points), discriminator or pair.discriminator, data=known, latent=3)
    return game, tree.stack([game.init(torch.Generator()) for _ in points])


def drawn(game: Game) -> Players:
    return tree.stack([game.init(minmax.streams.generator(seed, "init")) for seed in range(MEMBERS)])


def digits_gan() -> Game:
    return minmax.gan(data="digits01", net={"name": "mlp", "widths": [16]}, latent=8)


def with_held_out() -> Game:
    """A GAN on the registered one's data, with a hundred more points that nothing trains on."""
    data = minmax.data.get("gaussians", count=600)
    data = dataclasses.replace(data, points=data.points[:500], held_out=data.points[500:])
    return minmax.gan(data=data, net={"name": "mlp", "widths": [16]}, latent=3)


METRICS: dict[str, tuple[Metric, Game]] = {
    "modes": (minmax.metrics.get("modes", count=300), registered_gan()),
    "frechet": (minmax.metrics.get("frechet", count=300), registered_gan()),
    "kid": (minmax.metrics.get("kid", count=300), registered_gan()),
    "precision_recall": (minmax.metrics.get("precision_recall", count=100), registered_gan()),
    "diversity": (minmax.metrics.get("diversity"), registered_gan()),
    "forgetting": (minmax.metrics.get("forgetting", count=300), registered_gan()),
    "discriminator": (minmax.metrics.get("discriminator", count=300), with_held_out()),
    "gradients": (minmax.metrics.get("gradients"), registered_gan()),
    "digits": (minmax.metrics.get("digits", count=300), digits_gan()),
    "classes": (minmax.metrics.get("classes", count=300), digits_gan()),
    "eigenvalues": (minmax.metrics.get("eigenvalues"), minmax.games.get("dirac_gan", spread=1.0)),
    "distance": (minmax.metrics.get("distance"), random_bilinear(3, 4, top=1.0)),
    "symptoms": (minmax.metrics.get("symptoms"), with_held_out()),
}
BEYOND_BEST = ("zeros", "ones", "kid", "density", "diversity", "accuracy_real", "accuracy_fake")
"""Outputs that may be on the far side of their best value."""
PARTS = {"symptoms": {"distance", "eigenvalue", "eigenvalue_real", "rotation"}}
"""Outputs that a GAN has not."""


def measured(metric: Metric, game: Game, players: Players) -> dict[str, Tensor]:
    """A run's first report."""
    seen = metric.measure(game, players, fresh())
    return seen if metric.recall is None else metric.recall(seen, {})[0]


def test_every_registered_metric_is_here() -> None:
    assert set(METRICS) == set(minmax.METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_all_members_at_once_are_one_by_one(name: str) -> None:
    """And every output is declared, finite, and between the declared best and worst."""
    metric, game = METRICS[name]
    players = tree.map(torch.Tensor.double, drawn(game))
    whole = measured(metric, game, players)
    assert whole.keys() == metric.outputs.keys() - PARTS.get(name, set())
    for index in range(MEMBERS):
        alone = measured(metric, game, tree.map(lambda x, i=index: x[i : i + 1], players))
        for output, values in whole.items():
            torch.testing.assert_close(alone[output][0], values[index], rtol=1e-9, atol=1e-12)
            low, high = sorted((metric.outputs[output].best, metric.outputs[output].worst))
            assert output in BEYOND_BEST or low <= values[index] <= high


@pytest.mark.parametrize("name", ["modes", "frechet", "forgetting", "discriminator", "gradients", "symptoms"])
def test_members_that_are_modules_are_one_by_one(name: str) -> None:
    """Networks of PyTorch's, the generator with BatchNorm: each member by its own running statistics."""
    nn = torch.nn
    game = minmax.gan(
        lambda: nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2)),
        lambda: nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)),
        data=with_held_out().data,  # type: ignore[attr-defined]
        latent=3,
        batch=16,
    )
    *_, report = minmax.train(game, minmax.optimizers.get("gda"), {"lr": 0.1}, range(MEMBERS), 3, dtype="float64")
    metric = minmax.metrics.get(name)
    whole = measured(metric, game, report.players)
    for index in range(MEMBERS):
        alone = measured(metric, game, tree.map(lambda x, i=index: x[i : i + 1], report.players))
        for output, values in whole.items():
            torch.testing.assert_close(alone[output][0], values[index], rtol=1e-9, atol=1e-12)


def test_frechet_distance_of_gaussians() -> None:
    """Diagonal: |μ₁−μ₂|² + Σ(√c₁ − √c₂)². Rotated together it stays; to oneself it is 0."""
    own = fresh()
    means = torch.randn(2, MEMBERS, 5, generator=own, dtype=torch.float64)
    spread = torch.rand(2, MEMBERS, 5, generator=own, dtype=torch.float64)
    turn, _ = torch.linalg.qr(torch.randn(5, 5, generator=own, dtype=torch.float64))
    expected = ((means[0] - means[1]) ** 2).sum(-1) + ((spread[0].sqrt() - spread[1].sqrt()) ** 2).sum(-1)
    plain = [s.diag_embed() for s in spread]
    turned = [turn @ c @ turn.T for c in plain]
    torch.testing.assert_close(frechet.distance(means[0], plain[0], means[1], plain[1]), expected)
    found = frechet.distance(means[0] @ turn.T, turned[0], means[1] @ turn.T, turned[1])
    torch.testing.assert_close(found, expected)
    itself = frechet.distance(means[0], turned[0], means[0], turned[0])
    torch.testing.assert_close(itself, torch.zeros(MEMBERS, dtype=torch.float64), rtol=0, atol=1e-9)


def test_frechet_distance_of_matrices_that_do_not_commute() -> None:
    """tr(C₁C₂)^½ against the eigenvalues of C₁C₂, which is not symmetric."""
    own = fresh()
    roots = torch.randn(2, MEMBERS, 4, 4, generator=own, dtype=torch.float64)
    one, two = (root @ root.mT for root in roots)
    cross = torch.linalg.eigvals(one @ two).real.clamp(min=0).sqrt().sum(-1)
    traces = [c.diagonal(dim1=-2, dim2=-1).sum(-1) for c in (one, two)]
    zero = torch.zeros(MEMBERS, 4, dtype=torch.float64)
    torch.testing.assert_close(frechet.distance(zero, one, zero, two), traces[0] + traces[1] - 2 * cross)


def test_frechet_of_samples() -> None:
    """Points moved by (3, 4) are 25 away, and the metric's moments are those of ``torch.cov``."""
    data = minmax.data.get("gaussians", count=2000)
    points = torch.stack([data.points, data.points + torch.tensor([3.0, 4.0])])
    game, players = showing(points, count=2000)
    found = minmax.metrics.get("frechet").measure(game, players, fresh())["frechet"]
    torch.testing.assert_close(found, torch.tensor([0.0, 25.0], dtype=torch.float64), rtol=1e-5, atol=1e-6)
    mean, covariance = frechet.moments(points)
    torch.testing.assert_close(mean[1], points[1].double().mean(0))
    torch.testing.assert_close(covariance[1], torch.cov(points[1].double().T))


def test_modes_of_hand_made_samples() -> None:
    """σ = 0.01 on the unit ring of 8: own radius 0.1, 3σ = 0.03; a mode needs count/64 points."""
    data = minmax.data.get("gaussians", std=0.01)
    centres, count = data.facts["centres"], 640

    def spread(*modes: int, offset: float = 0.0) -> Tensor:
        return centres[list(modes)].repeat(count // len(modes) + 1, 1)[:count] + torch.tensor([offset, 0.0])

    just_enough = torch.cat([centres[:1].repeat(count - 10, 1), centres[1:2].repeat(10, 1)])
    too_few = torch.cat([centres[:1].repeat(count - 9, 1), centres[1:2].repeat(9, 1)])
    samples = {
        "all": spread(*range(8)),
        "half": spread(0, 2, 4, 6),
        "beside": spread(*range(8), offset=0.05),  # inside 0.1, outside 3σ
        "far": spread(*range(8), offset=0.2),  # inside 0.25 only
        "nowhere": torch.zeros(count, 2),
        "just enough": just_enough,
        "too few": too_few,
    }
    game, players = showing(torch.stack(list(samples.values())), std=0.01)
    found = minmax.metrics.get("modes", count=count).measure(game, players, fresh())
    expected = {
        "modes": [1, 1 / 2, 1, 0, 0, 1 / 4, 1 / 8],
        "modes_3sigma": [1, 1 / 2, 0, 0, 0, 1 / 4, 1 / 8],
        "modes_quarter": [1, 1 / 2, 1, 1, 0, 1 / 4, 1 / 8],
        "high_quality": [1, 1, 0, 0, 0, 1, 1],
        "success": [1, 0, 1, 0, 0, 0, 0],
    }
    assert {name: found[name].tolist() for name in expected} == expected
    two = [n / 640 * math.log(8 * n / 640) + (1 - n / 640) * math.log(8 - 8 * n / 640) for n in (10, 9)]
    kl = [0, math.log(2), 0, 10, 10, *two]
    torch.testing.assert_close(found["kl_modes"], torch.tensor(kl, dtype=torch.float64), rtol=0, atol=1e-6)


def test_real_points_cover_their_modes() -> None:
    data = minmax.data.get("gaussians", count=2500)
    game, players = showing(data.points.unsqueeze(0), count=2500)
    found = minmax.metrics.get("modes").measure(game, players, fresh())
    assert found["modes"].item() == found["modes_3sigma"].item() == found["success"].item() == 1
    assert found["high_quality"].item() == pytest.approx(1 - math.exp(-4.5), abs=0.01)  # P(radius ≤ 3σ) in the plane


def test_distance_to_the_solution() -> None:
    game = random_bilinear(2, 3, top=1.0)
    players = stacked(game.solution, 3)
    players["x"][1, 0] += 3.0
    players["y"][1, 2] -= 4.0
    players["y"][2, 0] += 0.01
    found = minmax.metrics.get("distance", tolerance=0.02).measure(game, players, fresh())
    torch.testing.assert_close(found["distance"], torch.tensor([0.0, 5.0, 0.01], dtype=torch.float64))
    assert found["success"].tolist() == [1.0, 0.0, 1.0]


def test_gradient_norms_are_autograds() -> None:
    game = registered_gan()
    players = drawn(game)
    found = minmax.metrics.get("gradients").measure(game, players, fresh())
    batch = tree.map(lambda x: x.expand(MEMBERS, *x.shape), game.sample(fresh()))  # type: ignore[misc]
    leaves = tree.map(lambda x: x.requires_grad_(), players)
    norms = []
    for name, loss in lift(game).losses.items():  # type: ignore[union-attr]
        gradients = torch.autograd.grad(loss(leaves, batch).sum(), tree.leaves(leaves[name]))
        norms.append(torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt())
    torch.testing.assert_close(found["gradient_norm_1"], norms[0].detach())
    torch.testing.assert_close(found["gradient_norm_2"], norms[1].detach())
    torch.testing.assert_close(found["field_norm"], (norms[0] ** 2 + norms[1] ** 2).sqrt().detach())


def test_gradient_norms_with_integers_in_the_minibatch() -> None:
    """f = x·w[i] with i from the minibatch: ∂f/∂x = w[i], which integers alone can index."""
    weights = torch.tensor([3.0, 3.0], dtype=torch.float64)

    def value(players: Players, batch: Any) -> Tensor:
        return players["x"] * weights[batch["index"]] + 0 * players["y"]

    game = minmax.Game(
        lambda generator: {"x": torch.ones(()), "y": torch.ones(())},
        {"x": value, "y": lambda players, batch: -value(players, batch)},
        sample=lambda generator: {"index": torch.randint(2, (), generator=generator)},
    )
    found = minmax.metrics.get("gradients").measure(game, tree.map(torch.Tensor.double, drawn(game)), fresh())
    assert found["gradient_norm_1"].tolist() == [3.0] * MEMBERS
    assert found["gradient_norm_2"].tolist() == [0.0] * MEMBERS


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("modes", "this game has no generator"),
        ("frechet", "this game has no generator"),
        ("digits", "this game has no generator"),
        ("classes", "this game has no generator"),
        ("kid", "this game has no generator"),
        ("precision_recall", "this game has no generator"),
        ("diversity", "this game has no generator"),
        ("forgetting", "this game has no generator"),
        ("discriminator", "this game has no generator"),
    ],
)
def test_sample_metrics_need_samples(metric: str, said: str) -> None:
    game = random_bilinear(2, 2, top=1.0)
    with pytest.raises(ValueError, match=said):
        minmax.metrics.get(metric).measure(game, stacked(game.solution, 1), fresh())


def test_metrics_say_what_they_miss() -> None:
    game = registered_gan()
    with pytest.raises(ValueError, match="no classifier of zeros and ones; digits01 and mnist01 have"):
        minmax.metrics.get("digits").measure(game, drawn(game), fresh())
    with pytest.raises(ValueError, match="classes: this data set has no classifier"):
        minmax.metrics.get("classes").measure(game, drawn(game), fresh())
    with pytest.raises(ValueError, match="this game does not know its solution"):
        minmax.metrics.get("distance").measure(game, drawn(game), fresh())
    plain = minmax.gan(data=torch.randn(50, 2, generator=fresh()), net={"name": "mlp", "widths": [4]}, latent=2)
    with pytest.raises(ValueError, match="this data set has no modes"):
        minmax.metrics.get("modes").measure(plain, drawn(plain), fresh())
    with pytest.raises(ValueError, match="neither modes nor a classifier"):
        minmax.metrics.get("forgetting").measure(plain, drawn(plain), fresh())
    with pytest.raises(ValueError, match="k: 60 given, with 50 real samples"):
        minmax.metrics.get("precision_recall", k=60).measure(plain, drawn(plain), fresh())


@pytest.mark.parametrize(
    ("metric", "options", "said"),
    [
        *((name, {"count": 1}, "count: 1 given; at least 2") for name in ("kid", "diversity", "frechet", "symptoms")),
        *(
            (name, {"count": 0}, "count: 0 given; at least 1")
            for name in ("modes", "digits", "classes", "forgetting", "discriminator")
        ),
        ("precision_recall", {"k": 0}, "k: 0 given; 1 to count - 1 = 999"),
        ("precision_recall", {"k": 10, "count": 10}, "k: 10 given; 1 to count - 1 = 9"),
    ],
)
def test_options_out_of_range(metric: str, options: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        minmax.metrics.get(metric, **options)
