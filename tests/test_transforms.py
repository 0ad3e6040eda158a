"""The transforms are ``torch.optim``'s over 50 steps; the ordinary GAN loop is ``alternating_gda``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from contract import module_gan
from torch import Tensor, nn

import minmax
from minmax import streams, tree
from minmax.transforms.root import root
from minmax.types import Hypers, State

STEPS, MEMBERS = 50, 3
SHAPES = {"one": (4, 3), "deep": {"two": (5,), "three": ()}}

Reference = Callable[[Sequence[nn.Parameter], dict[str, float]], torch.optim.Optimizer]

CASES: dict[str, tuple[str, dict[str, list[float]], Reference]] = {
    "sgd": ("sgd", {}, lambda parameters, given: torch.optim.SGD(parameters, lr=given["lr"])),
    "momentum": (
        "momentum",
        {"momentum": [0.3, 0.7, 0.95]},
        lambda parameters, given: torch.optim.SGD(parameters, lr=given["lr"], momentum=given["momentum"]),
    ),
    "rmsprop": (
        "rmsprop",
        {"decay": [0.8, 0.95, 0.999], "eps": [1e-3, 1e-6, 1e-2]},
        lambda parameters, given: torch.optim.RMSprop(
            parameters, lr=given["lr"], alpha=given["decay"], eps=given["eps"]
        ),
    ),
    "adam": (
        "adam",
        {"beta1": [0.0, 0.6, 0.9], "beta2": [0.8, 0.99, 0.999], "eps": [1e-3, 1e-6, 1e-2]},
        lambda parameters, given: torch.optim.Adam(
            parameters, lr=given["lr"], betas=(given["beta1"], given["beta2"]), eps=given["eps"]
        ),
    ),
}
RATES = [0.01, 0.1, 0.3]


def random_tree(own: torch.Generator, dtype: Any, shapes: Any = SHAPES) -> Any:
    """Stacked leaves of several shapes, a single number among them."""
    if isinstance(shapes, dict):
        return {name: random_tree(own, dtype, shape) for name, shape in shapes.items()}
    return torch.randn(MEMBERS, *shapes, generator=own, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize(("dtype", "relative"), [(torch.float64, 1e-12), (torch.float32, 1e-5)], ids=["f64", "f32"])
@pytest.mark.parametrize("case", CASES)
def test_is_torchs(case: str, dtype: torch.dtype, relative: float) -> None:
    """Every member with constants of its own, none of them a default."""
    name, constants, reference = CASES[case]
    own = torch.Generator().manual_seed(0)
    params = random_tree(own, dtype)
    gradients = [random_tree(own, dtype) for _ in range(STEPS)]
    assert set(constants) == set(minmax.transforms.get(name).hypers)

    ours = run_ours(name, params, gradients, constants)
    for member in range(MEMBERS):
        given = {"lr": RATES[member], **{key: values[member] for key, values in constants.items()}}
        theirs = run_torchs(reference, params, gradients, given, member)
        for mine, other in zip(tree.leaves(tree.member(ours, member)), theirs, strict=True):
            torch.testing.assert_close(mine, other, rtol=relative, atol=relative)


def run_ours(name: str, params: Any, gradients: Sequence[Any], constants: dict[str, list[float]]) -> Any:
    transform = minmax.transforms.get(name)
    hypers: Hypers = {key: torch.tensor(values, dtype=torch.float64) for key, values in constants.items()}
    state: State = transform.init(params)
    for gradient in gradients:
        direction, state = transform.update(gradient, state, hypers)
        params = tree.add(params, direction, -torch.tensor(RATES, dtype=torch.float64))
    return params


def run_torchs(
    reference: Reference, params: Any, gradients: Sequence[Any], given: dict[str, float], member: int
) -> list[Tensor]:
    parameters = [nn.Parameter(leaf.clone()) for leaf in tree.leaves(tree.member(params, member))]
    optimizer = reference(parameters, given)
    for gradient in gradients:
        for parameter, leaf in zip(parameters, tree.leaves(tree.member(gradient, member)), strict=True):
            parameter.grad = leaf.clone()
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def test_negative_momentum_is_the_same_formula() -> None:
    """b ← μb + g with μ = −½, which torch refuses: after gradients 1, 1, 1 the velocity is 1 − ½ + ¼."""
    transform = minmax.transforms.get("momentum")
    one = {"z": torch.ones(1, 1, dtype=torch.float64)}
    state = transform.init(one)
    for _ in range(3):
        direction, state = transform.update(one, state, {"momentum": torch.tensor([-0.5], dtype=torch.float64)})
    assert direction["z"].item() == 0.75


def test_the_ordinary_gan_loop_is_alternating_gda_with_adam() -> None:
    """20 steps of two modules and two ``torch.optim.Adam`` on a run's own minibatches end where the run ends."""
    game, seed, lr, ratio, betas = module_gan(), 5, 0.01, 1.7, (0.5, 0.99)
    optimizer = minmax.optimizers.get("alternating_gda", transform="adam")
    hypers = {"lr": lr, "lr_ratio": ratio, "beta1": betas[0], "beta2": betas[1]}
    (report,) = minmax.train(game, optimizer, hypers, [seed], steps=20, dtype="float64", device="cpu")

    begun = tree.map(torch.Tensor.double, game.init(streams.generator(seed, "init")))
    generator = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    discriminator = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1)).double()
    generator.load_state_dict(begun["generator"])
    discriminator.load_state_dict(begun["discriminator"])
    first = torch.optim.Adam(generator.parameters(), lr=lr, betas=betas)
    second = torch.optim.Adam(discriminator.parameters(), lr=lr * ratio, betas=betas)
    minibatches = streams.Stream("batch", [seed], game.sample_block, torch.Tensor.double, "cpu")
    entropy = nn.BCEWithLogitsLoss()
    for _ in range(20):
        batch = tree.member(minibatches.next(), 0)
        ones, zeros = torch.ones(8, 1).double(), torch.zeros(8, 1).double()
        first.zero_grad()
        entropy(discriminator(generator(batch["latent"])), ones).backward()
        first.step()
        second.zero_grad()
        fake = generator(batch["latent"]).detach()
        (entropy(discriminator(batch["real"]), ones) + entropy(discriminator(fake), zeros)).backward()
        second.step()
    for name, module in {"generator": generator, "discriminator": discriminator}.items():
        for path, value in module.state_dict().items():
            torch.testing.assert_close(report.players[name][path][0], value, rtol=1e-10, atol=1e-12)


def test_the_root_is_the_root_whether_or_not_it_is_differentiated() -> None:
    """Bit for bit, at 0 and where there is no number too; its derivative is 1/(2√s), and 0 at 0."""
    squares = torch.tensor([0.0, 1e-300, 0.3, 4.0, torch.inf, torch.nan], dtype=torch.float64)
    tracked = squares.clone().requires_grad_()
    for found in (root(squares), root(tracked)):
        assert torch.equal(found.detach().view(torch.int64), squares.sqrt().view(torch.int64))
    (slope,) = torch.autograd.grad(root(tracked)[:4].sum(), tracked)
    assert slope[:4].tolist() == [0.0, *(0.5 / squares[1:4].sqrt()).tolist()]
