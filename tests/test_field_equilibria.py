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
from minmax.field.newton import newton

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
    """Both saddles of a period stable, and the new zeros where the closed form has them. On a torus the signs of det J
    add up to 0 (Poincaré and Hopf): none is missing."""
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
    assert sum(one.eigenvalues.prod().real.sign().item() for one in found) == 0


@pytest.mark.parametrize(
    ("coefficients", "kind"),
    [
        ((0.5, 0.7, 1.1), "stable"),
        ((1.3, 0.6, 0.0), "stable"),
        ((-0.5, -0.7, 1.1), "unstable"),
        ((1.3, -0.6, 0.2), "saddle"),
        ((0.0, 0.0, 1.1), "centre"),
        ((0.5, -0.5, 1.1), "centre"),  # attraction of one player and repulsion of the other cancel
        ((0.5, 0.0, 0.0), "degenerate"),
    ],
)
def test_kinds_of_the_quadratic_game(coefficients: tuple[float, float, float], kind: str) -> None:
    """By the eigenvalues of [[a, s], [−s, b]]; the zero is (0, 0), or all of x = 0 where b = s = 0."""
    found = field.find_equilibria(minmax.games.get("quadratic", *coefficients), -1.0, 2.0, starts=8)
    assert {one.kind for one in found} == {kind}
    if kind != "degenerate":
        assert len(found) == 1
    assert all(abs(one.point[0]) < 1e-9 and one.spurious is None for one in found)


@pytest.mark.parametrize("gamma", [0.6, 2.0])
def test_one_player_in_a_double_well(gamma: float) -> None:
    """F = x³ − x rests at −1, 0, 1. G = F(1 + γF′), F′ = 3x² − 1, has G′ = F′ + γF′² where F = 0: at the hilltop γ − 1.
    G is zero too where F′ = −1/γ, at x² = (1 − 1/γ)/3, and there G′ = 6γxF = 6γx²(x² − 1) < 0."""
    game = minmax.Game(
        lambda generator: {"x": torch.zeros(())}, {"x": lambda players, batch: (players["x"] ** 2 - 1) ** 2 / 4}
    )
    found = field.find_equilibria(game, -2.0, 2.0, gamma=gamma)
    if gamma < 1:
        expected = [(-1.0, "stable", None), (0.0, "unstable", None), (1.0, "stable", None)]
    else:
        new = math.sqrt((1 - 1 / gamma) / 3)
        expected = [
            (-1.0, "stable", None),
            (-new, "unstable", "new zero"),
            (0.0, "stable", "made stable"),
            (new, "unstable", "new zero"),
            (1.0, "stable", None),
        ]
    assert [one.point.item() for one in found] == pytest.approx([place for place, *_ in expected], abs=1e-9)
    assert [(one.kind, one.spurious) for one in found] == [tuple(rest) for _, *rest in expected]
    for one in found:
        x = one.point.item()
        slope = 3 * x * x - 1
        expected_slope = slope + gamma * (slope**2 + (x**3 - x) * 6 * x)
        assert one.eigenvalues.tolist() == [pytest.approx(expected_slope, abs=1e-9)]


def test_a_box_of_several_sides() -> None:
    """Sides of their own a coordinate; what lies outside is not found, copies on the faces are."""
    game = minmax.games.get("cos_sin")
    found = field.find_equilibria(game, [-math.pi, 0.0], [math.pi, math.pi])
    check_same(found, torch.tensor([[turn * math.pi, math.pi / 2] for turn in (-1, 0, 1)], dtype=torch.float64))
    assert [one.kind for one in found] == ["saddle", "centre", "saddle"]  # in order of place
    assert field.find_equilibria(game, 0.1, 0.2) == []
    with pytest.raises(
        ValueError, match=r"high: shape \(3,\) given; a number, or 2 of them, one a parameter, is allowed"
    ):
        field.find_equilibria(game, 0.0, [1.0, 2.0, 3.0])


def test_a_field_that_is_not_everywhere_a_number() -> None:
    """F = log x is NaN for x < 0 and zero at 1."""
    game = minmax.Game(
        lambda generator: {"x": torch.zeros(())}, field=lambda players, batch: {"x": players["x"].log()}, native=True
    )
    (found,) = field.find_equilibria(game, -3.0, 3.0)
    assert found.point.item() == pytest.approx(1.0) and found.kind == "stable"


def test_newton_is_damped() -> None:
    """F = arctan x: whole steps run away from |x| > 1.4."""
    game = minmax.Game(
        lambda generator: {"x": torch.zeros(())}, field=lambda players, batch: {"x": players["x"].atan()}, native=True
    )
    starts = torch.tensor([[-30.0], [1.0], [2.0], [10.0]], dtype=torch.float64)
    assert newton(game, starts, {}).abs().max() < 1e-12


def test_a_minimum_of_the_norm_is_no_zero() -> None:
    """F = 1 + x²."""
    game = minmax.Game(
        lambda generator: {"x": torch.zeros(())}, field=lambda players, batch: {"x": 1 + players["x"] ** 2}, native=True
    )
    assert field.find_equilibria(game, -2.0, 2.0) == []
    (spurious,) = field.find_equilibria(game, -2.0, -0.3, gamma=1.0)  # 1 + γF′ = 0 at x = −1/(2γ)
    assert spurious.point.item() == pytest.approx(-0.5) and spurious.spurious == "new zero"


def test_a_minibatch_is_shared_by_all_starts() -> None:
    """F = (y − ξ, −x + 1): the zero is at (1, ξ)."""
    game = minmax.Game(
        lambda generator: {"x": torch.zeros(()), "y": torch.zeros(())},
        field=lambda players, batch: {"x": players["y"] - batch["xi"], "y": 1 - players["x"]},
        sample=lambda generator: {"xi": torch.randn((), generator=generator)},
    )
    (found,) = field.find_equilibria(game, -3.0, 3.0, batch={"xi": torch.tensor(0.7).double()}, starts=4)
    assert found.point.tolist() == pytest.approx([1.0, 0.7]) and found.kind == "centre"


def test_the_same_every_time() -> None:
    game = minmax.games.get("cos_sin")
    torch.manual_seed(0)
    before = torch.get_rng_state()
    once = field.find_equilibria(game, LOW, HIGH, gamma=1.2, starts=64)
    assert torch.equal(torch.get_rng_state(), before)
    again = field.find_equilibria(game, LOW, HIGH, gamma=1.2, starts=64)
    assert all(torch.equal(a.point, b.point) for a, b in zip(once, again, strict=True))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 1e-9], "degenerate"),
        ([-1.0, 0.0], "degenerate"),
        ([0.0, 0.0], "degenerate"),
        ([1.0, 0.0, -1.0], "saddle"),
        ([1e-3, 2e-3], "stable"),
        ([1e-9 + 1j, 1e-9 - 1j], "centre"),
        ([1e-3 + 1j, 1e-3 - 1j], "stable"),
        ([1j, -1j, 0.0], "degenerate"),
        ([1j, -1j, 2j, -2j], "centre"),
        ([-3.0, -1.0], "unstable"),
    ],
)
def test_kinds_of_eigenvalues(values: list[complex], expected: str) -> None:
    """Units do not matter: the same for all eigenvalues a million times smaller."""
    eigenvalues = torch.tensor(values, dtype=torch.complex128)
    assert field.kind(eigenvalues) == field.kind(1e-6 * eigenvalues) == expected
