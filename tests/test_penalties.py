"""The penalties against closed forms, on discriminators whose slope is known, native and as modules."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import minmax
from minmax import tree
from minmax.field import field, jacobian, lift
from minmax.types import Game, Players

LATENT = 3


class Points:
    """A native generator: G(z) = shift + z."""

    def init(self, generator: torch.Generator) -> tree.Tree:
        return {"shift": torch.randn(LATENT, generator=generator)}

    def __call__(self, parameters: tree.Tree, inputs: Tensor) -> Tensor:
        return parameters["shift"].unsqueeze(1) + inputs


class Linear:
    """D(x) = ⟨a, x⟩ + b: ∇ₓD = a everywhere."""

    def init(self, generator: torch.Generator) -> tree.Tree:
        return {"a": torch.randn(LATENT, generator=generator), "b": torch.randn((), generator=generator)}

    def __call__(self, parameters: tree.Tree, inputs: Tensor) -> Tensor:
        return (inputs * parameters["a"].unsqueeze(1)).sum(-1) + parameters["b"].unsqueeze(-1)


class Quadratic:
    """D(x) = ½Σ cᵢxᵢ²: ∇ₓD = c·x."""

    def init(self, generator: torch.Generator) -> tree.Tree:
        return {"c": torch.randn(LATENT, generator=generator)}

    def __call__(self, parameters: tree.Tree, inputs: Tensor) -> Tensor:
        return (parameters["c"].unsqueeze(1) * inputs.square()).sum(-1) / 2


class OneMember(nn.Module):
    """A native net as a module of one member."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        for name, leaf in net.init(torch.Generator().manual_seed(int(torch.randint(1000, ())))).items():
            self.register_parameter(name, nn.Parameter(leaf))

    def forward(self, inputs: Tensor) -> Tensor:
        own = {name: leaf.unsqueeze(0) for name, leaf in self.named_parameters()}
        return self.net(own, inputs.unsqueeze(0)).squeeze(0)


def game(discriminator: Any, *, native: bool, **options: Any) -> Game:
    """Real points at N(0, 4); the loss says nothing, so that only the penalty is left."""
    points = 2 * torch.randn(100, LATENT, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    silent = minmax.GanLoss(lambda fake: 0 * fake.sum(-1), lambda real, fake: 0 * (real + fake).sum(-1))
    pair = (Points(), discriminator)
    nets = pair if native else tuple(lambda net=net: OneMember(net) for net in pair)
    return lift(minmax.gan(*nets, data=points, loss=silent, latent=LATENT, batch=16, **options))


def drawn(played: Game, members: int) -> tuple[Players, tree.Tree]:
    seeds = [torch.Generator().manual_seed(seed) for seed in range(members)]
    players = tree.stack([played.init(own) for own in seeds])
    batch = tree.stack([played.sample(own) for own in seeds])  # type: ignore[misc]
    return tree.map(torch.Tensor.double, players), tree.map(torch.Tensor.double, batch)


PENALTIES = {
    "r1": lambda squared: 1.5 * squared,
    "r2": lambda squared: 1.5 * squared,
    "gradient_penalty": lambda squared: 3 * (squared.sqrt() - 1) ** 2,
}
"""At weight 3, of ‖∇D‖² at a point."""

every_penalty = pytest.mark.parametrize("name", PENALTIES)
every_kind = pytest.mark.parametrize(
    ("native", "members"), [(True, 3), (False, 3), (False, 1)], ids=["native", "modules", "one module"]
)


def places(name: str, players: Players, batch: tree.Tree) -> Tensor:
    """Where the penalty looks."""
    fake = players["generator"]["shift"].unsqueeze(1) + batch["latent"]
    if name == "gradient_penalty":
        share = batch["share"].unsqueeze(-1)
        return share * batch["real"] + (1 - share) * fake
    return batch["real"] if name == "r1" else fake


def test_every_registered_penalty_is_here() -> None:
    assert set(PENALTIES) == set(minmax.PENALTIES)


@every_kind
@every_penalty
def test_a_linear_discriminator(name: str, native: bool, members: int) -> None:
    """Value and gradient: that of γ/2·‖a‖², or of λ(‖a‖ − 1)²; nothing of b and nothing of G."""
    played = game(Linear(), native=native, penalty={"name": name, "weight": 3.0})
    players, batch = drawn(played, members)
    a = players["discriminator"]["a"]
    length = a.norm(dim=1, keepdim=True)
    for value in (minmax.field.losses(played, players, batch)["discriminator"], -minmax.field.value(
        played, players, batch
    )):  # fmt: skip
        torch.testing.assert_close(value, PENALTIES[name](length.squeeze(1) ** 2))
    moved = field(played, players, batch)
    expected = 6 * (length - 1) * a / length if name == "gradient_penalty" else 3 * a
    torch.testing.assert_close(moved["discriminator"]["a"], expected)
    assert not moved["discriminator"]["b"].any() and not moved["generator"]["shift"].any()


@every_kind
@every_penalty
def test_a_quadratic_discriminator(name: str, native: bool, members: int) -> None:
    """Means over the points where each looks, with respect to c; and J between the players where x is generated."""
    played = game(Quadratic(), native=native, penalty={"name": name, "weight": 3.0})
    players, batch = drawn(played, members)
    c = players["discriminator"]["c"].clone().requires_grad_()
    shift = players["generator"]["shift"].clone().requires_grad_()
    x = places(name, {"generator": {"shift": shift}}, batch)
    expected = PENALTIES[name]((c.unsqueeze(1) * x).square().sum(-1)).mean(-1)
    torch.testing.assert_close(minmax.field.losses(played, players, batch)["discriminator"], expected.detach())
    (slope,) = torch.autograd.grad(expected.sum(), c, create_graph=True)
    torch.testing.assert_close(field(played, players, batch)["discriminator"]["c"], slope.detach())
    across = jacobian(played, players, batch)[:, LATENT:]
    for row in range(LATENT):
        bends = torch.autograd.grad(slope[:, row].sum(), (shift, c), retain_graph=True, materialize_grads=True)
        torch.testing.assert_close(across[:, row], torch.cat(bends, 1), rtol=1e-9, atol=1e-9)


@every_penalty
def test_a_flat_discriminator(name: str) -> None:
    """Where ∇D = 0: no NaN, in value and field, and none where the logits are enormous."""
    played = game(Quadratic(), native=True, penalty=name)
    players, batch = drawn(played, 2)
    for size in (0.0, 1e8):
        players["discriminator"]["c"] = torch.full((2, LATENT), size, dtype=torch.float64)
        assert all(own.isfinite().all() for own in minmax.field.losses(played, players, batch).values())
        assert all(leaf.isfinite().all() for leaf in tree.leaves(field(played, players, batch)))


def test_a_share_is_drawn_with_the_minibatch() -> None:
    """Uniform in [0, 1], one a pair, from the seed alone; without a need, nothing else is drawn."""
    played = game(Linear(), native=True, penalty="gradient_penalty")
    _, batch = drawn(played, 400)
    assert batch["share"].shape == (400, 16)
    assert batch["share"].min() >= 0 and batch["share"].max() <= 1
    assert batch["share"].mean() == pytest.approx(1 / 2, abs=5 / (12 * 6400) ** 0.5)
    assert set(drawn(game(Linear(), native=True, penalty="r1"), 1)[1]) == {"real", "latent"}


@every_kind
def test_instance_noise_is_added_to_both(native: bool, members: int) -> None:
    """Reals leave the data by σ; D sees a fake plus its noise. Real samples and latents are drawn as without it."""
    plain, noisy = (
        game(Quadratic(), native=native, penalty="r2", instance_noise=std) for std in (0.0, 0.3)
    )  # fmt: skip
    players, batch = drawn(noisy, members)
    _, without = drawn(plain, members)
    assert torch.equal(batch["latent"], without["latent"])
    for own in (batch["real"] - without["real"], batch["jitter"]):
        assert own.std() == pytest.approx(0.3, rel=5 / (2 * own.numel()) ** 0.5)
    moved = {**without, "latent": without["latent"] + batch["jitter"]}  # G(z) = shift + z: noise of z is noise of G
    torch.testing.assert_close(field(noisy, players, batch), field(plain, players, moved))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"penalty": {"name": "r1", "weight": 0}}, "weight: 0 given; a positive number"),
        ({"penalty": {"name": "r2", "weight": float("inf")}}, "weight: inf given; a positive number"),
        ({"penalty": {"name": "gradient_penalty", "target": -1}}, "target: -1 given; a number >= 0"),
        ({"penalty": "r3"}, "unknown penalty 'r3'; known: gradient_penalty, r1, r2"),
        ({"penalty": "r1", "loss": "wasserstein"}, "penalty: given beside clipping at 0.01; one of both"),
        ({"instance_noise": -0.1}, "instance_noise: -0.1 given; a number >= 0"),
        ({"instance_noise": float("nan")}, "instance_noise: nan given"),
    ],
)
def test_what_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        minmax.gan(data={"name": "gaussians", "count": 100}, **options)


@pytest.mark.parametrize("optimizer", ["gda", "consensus"])
@every_penalty
def test_a_member_alone_is_as_among_others(name: str, optimizer: str) -> None:
    """Native and modules, differentiated once more or not; and resumed, bit for bit."""
    hypers = {"lr": 0.01, "gamma": 0.1} if optimizer == "consensus" else {"lr": 0.01}
    built = minmax.optimizers.get(optimizer)
    for pair in ((), (lambda: nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2)), lambda: nn.Linear(2, 1))):
        net = {"name": "mlp", "widths": [4], "activation": "tanh"}
        data = {"name": "gaussians", "count": 100}
        played = minmax.gan(*pair, data=data, net=net, latent=2, batch=4, penalty=name, instance_noise=0.1)
        settings: dict[str, Any] = {"steps": 5, "dtype": "float64", "report_every": 2}
        among, alone = ([*minmax.train(played, built, hypers, seeds, **settings)] for seeds in ([0, 1, 2], [1]))
        for own, one in zip(tree.leaves(among[-1].players), tree.leaves(alone[-1].players), strict=True):
            torch.testing.assert_close(own[1], one[0], rtol=1e-9, atol=1e-12)
        *_, rest = minmax.train(played, built, hypers, [1], **settings, resume=alone[0].state)
        for was, now in zip(tree.leaves(alone[-1].state), tree.leaves(rest.state), strict=True):
            assert torch.equal(was, now)


@pytest.mark.parametrize("net", ["native", "modules"])
def test_wasserstein_with_a_penalty_pulls_the_slope_to_one(net: str) -> None:
    """A linear critic between two heaps of one variance: the best has ‖a‖ = 1 + |Δμ|/2λ, and it is found."""
    real = torch.tensor([3.0, 0.0, 0.0]) + torch.randn(4000, LATENT, generator=torch.Generator().manual_seed(0))
    pair = (Points(), Linear())
    nets = pair if net == "native" else tuple(lambda own=own: OneMember(own) for own in pair)
    loss = minmax.losses.get("wasserstein", clip=None)
    played = minmax.gan(*nets, data=real, loss=loss, penalty="gradient_penalty", latent=LATENT, batch=256)
    *_, report = minmax.train(played, minmax.optimizers.get("gda"), {"lr": 1e-9, "lr_ratio": 2e7}, [0], steps=400)
    shift = report.players["generator"]["shift"][0]
    away = (torch.tensor([3.0, 0.0, 0.0]) - shift).norm()
    assert report.players["discriminator"]["a"][0].norm().item() == pytest.approx(1 + away.item() / 20, rel=0.03)
