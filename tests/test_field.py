"""The field, Jacobian products, eigenvalues, f, and lifting, against ``torch.autograd.functional`` and native games."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contract import noisy_bilinear, registered_gan
from linear_maps import random_bilinear, singular_values, stacked
from torch import Tensor, nn

import minmax
from minmax import field, tree
from minmax.games.quadratic import quadratic
from minmax.types import Batch, Game, Players

MEMBERS = 3


def curved() -> Game:
    """A game of one member, neither zero-sum nor quadratic, on players of several leaves."""

    def first(players: Players, batch: Batch) -> Tensor:
        x, y = players["x"], players["y"]
        return (x["a"].sin() @ batch["w"] @ y).sum() + x["b"] ** 3 * y.sum()

    def second(players: Players, batch: Batch) -> Tensor:
        x, y = players["x"], players["y"]
        return -(x["a"].tanh() @ batch["w"] @ y).sum() + 0.3 * (y**4).sum() - x["b"] * y[0]

    return minmax.Game(
        lambda generator: {"x": {"a": torch.zeros(2), "b": torch.zeros(())}, "y": torch.zeros(4)},
        {"x": first, "y": second},
    )


@pytest.fixture
def at() -> tuple[Players, Batch]:
    own = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(MEMBERS, *shape, generator=own, dtype=torch.float64)

    return {"x": {"a": draw(2), "b": draw()}, "y": draw(4)}, {"w": draw(2, 4)}


def dense(game: Game, players: Players, batch: Batch, member: int) -> tuple[Tensor, Tensor]:
    """F and J of one member by ``torch.autograd.functional``."""
    own, minibatch = tree.member(players, member), tree.member(batch, member)
    begun = tree.map(lambda x: x.unsqueeze(0), own)
    sizes = [tree.flat({"player": player}).shape[1] for player in begun.values()]
    assert game.losses is not None
    parts = []
    for (name, loss), start, size in zip(game.losses.items(), (0, sizes[0]), sizes, strict=True):

        def of(vector: Tensor, loss=loss) -> Tensor:
            return loss(tree.member(tree.unflat(vector.unsqueeze(0), begun), 0), minibatch)

        def gradient(vector: Tensor, of=of, start=start, size=size) -> Tensor:
            (whole,) = torch.autograd.grad(of(vector), vector, create_graph=True)
            return whole[start : start + size]

        assert name in game.losses
        parts.append(gradient)

    def whole(vector: Tensor) -> Tensor:
        return torch.cat([part(vector) for part in parts])

    point = tree.flat(begun)[0].requires_grad_()
    return whole(point).detach(), torch.autograd.functional.jacobian(whole, point)


def test_field_and_jacobian_products(at: tuple[Players, Batch]) -> None:
    """F, Jᵀu, Ju (the double-vjp form), dense J and its eigenvalues, for each of three members."""
    players, batch = at
    game, lifted = curved(), field.lift(curved())
    own = torch.Generator().manual_seed(1)
    u = tree.map(lambda x: torch.randn(x.shape, generator=own, dtype=x.dtype), players)
    point = field.linearize(lifted, players, batch)
    found = {
        "F": tree.flat(field.field(lifted, players, batch)),
        "F linearized": tree.flat(point.field),
        "J": field.jacobian(lifted, players, batch),
        "transposed": tree.flat(point.transposed(u)),
        "product": tree.flat(point.product(u)),
    }
    eigenvalues = field.eigenvalues(lifted, players, batch)
    for member in range(MEMBERS):
        f, j = dense(game, players, batch, member)
        v = tree.flat(u)[member]
        expected = {"F": f, "F linearized": f, "J": j, "transposed": j.T @ v, "product": j @ v}
        for name, value in expected.items():
            torch.testing.assert_close(found[name][member], value, rtol=1e-10, atol=1e-12, msg=lambda t, n=name: n + t)
        powers = torch.stack([(eigenvalues[member] ** k).sum().real for k in (1, 2, 3)])
        traces = torch.stack([torch.linalg.matrix_power(j, k).trace() for k in (1, 2, 3)])
        torch.testing.assert_close(powers, traces, rtol=1e-9, atol=1e-10)


def test_what_each_player_makes_of_the_other(at: tuple[Players, Batch]) -> None:
    """K is J with its diagonal blocks at 0; both players' products, and each one's alone."""
    players, batch = at
    lifted = field.lift(curved())
    u = dict(reversed(field.field(lifted, players, batch).items()))
    point = field.interact(lifted, players, batch)
    k = field.jacobian(lifted, players, batch)
    size = tree.flat(players["x"]).shape[1]
    k[:, :size, :size] = k[:, size:, size:] = 0.0
    v = tree.flat(tree.ordered(u, players)).unsqueeze(2)
    for found, matrix in ((point.product, k), (point.transposed, k.mT)):
        whole = found(u)
        assert list(whole) == ["x", "y"]
        torch.testing.assert_close(tree.flat(whole), (matrix @ v).squeeze(2), rtol=1e-10, atol=1e-12)
        for name, other in (("x", "y"), ("y", "x")):
            assert found({name: u[name]}).keys() == {other}
            torch.testing.assert_close(found({name: u[name]})[other], whole[other], rtol=1e-12, atol=0)


def test_both_products_at_once(at: tuple[Players, Batch]) -> None:
    players, batch = at
    point = field.linearize(field.lift(curved()), players, batch)
    found = point.both(point.field)
    torch.testing.assert_close(found, (point.transposed(point.field), point.product(point.field)))


def test_the_order_of_losses_means_nothing(at: tuple[Players, Batch]) -> None:
    """Players come in the order of the players, also from a field that gives another; the value is minus y's loss."""
    players, batch = at
    straight = field.lift(curved())
    assert straight.losses is not None
    crossed = replace(straight, losses=dict(reversed(straight.losses.items())))
    turned = replace(
        straight, losses=None, field=lambda z, minibatch: dict(reversed(_tracked(straight, z, minibatch).items()))
    )
    torch.testing.assert_close(field.value(crossed, players, batch), -straight.losses["y"](players, batch))
    expected = field.linearize(straight, players, batch)
    u = expected.field
    for game in (crossed, turned):
        found = field.linearize(game, players, batch)
        assert list(found.field) == list(field.field(game, players, batch)) == ["x", "y"]
        for name in ("transposed", "product"):
            own, theirs = (getattr(point, name)(dict(reversed(u.items()))) for point in (found, expected))
            assert list(own) == ["x", "y"]
            torch.testing.assert_close(own, theirs)
            torch.testing.assert_close(own, getattr(expected, name)(u))


def _tracked(game: Game, players: Players, batch: Batch) -> Players:
    """The field of a game of losses, as a function that one can differentiate."""
    assert game.losses is not None
    gradients = {}
    for name, loss in game.losses.items():
        leaves = tree.leaves(players[name])
        found = torch.autograd.grad(loss(players, batch).sum(), leaves, create_graph=True)
        gradients[name] = tree.like(players[name], found)
    return gradients


def test_partial_is_the_fields_component(at: tuple[Players, Batch]) -> None:
    players, batch = at
    for game, here, minibatch in ((field.lift(curved()), players, batch), _begun(registered_gan())):
        whole = field.field(game, here, minibatch)
        for name in whole:
            own = field.partial(game, here, minibatch, name)
            assert list(own) == [name]
            torch.testing.assert_close(tree.flat(own), tree.flat({name: whole[name]}), rtol=1e-5, atol=1e-7)


def test_bilinear_eigenvalues_are_plus_minus_i_sigma() -> None:
    game = random_bilinear(3, 3, top=2.0)
    found = field.eigenvalues(game, stacked(game.solution, 1), {})[0]
    assert found.real.abs().max() < 1e-12
    expected = sorted(sign * s for s in singular_values(game) for sign in (-1, 1))
    torch.testing.assert_close(found.imag.sort().values, torch.tensor(expected, dtype=torch.float64))


def test_a_field_instead_of_losses() -> None:
    """F = (y, −x + x³) is nobody's gradient; J = [[0, 1], [−1 + 3x², 0]]."""
    game = field.lift(
        minmax.Game(
            lambda generator: {"x": torch.zeros(()), "y": torch.zeros(())},
            field=lambda players, batch: {"x": players["y"], "y": -players["x"] + players["x"] ** 3},
        )
    )
    x = torch.tensor([0.5, -1.0], dtype=torch.float64)
    players = {"x": x, "y": torch.tensor([2.0, 3.0], dtype=torch.float64)}
    torch.testing.assert_close(field.field(game, players, {}), {"x": players["y"], "y": -x + x**3})
    torch.testing.assert_close(field.partial(game, players, {}, "y"), {"y": -x + x**3})
    zero, one = torch.zeros(2).double(), torch.ones(2).double()
    expected = torch.stack([torch.stack([zero, one], 1), torch.stack([-1 + 3 * x**2, zero], 1)], 1)
    torch.testing.assert_close(field.jacobian(game, players, {}), expected)
    with pytest.raises(ValueError, match="it has no value f"):
        field.value(game, players, {})


def test_value_is_f_or_minus_the_second_loss() -> None:
    game = field.lift(quadratic(0.5, 0.7, 1.1))
    players = {"x": torch.tensor([2.0]), "y": torch.tensor([3.0])}
    assert field.value(game, players, {}).item() == pytest.approx(0.25 * 4 + 1.1 * 6 - 0.35 * 9)
    gan, here, batch = _begun(registered_gan())
    assert gan.losses is not None
    torch.testing.assert_close(field.value(gan, here, batch), -gan.losses["discriminator"](here, batch))


def test_a_lifted_game_is_the_native_one() -> None:
    """f = xᵀAy written for one member and lifted is ``bilinear``: field, Jacobian, value; one member and several."""
    matrix = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    native = minmax.games.get("bilinear", matrix)

    def value(players: Players, batch: Batch) -> Tensor:
        return players["x"] @ matrix @ players["y"]

    losses = {"x": value, "y": lambda players, batch: -value(players, batch)}
    lifted = field.lift(minmax.Game(native.init, losses, value=value))
    assert field.lift(native) is native
    own = torch.Generator().manual_seed(1)
    for members in (1, 5):
        players = {"x": torch.randn(members, 3, generator=own).double(), "y": torch.randn(members, 4, generator=own)}
        players = tree.map(torch.Tensor.double, players)
        for function in (field.field, field.jacobian, field.value):
            torch.testing.assert_close(function(lifted, players, {}), function(native, players, {}))


def test_a_lifted_module_gan_is_the_native_one() -> None:
    """The same weights in modules (their matrices transposed) and in the native net: losses, fields, samples agree."""
    data = minmax.data.get("gaussians", count=100)
    native = minmax.gan(data=data, net={"name": "mlp", "widths": [8], "activation": "leaky_relu"}, latent=3)
    generator, discriminator = (
        nn.Sequential(nn.Linear(size, 8), nn.LeakyReLU(0.2), nn.Linear(8, out)) for size, out in ((3, 2), (2, 1))
    )
    modules = minmax.gan(generator, discriminator, data=data, latent=3)
    lifted = field.lift(modules)
    _, players, batch = _begun(native)
    as_modules = {name: _module_weights(player) for name, player in players.items()}
    own, theirs = field.losses(lifted, as_modules, batch), field.losses(native, players, batch)
    torch.testing.assert_close(dict(own), dict(theirs))
    fields = field.field(lifted, as_modules, batch), field.field(native, players, batch)
    torch.testing.assert_close(fields[0], {name: _module_weights(player) for name, player in fields[1].items()})
    latents = batch["latent"]
    torch.testing.assert_close(modules.generate(as_modules, latents), native.generate(players, latents))


def test_noise_of_a_batch_reaches_the_field() -> None:
    game, players, batch = _begun(noisy_bilinear())
    twice = field.field(game, players, {"xi": 1 + 2 * batch["xi"]})  # 1 + ξ becomes twice as large
    once = field.field(game, players, batch)
    torch.testing.assert_close(tree.flat(twice), 2 * tree.flat(once))


def _module_weights(player: tree.Tree) -> tree.Tree:
    """A native MLP's parameters as ``nn.Sequential(Linear, activation, Linear)`` names and shapes them."""
    shaped = {}
    for index, layer in player.items():
        shaped[f"{2 * int(index)}.weight"] = layer["weight"].mT
        shaped[f"{2 * int(index)}.bias"] = layer["bias"].squeeze(1)
    return shaped


def _begun(game: Game) -> tuple[Game, Players, Batch]:
    assert game.sample is not None
    seeds = range(MEMBERS)
    players = tree.stack([game.init(minmax.streams.generator(seed, "init")) for seed in seeds])
    batch = tree.stack([game.sample(minmax.streams.generator(seed, "batch")) for seed in seeds])
    return field.lift(game), players, batch
