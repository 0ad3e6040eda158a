"""The networks: their layers as published, dropout masks as data, spectral normalisation against the SVD."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

import minmax
from minmax import checkpoint, tree
from minmax.games.gan import Gan
from minmax.games.modules import ModuleNet
from minmax.nets.blocks import Spectral
from minmax.nets.mlp import MLP

GREY, COLOUR, LATENT = (28, 28), (3, 32, 32), 5

CASES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "mlp": (GREY, {"widths": [8]}),
    "mnist_mlp": (GREY, {}),
    "dcgan": (GREY, {"features": 4}),
    "dcgan 32": (COLOUR, {"features": 4, "batch_norm": False}),
    "dcgan 64": ((3, 64, 64), {"features": 2}),
    "cifar_paper": (COLOUR, {}),
    "resnet": (COLOUR, {"features": 4}),
    "resnet 28": (GREY, {"features": 4, "batch_norm": False}),
    "resnet plain": (COLOUR, {"features": 4, "spectral": False}),
}
every_case = pytest.mark.parametrize("case", CASES)
LARGE = {"mnist_mlp", "cifar_paper"}


def game(case: str, batch: int = 4, **options: Any) -> Gan:
    shape, own = CASES[case]
    points = 2 * torch.rand(16, *shape, generator=torch.Generator().manual_seed(0)) - 1
    return minmax.gan(data=points, net={"name": case.split()[0], **own}, latent=LATENT, batch=batch, **options)


def last(played: Gan, seeds: list[int], steps: int = 2, **options: Any) -> minmax.Report:
    hypers = {"lr": 1e-3, "lr_ratio": 1.7}
    optimizer = minmax.optimizers.get("gda", transform="sgd")
    *_, report = minmax.train(played, optimizer, hypers, seeds, steps, dtype="float64", device="cpu", **options)
    return report


def weights(net: Any) -> int:
    own = net if hasattr(net, "init") and not isinstance(net, torch.nn.Module) else ModuleNet(net)
    drawn = own.init(torch.Generator().manual_seed(0))
    return sum(leaf.numel() for leaf in tree.leaves({key: leaf for key, leaf in drawn.items() if key != "buffers"}))


def test_every_registered_net_is_here() -> None:
    assert {case.split()[0] for case in CASES} == set(minmax.NETS)


@every_case
def test_shapes_and_ranges(case: str) -> None:
    """Pictures of the data's shape in [−1, 1], one logit each; two seeds are two networks."""
    played = game(case)
    players = tree.stack([played.init(torch.Generator().manual_seed(seed)) for seed in (0, 1)])
    made = played.generate(players, torch.randn(2, 3, LATENT, generator=torch.Generator().manual_seed(0)))
    assert made.shape == (2, 3, *CASES[case][0]) and made.isfinite().all()
    assert case == "mlp" or made.abs().max() <= 1
    logits = played.judge(players, made)
    assert logits.shape == (2, 3) and not torch.equal(logits[0], logits[1])


@pytest.mark.parametrize("case", [case for case in CASES if case not in LARGE])
def test_a_member_alone_is_as_among_others(case: str) -> None:
    among, alone = last(game(case), [0, 1, 2]), last(game(case), [1])
    for (path, own), one in zip(
        tree.named_leaves(tree.map(lambda x: x[1], among.players)), tree.leaves(alone.players), strict=True
    ):
        torch.testing.assert_close(own, one[0], rtol=1e-9, atol=1e-12, msg=lambda text, at=path: f"{at}: {text}")


@pytest.mark.parametrize("case", sorted(LARGE))
def test_large_ones_alone_are_as_among_others(case: str) -> None:
    """One step, of two members, with dropout."""
    among, alone = last(game(case, 2), [0, 1], steps=1), last(game(case, 2), [1], steps=1)
    torch.testing.assert_close(
        tree.map(lambda x: x[1], among.players), tree.map(lambda x: x[0], alone.players), rtol=1e-9, atol=1e-12
    )


def test_the_papers_layers() -> None:
    """Weights and biases, counted from the published widths."""

    def dense(*widths: int) -> int:
        return sum(a * b + b for a, b in itertools.pairwise(widths))

    def conv(kernel: int, *widths: int) -> int:
        return sum(a * b * kernel**2 + b for a, b in itertools.pairwise(widths))

    pair = minmax.nets.get("mnist_mlp", shape=GREY, latent=100)
    assert weights(pair.generator) == dense(100, 256, 512, 1024, 784)
    assert weights(pair.discriminator) == dense(784, 1024, 512, 256, 1)
    pair = minmax.nets.get("cifar_paper", shape=COLOUR, latent=100)
    assert weights(pair.generator) == dense(100, 4096) + conv(4, 256, 128, 128, 128) + conv(3, 128, 3)
    assert weights(pair.discriminator) == conv(3, 3, 64, 128, 128, 256) + dense(4096, 1)
    pair = minmax.nets.get("dcgan", shape=COLOUR, latent=100, batch_norm=False)
    assert weights(pair.generator) == conv(4, 100, 256, 128, 64, 3)
    assert weights(pair.discriminator) == conv(4, 3, 64, 128, 256, 1)
    normed = minmax.nets.get("dcgan", shape=COLOUR, latent=100)  # a scale and a shift for a bias
    assert weights(normed.generator) == weights(pair.generator) + 256 + 128 + 64
    assert weights(normed.discriminator) == weights(pair.discriminator) + 128 + 256
    pair = minmax.nets.get("resnet", shape=COLOUR, latent=128, features=16, batch_norm=False)
    up, half = conv(3, 16, 16, 16) + conv(1, 16, 16), conv(3, 3, 16, 16) + conv(1, 3, 16)
    assert weights(pair.generator) == dense(128, 16 * 16) + 3 * up + conv(3, 16, 3)
    assert weights(pair.discriminator) == half + up + 2 * conv(3, 16, 16, 16) + dense(16, 1)


def test_mnist_mlp_begins_as_released() -> None:
    """Glorot-uniform, with zero biases."""
    for part in minmax.nets.get("mnist_mlp", shape=GREY, latent=100):
        for layer in part.init(torch.Generator().manual_seed(0)).values():
            bound = math.sqrt(6 / sum(layer["weight"].shape))
            assert 0.98 * bound < layer["weight"].abs().max() <= bound
            assert layer["weight"].std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
            assert not layer["bias"].any()


def test_dcgan_begins_as_published() -> None:
    """Normal weights of deviation 0.02 around 0, BatchNorm's scales around 1, biases 0."""
    net = ModuleNet(minmax.nets.get("dcgan", shape=COLOUR, latent=100).generator)
    for name, leaf in net.init(torch.Generator().manual_seed(0)).items():
        if name == "buffers":
            continue
        if name.endswith("bias"):
            assert not leaf.any()
        else:
            assert leaf.mean().item() == pytest.approx(float(leaf.dim() == 1), abs=5 * 0.02 / math.sqrt(leaf.numel()))
            assert leaf.std().item() == pytest.approx(0.02, rel=5 / math.sqrt(2 * leaf.numel()))


# Dropout.


def test_dropout_by_hand() -> None:
    """Each layer: affine, leaky ReLU, mask over 1 − p; without masks, as if p were 0."""
    net, own = MLP((3, 4, 5, 2), (2,), "leaky_relu", dropout=(0.25, 0.5)), torch.Generator().manual_seed(0)
    parameters = tree.map(torch.Tensor.double, tree.stack([net.init(own) for _ in range(2)]))
    inputs = torch.randn(2, 6, 3, generator=own, dtype=torch.float64)
    assert net.noise is not None
    noise = tree.stack([net.noise(own, 6) for _ in range(2)])
    assert {key: mask.shape for key, mask in noise.items()} == {"0": (2, 6, 4), "1": (2, 6, 5)}
    for given in (noise, None):
        for member in range(2):
            hidden = inputs[member]
            for index in ("0", "1", "2"):
                layer = tree.map(lambda x, m=member: x[m], parameters[index])
                hidden = hidden @ layer["weight"] + layer["bias"]
                if index != "2":
                    hidden = torch.where(hidden > 0, hidden, 0.2 * hidden)
                    share = {"0": 0.25, "1": 0.5}[index] if given else 0.0
                    kept = given[index][member] if given else torch.ones_like(hidden)
                    hidden = hidden * kept / (1 - share)
            torch.testing.assert_close(net(parameters, inputs, given)[member], hidden)


@pytest.mark.parametrize("case", sorted(LARGE))
def test_masks_are_drawn_with_the_minibatch(case: str) -> None:
    """For reals and fakes apart, p of the units dropped; losses hear of them, f and the evaluating networks do not."""
    played = game(case)
    assert played.sample is not None and played.value is not None and played.losses is not None
    one, other = (played.sample(torch.Generator().manual_seed(seed)) for seed in (0, 1))
    share = {"mnist_mlp": 0.3, "cifar_paper": 0.4}[case]
    masks = {name: tree.leaves(own) for name, own in one["noise"].items()}
    assert masks.keys() == {"real", "fake"}
    for mask in itertools.chain(*masks.values()):
        dropped = 1 - mask.double().mean().item()
        assert dropped == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / mask.numel()))
    assert not torch.equal(masks["real"][0], masks["fake"][0])

    lifted = minmax.field.lift(played)
    players = tree.stack([played.init(torch.Generator().manual_seed(0))])
    batch, changed = (tree.map(lambda x: x.unsqueeze(0), own) for own in (one, {**one, "noise": other["noise"]}))
    again, before, after = (minmax.field.losses(lifted, players, own) for own in (batch, batch, changed))
    for name in before:
        assert torch.equal(again[name], before[name]) and not torch.equal(before[name], after[name])
    assert torch.equal(*(minmax.field.value(lifted, players, own) for own in (batch, changed)))
    logits = played.judge(players, batch["real"]), played.judge(players, played.generate(players, batch["latent"]))
    expected = -minmax.losses.get("nonsaturating").discriminator(*logits)
    torch.testing.assert_close(minmax.field.value(lifted, players, batch), expected)


def test_a_run_with_masks_is_resumed_bit_for_bit() -> None:
    played = game("cifar_paper", 2)
    optimizer = minmax.optimizers.get("gda")
    settings: dict[str, Any] = {"steps": 3, "report_every": 1, "device": "cpu"}
    first, *_, whole = minmax.train(played, optimizer, {"lr": 1e-3}, [4], **settings)
    saved = checkpoint.loads(checkpoint.dumps(first.state))
    *_, rest = minmax.train(played, optimizer, {"lr": 1e-3}, [4], **settings, resume=saved)
    for one, other in zip(tree.leaves(whole.state), tree.leaves(rest.state), strict=True):
        assert torch.equal(one, other)


# Spectral normalisation.


def spectral(layer: torch.nn.Linear | torch.nn.Conv2d, iterations: int) -> tuple[Spectral, Tensor]:
    """Seen so many times, and its singular values."""
    torch.manual_seed(0)
    layer.reset_parameters()
    net = Spectral(layer).double()
    inputs = torch.zeros(1, *((3,) if isinstance(layer, torch.nn.Linear) else (3, 5, 5)), dtype=torch.float64)
    for _ in range(iterations):
        net(inputs)
    return net, torch.linalg.svdvals(layer.weight.detach().flatten(1))


LAYERS = {"linear": lambda: torch.nn.Linear(3, 7), "convolution": lambda: torch.nn.Conv2d(3, 6, 3, bias=False)}


@pytest.mark.parametrize("kind", LAYERS)
def test_spectral_norm_is_the_largest_singular_value(kind: str) -> None:
    net, singular = spectral(LAYERS[kind](), iterations=400)
    x = torch.randn(4, *((3,) if kind == "linear" else (3, 5, 5)), dtype=torch.float64)
    plain = net.layer(x)
    bias = 0 if net.layer.bias is None else net.layer.bias
    torch.testing.assert_close(net(x), (plain - bias) / singular[0] + bias)


def test_the_gradient_of_spectral_norm() -> None:
    """Of ⟨C, W/σ⟩ at the true vectors: (C − ⟨C, W⟩/σ·uvᵀ)/σ (Miyato et al. 2018, equation 12)."""
    net, singular = spectral(torch.nn.Linear(3, 7, bias=False), iterations=400)
    weight = net.layer.weight
    u, _, vh = torch.linalg.svd(weight.detach())
    c = torch.randn(7, 3, dtype=torch.float64)
    (slope,) = torch.autograd.grad((c * net(torch.eye(3, dtype=torch.float64)).mT).sum(), weight)
    expected = (c - (c * weight.detach()).sum() / singular[0] * torch.outer(u[:, 0], vh[0])) / singular[0]
    torch.testing.assert_close(slope, expected, rtol=1e-9, atol=1e-9)


def test_spectral_vectors_move_between_steps_alone() -> None:
    """A loss leaves them; a step renews them, and they follow the weights to the true σ."""
    played = game("resnet")
    assert played.renew is not None
    one = last(played, [0, 1], steps=1).players["discriminator"]["buffers"]
    more = last(played, [0, 1], steps=2).players["discriminator"]["buffers"]
    assert {name.rsplit(".")[-1] for name in more} == {"u"}
    assert any(not torch.equal(one[name], more[name]) for name in more)
    for name, u in more.items():
        torch.testing.assert_close(u.norm(dim=1), torch.ones(2, dtype=torch.float64), msg=name)

    still = last(game("resnet"), [0], steps=2)
    net = ModuleNet(minmax.nets.get("resnet", shape=COLOUR, latent=LATENT, features=4).discriminator)
    own = tree.map(lambda x: x[0], still.players["discriminator"])
    x = torch.randn(2, *COLOUR, dtype=torch.float64)
    assert torch.equal(net(own, x), net(own, x))
    assert torch.equal(net.evaluate(own, x), net(own, x))


@pytest.mark.parametrize(
    ("name", "shape", "options", "said"),
    [
        ("mnist_mlp", GREY, {"dropout": 1}, "dropout: 1 given; a number >= 0 and < 1"),
        ("cifar_paper", COLOUR, {"dropout": -0.1}, "dropout: -0.1 given"),
        ("cifar_paper", GREY, {}, "cifar_paper: pictures of side 28; 32 is allowed"),
        ("dcgan", (2,), {}, r"dcgan: data of shape \[2\]; \[side, side\] or \[channels, side, side\]"),
        ("dcgan", (3, 32, 16), {}, r"dcgan: data of shape \[3, 32, 16\]"),
        ("dcgan", (3, 50, 50), {}, "dcgan: pictures of side 50; 4, 5, 6 or 7 times 2, 4, 8, … is allowed"),
        ("dcgan", (7, 7), {}, "dcgan: pictures of side 7; "),
        ("dcgan", GREY, {"features": 0}, "features: 0 given; at least 1"),
        ("dcgan", GREY, {"std": 0}, "std: 0 given; a positive number"),
        ("resnet", GREY, {"features": 0}, "features: 0 given; at least 1"),
        ("resnet", (2, 2), {}, "resnet: pictures of side 2; "),
    ],
)
def test_nets_say_what_they_allow(name: str, shape: tuple[int, ...], options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        minmax.nets.get(name, shape=shape, latent=3, **options)
