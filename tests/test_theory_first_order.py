"""The numbers of the literature on f = s·xy, found from the step itself: edges, best steps, double roots, averages.

σ = s·√(hx·hy); where players are followed it is as the one complex number of ``planar_path``.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from closed_forms import ROWS, Row
from linear_maps import bilinear_of, check_eigenvalues, iteration_matrix, planar_path, predicted, spectral_radius

import minmax


def rate_of(row: Row, sigma: float) -> float:
    """Of one step, by the iteration matrix."""
    return spectral_radius(row, bilinear_of(sigma, row)) ** (1 / row.cycle)


def around(base: str, k: int, alpha: float) -> Row:
    """Lookahead."""
    like = ROWS["lookahead"].at(slow_step=alpha)
    return like._replace(options={"base": base, "k": k}, cycle=k)


# those of lookahead: where |½ + ½(1 + iσ)ᵏ| first reaches 1
EDGES = {
    "optimistic": (ROWS["optimistic"], 1 / math.sqrt(3)),
    "past_extragradient": (ROWS["past_extragradient"], 1 / math.sqrt(3)),
    "optimistic alternating": (ROWS["optimistic alternating"], 2 / 3),
    "extragradient": (ROWS["extragradient"], 1.0),
    "extragradient c = 1.6": (ROWS["extragradient long"], math.sqrt(2 * 1.6 - 1) / 1.6),
    "extragradient c = 0.7": (ROWS["extragradient long"].at(extrapolation=0.7), math.sqrt(2 * 0.7 - 1) / 0.7),
    "alternating_gda negative momentum": (ROWS["alternating_gda momentum"].at(momentum=-0.5), 1.0),
    "lookahead k = 5": (around("gda", 5, 0.5), 0.7425798),
    "lookahead k = 6": (around("gda", 6, 0.5), 0.6547673),
    "lookahead k = 10": (around("gda", 10, 0.5), 0.4360024),
    "lookahead k = 20": (around("gda", 20, 0.5), 0.2393622),
}


@pytest.mark.parametrize(("row", "edge"), EDGES.values(), ids=EDGES)
def test_the_edge_of_convergence(row: Row, edge: float) -> None:
    """By bisection."""
    inside, outside = 0.1, 1.4
    assert rate_of(row, inside) < 1 < rate_of(row, outside)
    while outside - inside > 1e-9:
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if rate_of(row, middle) < 1 else (inside, middle)
    assert inside == pytest.approx(edge, abs=1e-7)


RATES_KNOWN = {
    "gda": (ROWS["gda"], 0.1, 1.0049876),
    "gda h = 0.3": (ROWS["gda"], 0.3, 1.0440307),
    "proximal": (ROWS["proximal"], 0.5, 0.8944272),
    "optimistic": (ROWS["optimistic"], 0.1, 0.9949362),
    "optimistic alternating 0.1": (ROWS["optimistic alternating"], 0.1, 0.99000),
    "optimistic alternating 0.3": (ROWS["optimistic alternating"], 0.3, 0.91086),
    "optimistic alternating 0.5": (ROWS["optimistic alternating"], 0.5, 0.77184),
    "optimistic alternating 0.6": (ROWS["optimistic alternating"], 0.6, 0.72683),
    "extragradient": (ROWS["extragradient"], 0.3, 0.9582),
    "extragradient at its best": (ROWS["extragradient"], math.sqrt(0.5), math.sqrt(3) / 2),
    "negative momentum 0.1": (ROWS["alternating_gda momentum"].at(momentum=-0.5), 0.1, 0.99852),
    "negative momentum 0.5": (ROWS["alternating_gda momentum"].at(momentum=-0.5), 0.5, 0.96254),
    "negative momentum 1": (ROWS["alternating_gda momentum"].at(momentum=-0.38), 1.0, 0.8435),
    "lookahead k = 5": (around("gda", 5, 0.5), 0.544, 0.9131),
    "lookahead k = 10": (around("gda", 10, 0.5), 0.305, 0.8872),
    "lookahead k = 6, 0.4": (around("gda", 6, 0.4), 0.3, 0.9467),
    "lookahead k = 6, 0.5": (around("gda", 6, 0.5), 0.3, 0.9521),
    "lookahead k = 6, 0.8": (around("gda", 6, 0.8), 0.3, 1.0033),
}


@pytest.mark.parametrize(("row", "sigma", "rate"), RATES_KNOWN.values(), ids=RATES_KNOWN)
def test_known_rates(row: Row, sigma: float, rate: float) -> None:
    """To the digits that are known."""
    assert rate_of(row, sigma) == pytest.approx(rate, abs=6e-5 if round(rate, 4) == rate else 6e-6)


@pytest.mark.parametrize("k", [5, 6, 10, 20])
def test_small_steps_of_lookahead_converge_below_one_minus_one_over_k(k: int) -> None:
    assert rate_of(around("gda", k, 1 - 1 / k - 0.01), 1e-3) < 1 < rate_of(around("gda", k, 1 - 1 / k + 0.01), 1e-3)


def test_no_momentum_helps_simultaneous_steps() -> None:
    for b in np.linspace(-0.99, 0.99, 34):
        assert rate_of(ROWS["gda momentum"].at(momentum=float(b)), 0.1) > 1


def test_only_negative_momentum_helps_alternating_steps() -> None:
    row = ROWS["alternating_gda momentum"]
    assert rate_of(row.at(momentum=-0.1), 0.5) < 1 - 1e-3
    assert rate_of(row.at(momentum=0.0), 0.5) == pytest.approx(1.0, abs=1e-9)
    assert rate_of(row.at(momentum=0.1), 0.5) > 1 + 1e-3


DOUBLE = {
    "optimistic": (ROWS["optimistic"], 0.5),
    "past_extragradient": (ROWS["past_extragradient"], 0.5),
    "alternating_gda": (ROWS["alternating_gda"], 2.0),
    "nested": (ROWS["nested"], 1.0),
}


@pytest.mark.parametrize(("row", "sigma"), DOUBLE.values(), ids=DOUBLE)
def test_double_roots(row: Row, sigma: float) -> None:
    """There an eigenvalue moves with the root of a rounding error: 1e-6, and nothing better can be asked."""
    game = bilinear_of(sigma, row)
    expected = predicted(row, game)
    assert min(abs(one - other) for i, one in enumerate(expected) for other in expected[:i]) < 1e-7
    check_eigenvalues(iteration_matrix(row.optimizer, row, game), expected, relative=1e-6)


def test_alternating_gda_at_two_grows_by_the_same_amount_every_step() -> None:
    """λ = −1 twice, not diagonalisable."""
    row = ROWS["alternating_gda"]
    w = [(-1) ** k * value for k, value in enumerate(planar_path(row.optimizer, row, 2.0, 50))]
    growth = np.diff(w)
    assert abs(growth[0]) > 0.1
    np.testing.assert_allclose(growth, growth[0], rtol=1e-9)


def recurrence(first: Sequence[complex], *back: complex, steps: int) -> list[complex]:
    """c_{k+1} = back[0]·c_k + back[1]·c_{k−1} + …"""
    values = list(first)
    while len(values) <= steps:
        values.append(sum(factor * value for factor, value in zip(back, reversed(values), strict=False)))
    return values


SIGMA, STEPS = 0.45, 25
M = -1j * SIGMA


def past_extragradient() -> list[complex]:
    w, ahead, values = 1 + 0j, 0j, [1 + 0j]
    for _ in range(STEPS):
        half = w - M * ahead
        w, ahead = w - M * half, half
        values.append(w)
    return values


def lookahead() -> list[complex]:
    fast = slow = 1 + 0j
    values = [fast]
    for step in range(1, STEPS + 1):
        fast *= 1 - M
        if step % 5 == 0:
            fast = slow = slow + 0.4 * (fast - slow)
        values.append(fast)
    return values


PATHS = {
    "gda": [(1 - M) ** k for k in range(STEPS + 1)],
    "extragradient": [(1 - M + M * M) ** k for k in range(STEPS + 1)],
    "proximal": [(1 + M) ** -k for k in range(STEPS + 1)],
    "gda momentum": recurrence([1, 1 - M], 1 - M - 0.3, 0.3, steps=STEPS),
    "optimistic": recurrence([1, 1 - M], 1 - 2 * M, M, steps=STEPS),
    "optimistic generalized": recurrence([1, 1 - 0.8 * M], 1 - 2.1 * M, 1.3 * M, steps=STEPS),
    "past_extragradient": past_extragradient(),
    "lookahead": lookahead(),
}


@pytest.mark.parametrize("name", PATHS)
def test_from_the_first_step_on(name: str) -> None:
    """Where ``init`` puts them, with the state that ``init`` makes: the first step has no previous direction, and the
    first synchronisation already has slow weights."""
    w = np.array(planar_path(ROWS[name].optimizer, ROWS[name], SIGMA, STEPS))
    np.testing.assert_allclose(w / w[0], PATHS[name], rtol=1e-9)


@pytest.mark.parametrize("sigma", [0.3, 1.1, 1.9])
@pytest.mark.parametrize(
    ("row", "sign"), [(ROWS["alternating_gda"], -1), (ROWS["nested"]._replace(options={"ascent_steps": 1}), 1)]
)
def test_what_alternation_keeps(row: Row, sign: int, sigma: float) -> None:
    """hy·x² + hx·y² − s·hx·hy·xy where x goes first, + where y does: |w|² ∓ σ·Re(w)·Im(w)."""
    game = bilinear_of(sigma, row)
    settings = {"steps": 500, "report_every": 50, "dtype": "float64", "device": "cpu"}
    kept = []
    for report in minmax.train(game, row.optimizer, row.hypers, **settings):
        x, y = ((report.players[name] - game.solution[name]).item() for name in ("x", "y"))
        (hx, hy), s = row.rates, sigma / row.mean_rate
        kept.append(hy * x * x + hx * y * y + sign * s * hx * hy * x * y)
    np.testing.assert_allclose(kept, kept[0], rtol=1e-10)


@pytest.mark.parametrize("sigma", [0.3, 1.1, 1.9])
def test_rotation_angle_of_alternating_gda(sigma: float) -> None:
    """2·asin(σ/2)."""
    row = ROWS["alternating_gda"]
    values = torch.linalg.eigvals(iteration_matrix(row.optimizer, row, bilinear_of(sigma, row)))
    assert values.angle().abs().max().item() == pytest.approx(2 * math.asin(sigma / 2), rel=1e-9)


def form(w: complex, sigma: float) -> float:
    """√(|w|² − σ·Re(w)·Im(w))."""
    return math.sqrt(abs(w) ** 2 - sigma * w.real * w.imag)


@pytest.mark.parametrize("sigma", [0.3, 1.1, 1.9])
def test_averages_of_alternating_gda(sigma: float) -> None:
    """With λ = e^{iθ}, cos θ = 1 − σ²/2: the uniform one shrinks by |1 − λⁿ|/(n|1 − λ|), so to nothing; the one of
    decay b ends on an orbit (1 − b)/√(1 − 2b·cos θ + b²) as large."""
    row, steps, decay = ROWS["alternating_gda"], 300, 0.9
    turn = cmath.exp(2j * math.asin(sigma / 2))
    size = form(planar_path(row.optimizer, row, sigma, 1)[0], sigma)

    uniform = [form(w, sigma) / size for w in planar_path(row.optimizer, row, sigma, steps, average="uniform")[1:]]
    expected = [abs(1 - turn**n) / (n * abs(1 - turn)) for n in range(1, steps + 1)]
    np.testing.assert_allclose(uniform, expected, rtol=1e-8, atol=1e-12)
    assert uniform[-1] < 0.03

    last = form(planar_path(row.optimizer, row, sigma, steps, average=decay)[-1], sigma) / size
    shrunk = (1 - decay) / math.sqrt(1 - 2 * decay * (1 - sigma**2 / 2) + decay**2)
    assert last == pytest.approx(shrunk, rel=1e-9)
