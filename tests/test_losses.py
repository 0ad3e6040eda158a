"""The GAN losses and their gradients against closed forms, and no overflow at any logit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import minmax
from minmax.losses.fgan import DIVERGENCES
from minmax.types import GanLoss

REAL = torch.tensor([[-1.5, 0.2, 3.0], [0.7, -0.4, 1.1]], dtype=torch.float64)
FAKE = torch.tensor([[0.4, -2.2, 1.3], [-0.1, 2.5, 0.9]], dtype=torch.float64)

Each = Callable[[Tensor], Tensor]


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + (-x).exp())


class Closed(NamedTuple):
    """Summands a logit and their derivatives: of G's loss on fakes, of D's on reals and on fakes."""

    generator: Each
    generator_slope: Each
    real: Each
    real_slope: Each
    fake: Each
    fake_slope: Each


def cross_entropy(generator: Each, slope: Each) -> Closed:
    return Closed(
        generator, slope,
        lambda x: -sigmoid(x).log(), lambda x: -sigmoid(-x),
        lambda x: -(1 - sigmoid(x)).log(), sigmoid,
    )  # fmt: skip


def fgan(activation: Each, slope: Each, conjugate: Each, conjugate_slope: Each) -> Closed:
    """D minimises E f*(g(V(G))) − E g(V(x)), G minus its part."""
    return Closed(
        lambda v: -conjugate(v), lambda v: -conjugate_slope(v),
        lambda v: -activation(v), lambda v: -slope(v),
        conjugate, conjugate_slope,
    )  # fmt: skip


CLOSED = {
    "minimax": cross_entropy(lambda x: (1 - sigmoid(x)).log(), lambda x: -sigmoid(x)),
    "nonsaturating": cross_entropy(lambda x: -sigmoid(x).log(), lambda x: -sigmoid(-x)),
    "wasserstein": Closed(
        lambda x: -x, lambda x: -torch.ones_like(x), lambda x: -x, lambda x: -torch.ones_like(x),
        lambda x: x, torch.ones_like,
    ),
    "hinge": Closed(
        lambda x: -x, lambda x: -torch.ones_like(x),
        lambda x: (1 - x).clamp(min=0), lambda x: -(x < 1).double(),
        lambda x: (1 + x).clamp(min=0), lambda x: (x > -1).double(),
    ),
    "least_squares": Closed(
        lambda x: (x - 1) ** 2 / 2, lambda x: x - 1,
        lambda x: (x - 1) ** 2 / 2, lambda x: x - 1,
        lambda x: x**2 / 2, lambda x: x,
    ),
    "fgan forward_kl": fgan(lambda v: v, torch.ones_like, lambda v: (v - 1).exp(), lambda v: (v - 1).exp()),
    "fgan reverse_kl": fgan(
        lambda v: -(-v).exp(), lambda v: (-v).exp(), lambda v: -1 - (-v).exp().log(), torch.ones_like
    ),
    "fgan pearson": fgan(lambda v: v, torch.ones_like, lambda v: v**2 / 4 + v, lambda v: v / 2 + 1),
    "fgan squared_hellinger": fgan(
        lambda v: 1 - (-v).exp(), lambda v: (-v).exp(),
        lambda v: (1 - (-v).exp()) / (-v).exp(), lambda v: v.exp(),
    ),
    "fgan jensen_shannon": fgan(
        lambda v: math.log(2) - (1 + (-v).exp()).log(), lambda v: sigmoid(-v),
        lambda v: -(2 - 2 * sigmoid(v)).log(), sigmoid,
    ),
    "fgan total_variation": fgan(
        lambda v: v.tanh() / 2, lambda v: (1 - v.tanh() ** 2) / 2,
        lambda v: v.tanh() / 2, lambda v: (1 - v.tanh() ** 2) / 2,
    ),
    "coulomb": Closed(  # of logits less their targets
        lambda x: -x, lambda x: -torch.ones_like(x), lambda x: x**2, lambda x: 2 * x, lambda x: x**2, lambda x: 2 * x
    ),
}  # fmt: skip


def loss_of(case: str) -> GanLoss:
    name, *divergence = case.split()
    return minmax.losses.get(name, *divergence)


def test_every_registered_loss_is_here() -> None:
    assert {case.split()[0] for case in CLOSED} == set(minmax.LOSSES)
    assert {case.split()[1] for case in CLOSED if case.startswith("fgan")} == set(DIVERGENCES)


@pytest.mark.parametrize("name", CLOSED)
def test_values_and_gradients(name: str) -> None:
    """Means over a minibatch, one value a member; each logit's gradient is its summand's slope over the batch size."""
    loss, closed = loss_of(name), CLOSED[name]
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    own = loss.generator(fake)
    torch.testing.assert_close(own, closed.generator(FAKE).mean(-1), rtol=1e-12, atol=0)
    (slope,) = torch.autograd.grad(own.sum(), fake)
    torch.testing.assert_close(slope, closed.generator_slope(FAKE) / 3, rtol=1e-12, atol=0)

    other = loss.discriminator(real, fake)
    torch.testing.assert_close(other, closed.real(REAL).mean(-1) + closed.fake(FAKE).mean(-1), rtol=1e-12, atol=0)
    slopes = torch.autograd.grad(other.sum(), (real, fake))
    torch.testing.assert_close(slopes, (closed.real_slope(REAL) / 3, closed.fake_slope(FAKE) / 3), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CLOSED)
def test_extreme_logits_are_finite(name: str, dtype: torch.dtype) -> None:
    """Values, slopes and curvatures, of every player."""
    loss = loss_of(name)
    real, fake = (torch.tensor([[1e4, -1e4, 90.0, -90.0]], dtype=dtype, requires_grad=True) for _ in range(2))
    total = loss.generator(fake) + loss.discriminator(real, fake)
    assert total.isfinite().all()
    slopes = torch.autograd.grad(total.sum(), (real, fake), create_graph=True, materialize_grads=True)
    assert all(slope.isfinite().all() for slope in slopes)
    if any(slope.requires_grad for slope in slopes):
        bends = torch.autograd.grad(sum(slope.square().sum() for slope in slopes), (real, fake), allow_unused=True)
        assert all(bend is None or bend.isfinite().all() for bend in bends)


STEEP = math.exp(20)  # eˣ and its slope where its tangent begins


def exponential(x: float) -> tuple[float, float]:
    """eˣ and its slope, along the tangent from 20 on."""
    return (STEEP * (1 + x - 20), STEEP) if x > 20 else (math.exp(x), math.exp(x))


def softplus(x: float) -> tuple[float, float]:
    """log(1 + eˣ) and its slope, without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x))), (1 / (1 + math.exp(-x)) if x > -700 else 0.0)


def minus(own: tuple[float, float], shift: float = 0.0) -> tuple[float, float]:
    return shift - own[0], -own[1]


def shifted(own: tuple[float, float], by: float) -> tuple[float, float]:
    return own[0] + by, own[1]


def mirrored(own: tuple[float, float]) -> tuple[float, float]:
    """Of f(−x), given f and its slope at −x."""
    return own[0], -own[1]


Far = Callable[[float], tuple[float, float]]
TAILS: dict[str, tuple[Far, Far, Far]] = {
    "minimax": (lambda x: minus(softplus(x)), lambda x: mirrored(softplus(-x)), softplus),
    "nonsaturating": (lambda x: mirrored(softplus(-x)), lambda x: mirrored(softplus(-x)), softplus),
    "wasserstein": (lambda x: (-x, -1), lambda x: (-x, -1), lambda x: (x, 1)),
    "hinge": (lambda x: (-x, -1), lambda x: (max(0, 1 - x), -(x < 1)), lambda x: (max(0, 1 + x), x > -1)),
    "least_squares": (
        lambda x: ((x - 1) ** 2 / 2, x - 1), lambda x: ((x - 1) ** 2 / 2, x - 1), lambda x: (x**2 / 2, x)
    ),
    "fgan forward_kl": (lambda v: minus(exponential(v - 1)), lambda v: (-v, -1), lambda v: exponential(v - 1)),
    "fgan reverse_kl": (
        lambda v: (1 - v, -1), lambda v: mirrored(exponential(-v)), lambda v: (v - 1, 1)
    ),
    "fgan pearson": (
        lambda v: (-(v**2) / 4 - v, -v / 2 - 1), lambda v: (-v, -1), lambda v: (v**2 / 4 + v, v / 2 + 1)
    ),
    "fgan squared_hellinger": (
        lambda v: minus(exponential(v), 1), lambda v: shifted(mirrored(exponential(-v)), -1),
        lambda v: shifted(exponential(v), -1),
    ),
    "fgan jensen_shannon": (
        lambda v: minus(softplus(v), math.log(2)), lambda v: shifted(mirrored(softplus(-v)), -math.log(2)),
        lambda v: shifted(softplus(v), -math.log(2)),
    ),
    "fgan total_variation": (
        lambda v: minus((math.tanh(v) / 2, (1 - math.tanh(v) ** 2) / 2)),
        lambda v: minus((math.tanh(v) / 2, (1 - math.tanh(v) ** 2) / 2)),
        lambda v: (math.tanh(v) / 2, (1 - math.tanh(v) ** 2) / 2),
    ),
    "coulomb": (lambda x: (-x, -1), lambda x: (x**2, 2 * x), lambda x: (x**2, 2 * x)),
}  # fmt: skip
"""G's loss of a fake, D's of a real and of a fake: value and slope at any logit, in numbers that cannot overflow."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("logit", [-1e4, -100.0, -30.0, 30.0, 100.0, 1e4])
@pytest.mark.parametrize("name", CLOSED)
def test_tails_against_closed_forms(name: str, logit: float, dtype: torch.dtype) -> None:
    """Each player's own value and gradient far out, from formulas of plain numbers; the other kind's logit is at 0."""
    loss, (of_generator, of_real, of_fake) = loss_of(name), TAILS[name]
    near = {"rtol": 2e-5 if dtype == torch.float32 else 1e-9, "atol": 1e-12}
    zero = torch.zeros(1, 1, dtype=dtype)

    def seen(player: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        own = torch.full((1, 1), logit, dtype=dtype, requires_grad=True)
        value = player(own)
        (slope,) = torch.autograd.grad(value.sum(), own)
        return value.detach(), slope

    players = {
        "generator": (seen(loss.generator), of_generator(logit), 0.0),
        "real": (seen(lambda x: loss.discriminator(x, zero)), of_real(logit), of_fake(0.0)[0]),
        "fake": (seen(lambda x: loss.discriminator(zero, x)), of_fake(logit), of_real(0.0)[0]),
    }
    for who, ((value, slope), (expected, bend), rest) in players.items():
        told = torch.tensor([expected + rest], dtype=dtype), torch.tensor([[float(bend)]], dtype=dtype)
        torch.testing.assert_close((value, slope), told, **near, msg=lambda text, who=who: f"{who}: {text}")


@pytest.mark.parametrize("name", CLOSED)
def test_tails_keep_their_sign(name: str) -> None:
    """However far the logits, the discriminator gains nothing by calling a fake real."""
    loss = loss_of(name)
    ends = torch.tensor([[-1e4], [1e4]], dtype=torch.float64)
    nothing = torch.zeros(2, 1, dtype=torch.float64)
    fooled = loss.discriminator(nothing, ends)
    assert fooled[1] >= fooled[0]


@pytest.mark.parametrize("divergence", sorted(DIVERGENCES))
def test_the_best_discriminator_attains_the_divergence(divergence: str) -> None:
    """F(V*) = D_f(P‖Q) for two normal densities, both integrated on one grid; any other V gives less."""
    x = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    p, q = (torch.distributions.Normal(m, s).log_prob(x).exp() for m, s in ((0.0, 1.0), (0.7, 1.1)))
    u, log_u = p / q, p.log() - q.log()
    f, best = {
        "forward_kl": (u * log_u, 1 + log_u),
        "reverse_kl": (-log_u, log_u),
        "pearson": ((u - 1) ** 2, 2 * (u - 1)),
        "squared_hellinger": ((u.sqrt() - 1) ** 2, log_u / 2),
        "jensen_shannon": (-(u + 1) * ((u + 1) / 2).log() + u * log_u, log_u),
        "total_variation": ((u - 1).abs() / 2, 1e4 * log_u.sign()),
    }[divergence]
    loss = minmax.losses.get("fgan", divergence)
    nothing = torch.zeros_like(x)

    def bound(v: Tensor) -> float:
        """F as integrals; each density weighs the logits of its own samples, the others' are at 0."""
        zero = loss.discriminator(nothing[:1], nothing[:1])
        of_real = loss.discriminator(v.unsqueeze(1), nothing.unsqueeze(1)) - zero
        of_fake = loss.discriminator(nothing.unsqueeze(1), v.unsqueeze(1)) - zero
        return -(zero + torch.trapezoid(p * of_real + q * of_fake, x)).item()

    truth = torch.trapezoid(q * f, x).item()
    assert 0.05 < truth < 5
    assert bound(best) == pytest.approx(truth, rel=1e-6)
    for other in (best + 0.3, best - 0.3, 0.8 * best, nothing):
        if divergence != "total_variation" or other is nothing:  # there the best is at infinity, and so are these
            assert bound(other) < truth - 1e-4


def test_the_generators_other_loss() -> None:
    """``saturating=False``: −E g(V(G(z))), for the cross-entropy's own divergence the non-saturating loss − log 2."""
    loss = minmax.losses.get("fgan", "jensen_shannon", saturating=False)
    expected = minmax.losses.get("nonsaturating").generator(FAKE) - math.log(2)
    torch.testing.assert_close(loss.generator(FAKE), expected, rtol=1e-12, atol=0)


def test_coulomb_potential_by_hand() -> None:
    """One real point at 0, fakes at 1 and 2 on a line: k(r) = (r² + ε²)^−½ at d = 3, (r² + ε²)^−1 at d = 4."""
    real, fake = (torch.tensor([points], dtype=torch.float64).unsqueeze(-1) for points in ([0.0], [1.0, 2.0]))
    for dimension, power in ((3.0, 0.5), (4.0, 1.0)):

        def k(r: float, power: float = power) -> float:
            return (r**2 + 0.25) ** -power

        targets = minmax.losses.get("coulomb", dimension=dimension, epsilon=0.5).targets
        assert targets is not None
        at_real, at_fake = targets(real, fake)
        assert at_real.tolist() == [[pytest.approx(k(0) - (k(1) + k(2)) / 2)]]
        assert at_fake.tolist() == [[pytest.approx(k(r) - (k(0) + k(1)) / 2) for r in (1, 2)]]


def test_coulomb_potential_vanishes_where_both_are_one() -> None:
    """The same points real and fake: no field, even far out and in float32."""
    points = 1e4 * torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(0))
    targets = minmax.losses.get("coulomb").targets
    assert targets is not None
    for potential in targets(points, points):
        torch.testing.assert_close(potential, torch.zeros(2, 50), rtol=0, atol=1e-6)


def test_coulomb_discriminator_regresses_the_potential() -> None:
    """A critic trained against a generator that stands still becomes the potential: on two heaps in the plane."""
    game = minmax.gan(
        data={"name": "gaussians", "layout": "pair", "count": 2000},
        net={"name": "mlp", "widths": [32], "activation": "tanh"},
        loss="coulomb", latent=2, batch=128,
    )  # fmt: skip
    *_, report = minmax.train(
        game, minmax.optimizers.get("gda", transform="adam"), {"lr": 1e-9, "lr_ratio": 1e7}, steps=400, device="cpu"
    )
    fake = game.generate(report.players, torch.randn(1, 1000, 2, generator=torch.Generator().manual_seed(1)))
    real = game.data.points[:1000].unsqueeze(0)
    targets = minmax.losses.get("coulomb").targets
    assert targets is not None
    for samples, potential in zip((real, fake), targets(real, fake), strict=True):
        error = (game.judge(report.players, samples) - potential).std()
        assert error < 0.2 * torch.cat(targets(real, fake), 1).std()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("fgan", {"divergence": "chi"}, "divergence: 'chi' given; allowed: forward_kl, "),
        ("coulomb", {"dimension": 2}, "dimension: 2 given; a number above 2"),
        ("coulomb", {"epsilon": 0}, "epsilon: 0 given; a number above 0"),
        ("wasserstein", {"clip": 0}, "clip: 0 given; a positive number"),
    ],
)
def test_losses_say_what_they_allow(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        minmax.losses.get(name, **options)


def test_minimax_is_zero_sum_on_generated_samples() -> None:
    """The two losses' fake terms cancel: G minimises exactly what D maximises."""
    loss = minmax.losses.get("minimax")
    fake = FAKE.clone().requires_grad_()
    (slope,) = torch.autograd.grad((loss.generator(fake) + loss.discriminator(REAL, fake)).sum(), fake)
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-15)


def test_wasserstein_clips_the_critic_and_only_the_critic() -> None:
    loss = minmax.losses.get("wasserstein", clip=0.02)
    game = minmax.gan(data={"name": "gaussians", "count": 100}, net={"name": "mlp", "widths": [8]}, loss=loss, latent=2)
    (report,) = minmax.train(game, minmax.optimizers.get("gda"), {"lr": 0.1}, [0, 1], steps=3)
    largest = {
        name: max(leaf.abs().max().item() for leaf in minmax.tree.leaves(player))
        for name, player in report.players.items()
    }
    assert largest["discriminator"] == pytest.approx(0.02)
    assert largest["generator"] > 0.02
