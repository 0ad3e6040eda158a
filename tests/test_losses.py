"""The GAN losses and their gradients against closed forms, and no overflow at any logit."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

import minmax

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
}  # fmt: skip


def test_every_registered_loss_is_here() -> None:
    assert set(CLOSED) == set(minmax.LOSSES)


@pytest.mark.parametrize("name", CLOSED)
def test_values_and_gradients(name: str) -> None:
    """Means over a minibatch, one value a member; each logit's gradient is its summand's slope over the batch size."""
    loss, closed = minmax.losses.get(name), CLOSED[name]
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
    loss = minmax.losses.get(name)
    real, fake = (torch.tensor([[1e4, -1e4]], dtype=dtype, requires_grad=True) for _ in range(2))
    total = loss.generator(fake) + loss.discriminator(real, fake)
    assert total.isfinite().all()
    assert all(slope.isfinite().all() for slope in torch.autograd.grad(total.sum(), (real, fake)))


def test_minimax_is_zero_sum_on_generated_samples() -> None:
    """The two losses' fake terms cancel: G minimises exactly what D maximises."""
    loss = minmax.losses.get("minimax")
    fake = FAKE.clone().requires_grad_()
    (slope,) = torch.autograd.grad((loss.generator(fake) + loss.discriminator(REAL, fake)).sum(), fake)
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-15)


def test_wasserstein_clips_the_critic_and_only_the_critic() -> None:
    with pytest.raises(ValueError, match=r"clip: 0 given; a positive number"):
        minmax.losses.get("wasserstein", clip=0)
    loss = minmax.losses.get("wasserstein", clip=0.02)
    game = minmax.gan(data={"name": "gaussians", "count": 100}, net={"name": "mlp", "widths": [8]}, loss=loss, latent=2)
    (report,) = minmax.train(game, minmax.optimizers.get("gda"), {"lr": 0.1}, [0, 1], steps=3)
    largest = {
        name: max(leaf.abs().max().item() for leaf in minmax.tree.leaves(player))
        for name, player in report.players.items()
    }
    assert largest["discriminator"] == pytest.approx(0.02)
    assert largest["generator"] > 0.02
