"""ż = −F(z): circles, the matrix exponential, and members that leave each other alone."""

from __future__ import annotations

import math

import pytest
import torch
from contract import Begun, module_gan
from linear_maps import random_bilinear, stacked
from scipy.linalg import expm
from torch import Tensor

import minmax
from minmax import field, tree
from minmax.types import Game

TIMES = torch.linspace(0.0, 4.0, 9, dtype=torch.float64)


def rotation(speed: float) -> Game:
    """f = s·xy."""
    return minmax.games.get("quadratic", 0.0, 0.0, speed)


def path(game: Game, points: Tensor, times: Tensor = TIMES) -> Tensor:
    """``[T, N, P]``."""
    players = field.flow(game, field.players_at(game, points), times)
    return torch.stack([tree.flat(tree.member(players, index)) for index in range(len(times))])


def check_circle(places: Tensor, speed: float) -> None:
    """From (2, 0): ẋ = −sy, ẏ = sx, a circle of radius 2 at the angle st."""
    angle = speed * TIMES
    torch.testing.assert_close(places, 2 * torch.stack([angle.cos(), angle.sin()], 1), rtol=0, atol=1e-7)


def test_a_rotation_is_a_circle() -> None:
    check_circle(path(rotation(1.3), torch.tensor([[2.0, 0.0]]).double())[:, 0], 1.3)


def test_the_other_way_round_is_found() -> None:
    """A flow along +F instead of −F."""
    with pytest.raises(AssertionError):
        check_circle(path(rotation(-1.3), torch.tensor([[2.0, 0.0]]).double())[:, 0], 1.3)


@pytest.mark.parametrize(
    "game",
    [random_bilinear(2, 3, top=1.3), minmax.games.get("quadratic", 0.5, 0.7, 1.1)],
    ids=["bilinear", "quadratic"],
)
def test_a_linear_game_flows_by_the_matrix_exponential(game: Game) -> None:
    """z(t) = z* + exp(−Jt)(z₀ − z*), members side by side."""
    centre = tree.flat(stacked(game.solution, 1))
    jacobian = field.jacobian(game, stacked(game.solution, 1), {})[0]
    starts = centre + torch.randn(3, centre.shape[1], generator=torch.Generator().manual_seed(0)).double()
    found = path(game, starts)
    for time, places in zip(TIMES.tolist(), found, strict=True):
        matrix = torch.from_numpy(expm(-time * jacobian.numpy()))
        torch.testing.assert_close(places, centre + (starts - centre) @ matrix.T, rtol=1e-7, atol=1e-8)


def test_the_combined_field_winds_inwards() -> None:
    """f = s·xy with γ: eigenvalues γs² ± is, so the radius is exp(−γs²t)."""
    speed, gamma = 1.3, 0.2
    radius = path(field.relaxed(rotation(speed), gamma), torch.tensor([[2.0, 0.0]]).double())[:, 0].norm(dim=1)
    torch.testing.assert_close(radius, 2 * (-gamma * speed**2 * TIMES).exp(), rtol=1e-7, atol=0)


def test_back_in_time() -> None:
    game, start = minmax.games.get("cos_sin"), torch.tensor([[0.3, 1.1]]).double()
    there = path(game, start)[-1]
    torch.testing.assert_close(path(game, there, TIMES.flip(0))[-1], start, rtol=0, atol=1e-6)


def test_resting_members_do_not_loosen_the_tolerance() -> None:
    """One circling member takes the same steps alone and among 999 at rest."""
    game = rotation(1.3)
    points = torch.zeros(1000, 2, dtype=torch.float64)
    points[0, 0] = 2.0
    alone = field.flow(game, field.players_at(game, points[:1]), TIMES, rtol=1e-5, atol=1e-7)
    among = field.flow(game, field.players_at(game, points), TIMES, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(alone["x"][:, 0], among["x"][:, 0], rtol=0, atol=1e-13)
    assert abs(alone["x"][-1, 0].item() - 2 * math.cos(1.3 * 4)) > 1e-9  # the tolerance is what decides


def test_players_come_whole_at_every_time() -> None:
    """A GAN with BatchNorm: leaves ``[T, M, ...]``, buffers too; the first are the start; losses can be asked."""
    begun = Begun(minmax.optimizers.get("gda"), module_gan(norm=True), members=2)
    step = 1e-4
    times = step * torch.arange(3, dtype=torch.float64)
    found = field.flow(begun.game, begun.players, times, begun.batches[0])
    assert all(x.shape[:2] == (3, 2) for x in tree.leaves(found))
    first, middle, last = (tree.member(found, index) for index in range(3))
    torch.testing.assert_close(first, begun.players)
    moved = tree.add(tree.parameters(last), tree.parameters(first), -1.0)
    velocity = tree.scale(-1.0, field.field(begun.game, middle, begun.batches[0]))
    torch.testing.assert_close(tree.scale(1 / (2 * step), moved), velocity, rtol=1e-5, atol=1e-6)
    assert field.losses(begun.game, last, begun.batches[0])["generator"].shape == (2,)


def test_running_to_infinity_is_said() -> None:
    """ż = z²: infinite at t = 1/z₀."""
    game = minmax.Game(
        lambda generator: {"z": torch.zeros(())}, field=lambda players, batch: {"z": -(players["z"] ** 2)}, native=True
    )
    with pytest.raises(AssertionError, match="underflow in dt"):
        field.flow(game, field.players_at(game, torch.ones(1, 1).double()), TIMES, rtol=1e-3, atol=1e-6)
