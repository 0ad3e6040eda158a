"""The autoencoder's field: the best decoder for its code, close to the best denoiser, and nobody's gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import minmax
from minmax import field, tree
from minmax.games.autoencoder_field import COPIES, POINTS, RIDGE, autoencoder, spiral

HIDDEN, NOISE = 64, 0.2


def near_the_spiral(count: int = 400) -> Tensor:
    own = torch.Generator().manual_seed(5)
    return spiral(count) + NOISE * torch.randn(count, 2, generator=own, dtype=torch.float64)


def denoised(z: Tensor) -> Tensor:
    """E[x | x + ε = z] for x uniform on the spiral's points: the best r there is."""
    points = spiral(2000)
    return torch.softmax(-torch.cdist(z, points).square() / (2 * NOISE**2), dim=1) @ points


def test_the_field_is_what_the_autoencoder_undoes() -> None:
    game = minmax.games.get("autoencoder_field")
    z = near_the_spiral()
    torch.testing.assert_close(field.field(game, {"point": z}, {}), {"point": z - autoencoder(HIDDEN, NOISE, 0)(z)})


def test_the_decoder_is_the_best_for_its_code() -> None:
    """Ridge regression by an augmented least-squares problem gives the same reconstruction."""
    own = torch.Generator().manual_seed(0)
    into = 2 * torch.randn(2, HIDDEN, generator=own, dtype=torch.float64)
    offset = 4 * (2 * torch.rand(HIDDEN, generator=own, dtype=torch.float64) - 1)
    clean = spiral(POINTS).repeat(COPIES, 1)
    noisy = clean + NOISE * torch.randn(clean.shape, generator=own, dtype=torch.float64)

    def code(z: Tensor) -> Tensor:
        return torch.cat([torch.tanh(z @ into + offset), torch.ones(len(z), 1, dtype=z.dtype)], 1)

    weight = (RIDGE * len(clean)) ** 0.5 * torch.eye(HIDDEN + 1, dtype=torch.float64)
    targets = torch.cat([clean, torch.zeros(HIDDEN + 1, 2, dtype=torch.float64)])
    out = torch.linalg.lstsq(torch.cat([code(noisy), weight]), targets).solution
    z = near_the_spiral()
    torch.testing.assert_close(autoencoder(HIDDEN, NOISE, 0)(z), code(z) @ out, rtol=0, atol=1e-9)


def test_it_denoises() -> None:
    """It points where the best denoiser does (mean cosine above 0.8), and removes most of the noise that one does."""
    z, r = near_the_spiral(), autoencoder(HIDDEN, NOISE, 0)
    cosine = torch.nn.functional.cosine_similarity(r(z) - z, denoised(z) - z)
    assert cosine.mean() > 0.8
    error, best, before = (float((guess - spiral(400)).square().sum(1).mean()) for guess in (r(z), denoised(z), z))
    assert best < error < best + 0.2 * (before - best)


def test_it_is_not_conservative() -> None:
    """J is not symmetric, though that of the best denoiser is (noise²·∇∇log p)."""
    z = near_the_spiral()
    fitted = minmax.games.get("autoencoder_field")
    best = minmax.Game(
        fitted.init, field=lambda players, batch: {"point": players["point"] - denoised(players["point"])}
    )
    for game, low, high in ((fitted, 0.1, 0.3), (best, 0.0, 1e-9)):
        jacobian = field.jacobian(game, {"point": z}, {})
        turning = (jacobian[:, 0, 1] - jacobian[:, 1, 0]).abs().mean().item()
        assert low <= turning <= high


def test_one_player_is_trained_and_measured() -> None:
    """Every member comes to rest near the spiral, at a zero of F."""
    game = minmax.games.get("autoencoder_field")
    run = minmax.train(
        game,
        minmax.optimizers.get("gda"),
        {"lr": 0.2},
        range(16),
        400,
        dtype="float64",
        device="cpu",
        metrics=["gradients"],
    )
    *_, report = run
    assert (report.metrics["field_norm"] < 1e-3).double().mean() > 0.9
    assert torch.equal(report.metrics["field_norm"], report.metrics["gradient_norm_1"])
    assert torch.equal(report.metrics["gradient_norm_2"], torch.zeros(16).double())
    assert torch.cdist(tree.flat(report.players), spiral(2000)).min(1).values.median() < 0.15


def test_it_is_fitted_once() -> None:
    assert autoencoder(HIDDEN, NOISE, 0) is autoencoder(HIDDEN, NOISE, 0)
    z = near_the_spiral()
    assert not torch.allclose(autoencoder(HIDDEN, NOISE, 0)(z), autoencoder(HIDDEN, NOISE, 1)(z))


def test_a_distance_to_nowhere_is_refused() -> None:
    game = minmax.games.get("autoencoder_field")
    with pytest.raises(ValueError, match="distance: this game does not know its solution"):
        minmax.metrics.get("distance").measure(game, {"point": near_the_spiral()}, torch.Generator())
