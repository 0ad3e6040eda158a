"""The Dirac-GAN's nine variants: fields by hand, eigenvalues, critical γ, the radius of a step, who converges."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from closed_forms import ROWS
from linear_maps import spectral_radius, stacked
from torch import Tensor

import minmax
from minmax import field
from minmax.games.dirac_gan import VARIANTS
from minmax.types import Game, Players

Formula = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

DOCS = Path(__file__).parents[1] / "docs" / "games.md"
STD = 0.7


def slope(t: Tensor) -> Tensor:
    """f′(t)."""
    return torch.sigmoid(-t)


def plain(theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
    return psi * slope(theta * psi), -theta * slope(theta * psi)


def noisy(theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
    """Expectations by the trapezoidal rule."""
    e = torch.linspace(-9, 9, 20001, dtype=torch.float64)
    share = torch.exp(-(e**2) / 2) / math.sqrt(2 * math.pi) * (e[1] - e[0])
    e, t, p = STD * e, theta[:, None], psi[:, None]
    of_theta = p * slope((t + e) * p)
    of_psi = -(t + e) * slope((t + e) * p) + e * slope(-e * p)
    return (of_theta * share).sum(-1), (of_psi * share).sum(-1)


def agreed(theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
    s, r = slope(theta * psi), theta**2 + psi**2
    more = (theta * s**2 - r * psi * s**2 * (1 - s), psi * s**2 - r * theta * s**2 * (1 - s))
    one, other = plain(theta, psi)
    return one + more[0], other + more[1]


FIELDS: dict[str, Formula] = {
    "gan": plain,
    "nonsaturating": lambda t, p: (p * slope(-t * p), -t * slope(t * p)),
    "wgan": lambda t, p: (p, -t),
    "wgan_gp": lambda t, p: (p, -t + 0.7 * p.sign() * (p.abs() - 1)),
    "instance_noise": noisy,
    "gradient_penalty": lambda t, p: (plain(t, p)[0], plain(t, p)[1] + 0.3 * p),
    "critical": lambda t, p: (plain(t, p)[0], plain(t, p)[1] + p),
    "consensus": agreed,
    "nonsaturating_gradient_penalty": lambda t, p: (p * slope(-t * p), plain(t, p)[1] + 0.3 * p),
}

CONVERGE = {"instance_noise", "gradient_penalty", "critical", "consensus", "nonsaturating_gradient_penalty"}

every_variant = pytest.mark.parametrize("variant", VARIANTS)


def points() -> Players:
    own = torch.Generator().manual_seed(0)
    return {name: 5 * torch.rand(40, generator=own, dtype=torch.float64) - 2.5 for name in ("theta", "psi")}


def origin(game: Game) -> Players:
    return stacked(game.solution, 1)


def test_there_are_nine_each_with_a_row_in_the_docs() -> None:
    assert len(VARIANTS) == 9
    assert set(FIELDS) == set(VARIANTS)
    _, table = DOCS.read_text().split("\n## The variants of the Dirac-GAN\n")
    rows = {cells[1].strip(" `"): cells[-2].strip() for line in table.splitlines() if (cells := line.split("|"))[1:]}
    assert {name for name, converges in rows.items() if converges == "yes"} == CONVERGE
    assert {name for name, converges in rows.items() if converges == "no"} == set(VARIANTS) - CONVERGE


@every_variant
def test_the_field_is_the_formula(variant: str) -> None:
    game, players = minmax.games.get("dirac_gan", variant), points()
    found = field.field(game, players, {})
    expected = FIELDS[variant](players["theta"], players["psi"])
    torch.testing.assert_close(tuple(found.values()), expected, rtol=1e-9, atol=1e-10)
    assert list(found) == ["theta", "psi"]


def predicted(gamma: float) -> list[complex]:
    root = complex(gamma * gamma - 1) ** 0.5
    return [(gamma - root) / 2, (gamma + root) / 2]


PENALTIES = {
    "gan": 0.0,
    "nonsaturating": 0.0,
    "instance_noise": STD**2 / 2,
    "gradient_penalty": 0.3,
    "critical": 1.0,
    "nonsaturating_gradient_penalty": 0.3,
}
"""The γ that each variant amounts to at (0, 0)."""


def assert_eigenvalues(game: Game, expected: list[complex], within: float) -> None:
    found = field.eigenvalues(game, origin(game), {})[0].tolist()
    for value in expected:
        nearest = min(found, key=lambda other: abs(other - value))
        assert abs(nearest - value) < within, (found, expected)
        found.remove(nearest)
    assert not found


@pytest.mark.parametrize("variant", PENALTIES)
def test_eigenvalues_of_the_variants(variant: str) -> None:
    gamma = PENALTIES[variant]
    assert_eigenvalues(minmax.games.get("dirac_gan", variant), predicted(gamma), 1e-6 if gamma == 1 else 1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 0.99, 1.0, 1.01, 1.7, 4.0])
def test_eigenvalues_for_every_gamma(gamma: float) -> None:
    """(γ ± √(γ² − 1))/2: rotation below the critical γ = 1, none above; there both are ½, to the root of rounding."""
    game = minmax.games.get("dirac_gan", "gradient_penalty", gamma=gamma)
    assert_eigenvalues(game, predicted(gamma), 1e-6 if gamma == 1 else 1e-9)
    rotation = field.eigenvalues(game, origin(game), {})[0].imag.abs().max().item()
    assert (rotation > 1e-6) == (gamma < 1)


def test_eigenvalues_of_wgan_and_consensus() -> None:
    assert_eigenvalues(minmax.games.get("dirac_gan", "wgan"), [1j, -1j], 1e-12)
    assert_eigenvalues(minmax.games.get("dirac_gan", "consensus", gamma=0.6), [0.15 + 0.5j, 0.15 - 0.5j], 1e-12)


@pytest.mark.parametrize(("gamma", "h"), [(0.3, 0.2), (0.3, 1.3), (0.9, 0.5), (1.0, 0.2), (0.05, 0.1)])
def test_the_radius_of_a_step(gamma: float, h: float) -> None:
    """ρ = √(1 − hγ + h²/4) for γ < 1, so converging iff h < 4γ; 1 − h/2 at γ = 1.

    On the axes, where the basis vectors of the matrix start, θψ = 0: the step is its linear part.
    """
    game = minmax.games.get("dirac_gan", "gradient_penalty", gamma=gamma)
    radius = spectral_radius(ROWS["gda"].at(lr=h, lr_ratio=1.0), game)
    expected = 1 - h / 2 if gamma == 1 else (1 - h * gamma + h * h / 4) ** 0.5
    assert radius == pytest.approx(expected, rel=1e-6 if gamma == 1 else 1e-12)
    assert (radius < 1) == (h < 4 * gamma)


@every_variant
def test_who_converges(variant: str) -> None:
    """From (1, 1), 500 simultaneous steps of 0.2, as published: exactly the penalised."""
    run = minmax.train(
        minmax.games.get("dirac_gan", variant),
        minmax.optimizers.get("gda"),
        {"lr": 0.2},
        steps=500,
        dtype="float64",
        device="cpu",
        metrics=["distance"],
    )
    *_, report = run
    assert (report.metrics["distance"].item() < 0.02) == (variant in CONVERGE)
    if variant == "wgan":
        assert report.players["psi"].abs().item() <= 1
