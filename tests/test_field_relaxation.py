"""∇½‖F‖² and F + γ∇½‖F‖²: against closed forms, central differences, and games that were written out by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from contract import Begun, module_gan
from linear_maps import random_bilinear, stacked
from torch import Tensor

import minmax
from minmax import field, tree
from minmax.types import Game, Players

GAMMA = 0.37


def places(count: int, size: int = 2) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def pendulum() -> Game:
    """One player who follows the field (p, −sin q − 0.2·pq²), which is no gradient."""
    return minmax.Game(
        lambda generator: {"z": {"q": torch.zeros(()), "p": torch.zeros(())}},
        field=lambda players, batch: {
            "z": {
                "q": players["z"]["p"],
                "p": -players["z"]["q"].sin() - 0.2 * players["z"]["p"] * players["z"]["q"] ** 2,
            }
        },
    )


def check_is_the_gradient(found: Callable[[Game, Players], Players], game: Game) -> None:
    """``found`` is ∇½‖F‖², by central differences of F."""
    native, points, step = field.lift(game), places(5), 1e-5
    columns = []
    for axis in torch.eye(2, dtype=torch.float64):
        ahead, behind = (
            tree.norm(field.field(native, field.players_at(game, points + sign * step * axis), {})).square() / 2
            for sign in (1, -1)
        )
        columns.append((ahead - behind) / (2 * step))
    here = tree.flat(found(native, field.players_at(game, points)))
    torch.testing.assert_close(here, torch.stack(columns, 1), rtol=1e-7, atol=1e-8)


GAMES: dict[str, Callable[[], Game]] = {
    "cos_sin": lambda: minmax.games.get("cos_sin"),
    "dirac_gan": lambda: minmax.games.get("dirac_gan", "gradient_penalty", gamma=0.3),
    "pendulum": pendulum,
}


@pytest.mark.parametrize("name", GAMES)
def test_conservative_is_a_gradient(name: str) -> None:
    check_is_the_gradient(lambda game, players: field.conservative(game, players, {}), GAMES[name]())


@pytest.mark.parametrize("factor", [2.0, -1.0])
def test_a_planted_factor_is_found(factor: float) -> None:
    """∇‖F‖², without the half, and the gradient of the other sign."""
    with pytest.raises(AssertionError):
        check_is_the_gradient(
            lambda game, players: tree.scale(factor, field.conservative(game, players, {})), GAMES["dirac_gan"]()
        )


def test_closed_forms() -> None:
    """JᵀF on the quadratic game, [[a² + s², (a − b)s], [(a − b)s, b² + s²]]z, and on cos_sin."""
    a, b, s = 0.5, 0.7, 1.1
    points = places(4)
    square = torch.tensor([[a * a + s * s, (a - b) * s], [(a - b) * s, b * b + s * s]], dtype=torch.float64)
    game = minmax.games.get("quadratic", a, b, s)
    found = field.conservative(game, field.players_at(game, points), {})
    torch.testing.assert_close(tree.flat(found), points @ square)
    game = minmax.games.get("cos_sin")
    found = field.conservative(game, field.players_at(game, points), {})
    theta, phi = points.T
    torch.testing.assert_close(tree.flat(found), torch.stack([theta.sin() * theta.cos(), -phi.sin() * phi.cos()], 1))


def test_gamma_is_each_members_own() -> None:
    game = minmax.games.get("cos_sin")
    players, gammas = field.players_at(game, places(3)), torch.tensor([0.0, 0.5, 2.0], dtype=torch.float64)
    own, uphill = field.field(game, players, {}), field.conservative(game, players, {})
    expected = tree.flat(own) + gammas.unsqueeze(1) * tree.flat(uphill)
    torch.testing.assert_close(tree.flat(field.combined(game, players, {}, gammas)), expected)
    relaxed = field.relaxed(game, gammas)
    torch.testing.assert_close(tree.flat(field.field(relaxed, players, {})), expected)
    for member, gamma in enumerate(gammas.tolist()):
        alone = field.players_at(game, places(3)[member : member + 1])
        together = field.jacobian(relaxed, players, {})[member : member + 1]
        torch.testing.assert_close(field.jacobian(field.relaxed(game, gamma), alone, {}), together)


@pytest.mark.parametrize("name", GAMES)
def test_the_jacobian_of_the_relaxed_game(name: str) -> None:
    """By central differences of the combined field; less J it is γ times a Hessian, so symmetric."""
    game, points, step = GAMES[name](), places(4), 1e-5
    native, relaxed = field.lift(game), field.relaxed(game, GAMMA)
    columns = []
    for axis in torch.eye(2, dtype=torch.float64):
        ahead, behind = (
            tree.flat(field.combined(native, field.players_at(game, points + sign * step * axis), {}, GAMMA))
            for sign in (1, -1)
        )
        columns.append((ahead - behind) / (2 * step))
    found = field.jacobian(relaxed, field.players_at(game, points), {})
    torch.testing.assert_close(found, torch.stack(columns, 2), rtol=1e-7, atol=1e-8)
    hessian = found - field.jacobian(native, field.players_at(game, points), {})
    torch.testing.assert_close(hessian, hessian.mT, rtol=1e-10, atol=1e-12)


def test_at_an_equilibrium_the_jacobian_is_j_plus_gamma_jtj() -> None:
    """A bilinear game: eigenvalues γσ² ± iσ; the quadratic one: J + γJᵀJ."""
    for game in (random_bilinear(3, 4, top=1.3), minmax.games.get("quadratic", 0.5, 0.7, 1.1)):
        players = stacked(game.solution, 1)
        own = field.jacobian(game, players, {})
        found = field.jacobian(field.relaxed(game, GAMMA), players, {})
        torch.testing.assert_close(found, own + GAMMA * own.mT @ own)


def test_the_dirac_gan_of_consensus_is_the_relaxed_dirac_gan() -> None:
    points = places(6)
    written, plain = (minmax.games.get("dirac_gan", name, **options) for name, options in WRITTEN)
    for function in (field.field, field.jacobian, field.eigenvalues):
        expected, found = (
            function(game, field.players_at(plain, points), {}) for game in (written, field.relaxed(plain, 0.6))
        )
        torch.testing.assert_close(found, expected)


WRITTEN: list[tuple[str, dict[str, float]]] = [("consensus", {"gamma": 0.6}), ("gan", {})]


def test_plain_steps_on_the_relaxed_game_are_consensus() -> None:
    game = minmax.games.get("cos_sin")
    settings = {"seeds": range(3), "steps": 20, "report_every": 20, "dtype": "float64", "device": "cpu"}
    (plain,) = minmax.train(field.relaxed(game, 0.6), minmax.optimizers.get("gda"), {"lr": 0.2}, **settings)
    (known,) = minmax.train(game, minmax.optimizers.get("consensus"), {"lr": 0.2, "gamma": 0.6}, **settings)
    torch.testing.assert_close(plain.players, known.players)


def test_buffers_and_modules() -> None:
    """A GAN of modules with BatchNorm: the relaxed game's field is the combined one."""
    begun = Begun(minmax.optimizers.get("gda"), module_gan(norm=True), members=2)
    found = field.field(field.relaxed(begun.game, GAMMA), begun.players, begun.batches[0])
    torch.testing.assert_close(found, field.combined(begun.game, begun.players, begun.batches[0], GAMMA))


def test_products_of_a_relaxed_gan() -> None:
    """Ju by central differences along u; smooth networks."""
    net = {"name": "mlp", "widths": [8], "activation": "tanh"}
    game = minmax.gan(data={"name": "gaussians", "count": 500}, net=net, latent=3, batch=8)
    begun = Begun(minmax.optimizers.get("gda"), game, members=2)
    u = field.field(begun.game, begun.players, begun.batches[0])
    found = field.linearize(field.relaxed(begun.game, GAMMA), begun.players, begun.batches[0]).product(u)
    step = 1e-4
    ahead, behind = (
        tree.flat(field.combined(begun.game, tree.add(begun.players, u, sign * step), begun.batches[0], GAMMA))
        for sign in (1, -1)
    )
    torch.testing.assert_close(tree.flat(found), (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-8)


def test_the_relaxed_field_of_a_constant_one() -> None:
    """F = (1, −2) everywhere: JᵀF = 0, and F stays."""
    game = minmax.Game(
        lambda generator: {"x": torch.zeros(()), "y": torch.zeros(())},
        {"x": lambda players, batch: players["x"], "y": lambda players, batch: -2 * players["y"]},
    )
    players = field.players_at(game, places(2))
    found = field.relaxed(game, GAMMA).field(players, {})
    torch.testing.assert_close(tree.flat(found), torch.tensor([[1.0, -2.0]] * 2, dtype=torch.float64))


def test_points_of_a_game() -> None:
    """Side by side in the players' order, several leaves a player, buffers put back; another width is refused."""
    game = module_gan(norm=True)
    begun = tree.stack([game.init(minmax.streams.generator(0, "init"))])
    size = tree.flat(tree.parameters(begun)).shape[1]
    points = places(3, size)
    players = field.players_at(game, points)
    assert torch.equal(tree.flat(tree.parameters(players)), points)
    assert {path: x.shape[1:] for path, x in tree.named_leaves(players)} == {
        path: x.shape[1:] for path, x in tree.named_leaves(begun)
    }
    with pytest.raises(ValueError, match=rf"points: shape \(3, 2\) given; \[N, {size}\] is allowed"):
        field.players_at(game, places(3))
