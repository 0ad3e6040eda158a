"""Equilibria found in a box and classified: against hand-derived positions, kinds and counts.

The main example is ``cos_sin``: F = (−cos φ, −sin θ), J = [[0, sin φ], [−cos θ, 0]], JᵀF = (sin θ cos θ, −sin φ cos φ).
F is zero at θ = kπ, φ = π/2 + mπ with λ² = −sin φ cos θ = ∓1: two centres and two saddles in a period. JᵀJ = I there,
so the combined field has the eigenvalues γ + λ: a saddle's are γ ± 1, both positive iff γ > 1.

(I + γJᵀ)F = 0 ≠ F needs det(I + γJᵀ) = 1 + γ² sin φ cos θ = 0, hence γ ≥ 1. With c = cos θ, s = sin φ = −1/(γ²c),
cos φ = γc·sin θ and s² + cos²φ = 1, u = c² solves γ⁶u³ − γ⁶u² + γ⁴u − 1 = (u − 1/γ²)(γ⁶u² + (γ⁴ − γ⁶)u + γ²) = 0:
u = 1/γ², and from γ = √3 on also u = (γ² − 1 ± √((γ² − 3)(γ² + 1)))/2γ². Each u stands for four zeros in a period (the
signs of c and of sin θ). The first four leave the saddles at γ = 1; none is ever stable: they are saddles
of the combined field, the first four unstable from γ = √3 on.
"""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

import minmax
from minmax import field

LOW, HIGH = -2.0, -2.0 + 2 * math.pi  # a period, no zero on its faces


def own_zeros() -> Tensor:
    return in_the_period(list(itertools.product((0.0, math.pi), (math.pi / 2, -math.pi / 2))))


def new_zeros(gamma: float) -> Tensor:
    """By the closed form above."""
    squares = [1 / gamma**2] if gamma > 1 else []
    if gamma > math.sqrt(3):
        middle, root = gamma**2 - 1, math.sqrt((gamma**2 - 3) * (gamma**2 + 1))
        squares += [(middle + sign * root) / (2 * gamma**2) for sign in (1, -1)]
    places = []
    for square, sign, turn in itertools.product(squares, (1, -1), (1, -1)):
        cosine, sine = sign * math.sqrt(square), turn * math.sqrt(1 - square)
        places.append((math.atan2(sine, cosine), math.atan2(-1 / (gamma**2 * cosine), gamma * cosine * sine)))
    return in_the_period(places)


def in_the_period(places: list[tuple[float, float]]) -> Tensor:
    return (torch.tensor(places, dtype=torch.float64).view(-1, 2) - LOW) % (2 * math.pi) + LOW


def check_same(found: list[field.Equilibrium], expected: Tensor) -> None:
    """The same points, each once."""
    assert len(found) == len(expected)
    if found:
        distances = torch.cdist(torch.stack([one.point for one in found]), expected)
        assert distances.min(1).values.max() < 1e-9 and distances.min(0).values.max() < 1e-9


def test_cos_sin_alone() -> None:
    """Two centres, two saddles, nothing spurious."""
    found = field.find_equilibria(minmax.games.get("cos_sin"), LOW, HIGH)
    check_same(found, own_zeros())
    for one in found:
        theta, phi = one.point.tolist()
        turns = math.sin(phi) * math.cos(theta) > 0
        assert one.kind == ("centre" if turns else "saddle") and one.spurious is None
        squares = torch.full((2,), -1.0 if turns else 1.0, dtype=torch.complex128)
        torch.testing.assert_close(one.eigenvalues**2, squares)
        assert one.residual < 1e-12


@pytest.mark.parametrize("gamma", [0.3, 0.7, 0.99])
def test_nothing_spurious_below_one(gamma: float) -> None:
    found = field.find_equilibria(minmax.games.get("cos_sin"), LOW, HIGH, gamma=gamma)
    check_same(found, own_zeros())
    assert sorted(one.kind for one in found) == ["saddle", "saddle", "stable", "stable"]
    assert all(one.spurious is None for one in found)


@pytest.mark.parametrize("gamma", [1.01, 1.2, 1.6, 1.8, 3.0])
def test_spurious_above_one(gamma: float) -> None:
    """Both saddles of a period stable, and the new zeros where the closed form has them."""
    found = field.find_equilibria(minmax.games.get("cos_sin"), LOW, HIGH, gamma=gamma)
    of = {mark: [one for one in found if one.spurious == mark] for mark in (None, "made stable", "new zero")}
    assert [one.kind for one in of[None] + of["made stable"]] == ["stable"] * 4
    check_same(of[None] + of["made stable"], own_zeros())
    for one in of["made stable"]:
        real = one.eigenvalues.real.sort().values
        torch.testing.assert_close(real, torch.tensor([gamma - 1, gamma + 1], dtype=torch.float64))
    check_same(of["new zero"], new_zeros(gamma))
    kinds = ["saddle"] * 4 if gamma < math.sqrt(3) else ["saddle"] * 8 + ["unstable"] * 4
    assert sorted(one.kind for one in of["new zero"]) == kinds
