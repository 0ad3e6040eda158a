"""J = S + A, and leading eigenvalues by Arnoldi's method against dense ones and known singular values."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import minmax
from minmax import field, streams, tree
from minmax.field.spectrum import LEADS
from minmax.types import Batch, Game, Players

SEEDS = range(2)


@pytest.fixture(scope="module")
def network() -> tuple[Game, Players, Batch]:
    """A GAN of 83 parameters."""
    net = {"name": "mlp", "widths": [8], "activation": "tanh"}
    game = minmax.gan(data={"name": "gaussians", "count": 500}, net=net, latent=3, batch=16)
    assert game.sample is not None
    players = tree.stack([game.init(streams.generator(seed, "init")) for seed in SEEDS])
    batch = tree.stack([game.sample(streams.generator(seed, "batch")) for seed in SEEDS])
    return game, players, batch


def bilinear(singular: list[float], rows: int, columns: int) -> Game:
    """A = U·diag(singular)·Vᵀ with random rotations."""
    own = torch.Generator().manual_seed(0)
    u, v = (torch.linalg.qr(torch.randn(n, n, generator=own).double())[0] for n in (rows, columns))
    inner = torch.zeros(rows, columns, dtype=torch.float64)
    inner.diagonal()[: len(singular)] = torch.tensor(singular, dtype=torch.float64)
    return minmax.games.get("bilinear", u @ inner @ v.T)


def test_symmetric_and_antisymmetric_parts() -> None:
    """The quadratic game's J = [[a, s], [−s, b]] is diag(a, b) + s·[[0, 1], [−1, 0]]; a bilinear game is all A."""
    game = minmax.games.get("quadratic", 0.5, 0.7, 1.1)
    j = field.jacobian(game, field.players_at(game, torch.zeros(2, 2).double()), {})
    expected = torch.tensor([[0.5, 0.0], [0.0, 0.7]]).double(), torch.tensor([[0.0, 1.1], [-1.1, 0.0]]).double()
    torch.testing.assert_close(field.symmetric(j), expected[0].expand(2, 2, 2))
    torch.testing.assert_close(field.antisymmetric(j), expected[1].expand(2, 2, 2))
    game = bilinear([2.0, 0.5], 2, 3)
    j = field.jacobian(game, field.players_at(game, torch.ones(1, 5).double()), {})
    assert field.symmetric(j).abs().max() == 0 and field.antisymmetric(j).abs().max() > 0


def test_the_parts_are_helmholtz(network: tuple[Game, Players, Batch]) -> None:
    """J = S + A, uᵀJu = uᵀSu, uᵀAu = 0; a minimax GAN's diagonal blocks are all S."""
    game, players, batch = (_double(part) for part in network)
    j = field.jacobian(game, players, batch)
    s, a = field.symmetric(j), field.antisymmetric(j)
    torch.testing.assert_close(s + a, j)
    assert torch.equal(s, s.mT) and torch.equal(a, -a.mT)
    u = torch.randn(j.shape[-1], generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(u @ s @ u, u @ j @ u)
    assert (u @ a @ u).abs().max() < 1e-12 * u.norm() ** 2
    generator = tree.flat({"generator": players["generator"]}).shape[1]
    own = slice(0, generator)
    assert a[:, own, own].abs().max() < 1e-12 < s[:, own, own].abs().max()  # a Hessian


@pytest.mark.parametrize(("which", "count"), [("LM", 5), ("LR", 3), ("SR", 3), ("LI", 4)])
def test_a_networks_leading_eigenvalues(network: tuple[Game, Players, Batch], which: str, count: int) -> None:
    """Against all of them by the dense matrix; float32 players are looked at in float64."""
    game, players, batch = network
    found = field.leading_eigenvalues(game, players, batch, count, which)
    assert found.shape == (len(SEEDS), count) and found.dtype == torch.complex128
    everything = field.eigenvalues(game, _double(players), _double(batch))
    for own, whole in zip(found, everything, strict=True):
        ranks = LEADS[which](whole).sort().values[:count]
        torch.testing.assert_close(LEADS[which](own), ranks, rtol=1e-9, atol=1e-11)
        distances = (own.unsqueeze(1) - whole).abs()
        assert distances.min(1).values.max() < 1e-9
        assert len(set(distances.argmin(1).tolist())) == count  # each its own


def test_the_start_is_always_the_same(network: tuple[Game, Players, Batch]) -> None:
    game, players, batch = network
    torch.manual_seed(1)
    once = field.leading_eigenvalues(game, players, batch, 2)
    torch.manual_seed(2)
    assert torch.equal(field.leading_eigenvalues(game, players, batch, 2), once)
    alone = [tree.map(lambda x: x[1:], part) for part in (players, batch)]
    assert torch.equal(field.leading_eigenvalues(game, *alone, 2)[0], once[1])


def test_known_singular_values() -> None:
    """±iσ of a 40×50 matrix, largest first, + before −."""
    game = bilinear([3.0, 2.0, 1.5, 0.3, 0.2, 0.1], 40, 50)
    players = field.players_at(game, torch.zeros(1, 90).double())
    expected = torch.tensor([3j, -3j, 2j, -2j, 1.5j, -1.5j], dtype=torch.complex128)
    for which in ("LM", "LI"):
        for count in (1, 2, 3, 6):
            found = field.leading_eigenvalues(game, players, {}, count, which)[0]
            torch.testing.assert_close(found, expected[:count], rtol=0, atol=1e-10)


def test_small_games_are_dense() -> None:
    """γ/2 ± i√(1 − γ²)/2 of the Dirac-GAN; all of them, or the first."""
    game = minmax.games.get("dirac_gan", "gradient_penalty", gamma=0.6)
    players = field.players_at(game, torch.zeros(3, 2).double())
    expected = torch.tensor([0.3 + 0.4j, 0.3 - 0.4j], dtype=torch.complex128).expand(3, 2)
    for which in LEADS:
        torch.testing.assert_close(field.leading_eigenvalues(game, players, {}, 2, which), expected)
    torch.testing.assert_close(field.leading_eigenvalues(game, players, {}, 1), expected[:, :1])


def test_what_does_not_converge_is_not_a_number() -> None:
    """Singular values close together, one restart: NaN comes last, and what is there is right."""
    values = [1 + index / 1000 for index in range(40)]
    game = bilinear(values, 40, 40)
    players = field.players_at(game, torch.zeros(1, 80).double())
    found = field.leading_eigenvalues(game, players, {}, 8, "LI", restarts=1)[0]
    missing = found.real.isnan()
    assert missing.any() and torch.equal(missing, missing.sort().values)
    exact = torch.tensor(values).double()
    assert all((exact - abs(value.imag)).abs().min() < 1e-8 for value in found[~missing].tolist())


def test_a_jacobian_that_is_zero() -> None:
    game = minmax.games.get("bilinear", torch.zeros(40, 40))
    found = field.leading_eigenvalues(game, field.players_at(game, torch.ones(2, 80).double()), {}, 3)
    assert torch.equal(found, torch.zeros(2, 3, dtype=torch.complex128))


def test_what_cannot_be_asked_is_said() -> None:
    game = minmax.games.get("xy")
    players = field.players_at(game, torch.zeros(1, 2).double())
    with pytest.raises(ValueError, match="which: 'XL' given; allowed: LM, SM, LR, SR, LI, SI"):
        field.leading_eigenvalues(game, players, {}, 1, "XL")
    for count in (0, 3):
        with pytest.raises(ValueError, match=f"count: {count} given; 1 to 2 is allowed"):
            field.leading_eigenvalues(game, players, {}, count)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu(network: tuple[Game, Players, Batch]) -> None:
    game, players, batch = network
    there = [tree.map(lambda x: x.cuda(), part) for part in (players, batch)]
    found = field.leading_eigenvalues(game, *there, 3, "LM")
    assert found.device.type == "cuda"
    torch.testing.assert_close(found.cpu(), field.leading_eigenvalues(game, players, batch, 3, "LM"))


def _double(part: Tensor | tree.Tree | Game) -> tree.Tree:
    return part if isinstance(part, minmax.Game) else tree.map(lambda x: x.double(), part)
