"""What theory says of every linear method: the eigenvalues of its step on f = (x − x*)ᵀA(y − y*).

Let J be the game's Jacobian, H = diag(hx, …, hy, …) the learning rates (hy = hx·lr_ratio). The eigenvalues of HJ are
±iσ with σ = s·√(hx·hy), one pair for each singular value s of A, and 0 for each of the |n − m| directions that a
non-square A leaves alone. Most methods are polynomials (or roots of them) in HJ, so a function of one eigenvalue m of
HJ says everything about them, on any linear game: ``of_eigenvalue``. The others get their own 2×2 matrices.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import minmax
from minmax.types import Optimizer

Values = Mapping[str, float]
"""Hyperparameters by name."""

Eigenvalues = Callable[[float, float, float, Values], list[complex]]
"""(s, hx, hy, hypers) -> what one singular value s brings."""

Quadratic = Callable[[float, float, float, float, float, Values], list[complex]]
"""(a, b, s, hx, hy, hypers) -> all eigenvalues on f = a/2·x² + s·xy − b/2·y², x and y of one number each."""

OfEigenvalue = Callable[[complex, Values], list[complex]]
"""(m, hypers) -> the method's eigenvalues where HJ has the eigenvalue m."""

RATES = {"lr": 0.3, "lr_ratio": 1.7}
"""No coefficient is neutral, so none can be wrong unseen."""


class Row(NamedTuple):
    """A variant of an optimizer and its closed form.

    ``top``: the largest σ to look at, inside the region of convergence (or of what can be said) and away from double
    roots. ``reach``: the |m| up to which the optimizer finds its step at all. ``settings``: leaves of the state that
    are no coordinates (counters, flags), and what they are held at. ``cycle``: how many steps the eigenvalues are of,
    for a method that does something else every so many steps.
    """

    name: str
    eigenvalues: Eigenvalues
    quadratic: Quadratic | None = None
    options: Mapping[str, Any] = {}
    hypers: Values = RATES
    top: float = 0.45
    reach: float = math.inf
    settings: Mapping[str, float] = {}
    cycle: int = 1

    @property
    def optimizer(self) -> Optimizer:
        """A new one."""
        return minmax.optimizers.get(self.name, **self.options)

    def at(self, **hypers: float) -> Row:
        """The same with some hyperparameters changed."""
        return self._replace(hypers={**self.hypers, **hypers})

    @property
    def rates(self) -> tuple[float, float]:
        """hx and hy."""
        return self.hypers["lr"], self.hypers["lr"] * self.hypers["lr_ratio"]

    @property
    def mean_rate(self) -> float:
        """√(hx·hy) = σ/s."""
        return math.prod(self.rates) ** 0.5

    @property
    def largest(self) -> float:
        """The singular value at ``top``."""
        return self.top / self.mean_rate


def of_eigenvalue(name: str, of: OfEigenvalue, **given: Any) -> Row:
    """The row of a method that HJ alone decides."""

    def eigenvalues(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
        return quadratic(0.0, 0.0, s, hx, hy, hypers)

    def quadratic(a: float, b: float, s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
        return [root for m in of_game(a, b, s, hx, hy) for root in of(m, hypers)]

    return Row(name, eigenvalues, quadratic, **given)


def of_game(a: float, b: float, s: float, hx: float, hy: float) -> list[complex]:
    """The eigenvalues m of HJ on f = a/2·x² + s·xy − b/2·y²."""
    return roots(hx * a + hy * b, hx * hy * (a * b + s * s))


def roots(trace: complex, determinant: complex) -> list[complex]:
    """Of λ² − trace·λ + determinant."""
    half = cmath.sqrt(trace * trace / 4 - determinant)
    return [trace / 2 + half, trace / 2 - half]


def gda(m: complex, hypers: Values) -> list[complex]:
    """1 − m; on the bilinear game 1 ± iσ, whose radius grows by √(1 + σ²) a step."""
    return [1 - m]


def optimistic(m: complex, hypers: Values) -> list[complex]:
    """λ² − (1 − 2m)λ − m = 0."""
    return roots(1 - 2 * m, -m)


def generalized_optimistic(m: complex, hypers: Values) -> list[complex]:
    """λ² − (1 − (α + β)m)λ − βm = 0."""
    alpha, beta = hypers["alpha"], hypers["beta"]
    return roots(1 - (alpha + beta) * m, -beta * m)


def alternating_optimistic(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """λ(λ − 1)² + σ²(2λ − 1)² = 0, and 0: one of the two directions remembered is a combination of the rest.

    With λ = μ² that is μ(μ² − 1) = ±iσ(2μ² − 1), whose roots for the one sign are minus those for the other.
    """
    sigma = s * (hx * hy) ** 0.5
    return [root**2 for root in np.roots([1, -2j * sigma, -1, 1j * sigma]).tolist()] + [0j]


def extragradient(m: complex, hypers: Values) -> list[complex]:
    """1 − m + m²; on the bilinear game 1 − σ² ± iσ."""
    return [1 - m + m * m]


def long_extragradient(m: complex, hypers: Values) -> list[complex]:
    """1 − m + cm²; on the bilinear game 1 − cσ² ± iσ."""
    return [1 - m + hypers["extrapolation"] * m * m]


def proximal(m: complex, hypers: Values) -> list[complex]:
    """1/(1 + m); on the bilinear game of modulus 1/√(1 + σ²)."""
    return [1 / (1 + m)]


def cut_short(iterations: int) -> OfEigenvalue:
    """The fixed-point iteration's Σ(−m)ʲ up to j = ``iterations``."""
    return lambda m, hypers: [sum((-m) ** j for j in range(iterations + 1))]


def momentum(m: complex, hypers: Values) -> list[complex]:
    """The heavy ball's λ² − (1 − m + b)λ + b = 0."""
    b = hypers["momentum"]
    return roots(1 - m + b, b)


def alternating_momentum(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """(λ − 1)²(λ − b)² + σ²λ³ = 0; with λ = μ², (μ² − 1)(μ² − b) = ±iσμ³, whose roots for the one sign are minus
    those for the other."""
    sigma, b = s * (hx * hy) ** 0.5, hypers["momentum"]
    return [root**2 for root in np.roots([1, -1j * sigma, -(1 + b), 0, b]).tolist()]


def lookahead(of: OfEigenvalue, k: int) -> OfEigenvalue:
    """1 − α + αλᵏ a cycle of k steps, for every λ of a base without memory."""

    def cycle(m: complex, hypers: Values) -> list[complex]:
        alpha = hypers["slow_step"]
        return [1 - alpha + alpha * root**k for root in of(m, hypers)]

    return cycle


def alternating_gda(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """Determinant 1, trace 2 − σ²: on the unit circle iff σ < 2."""
    return roots(2 - s * s * hx * hy, 1.0)


def alternating_gda_quadratic(a: float, b: float, s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """Of [[1 − hx·a, −hx·s], [hy·s(1 − hx·a), 1 − hy·b − hx·hy·s²]]."""
    x, y = 1 - hx * a, 1 - hy * b
    return roots(x + y - hx * hy * s * s, x * y)


def answers(count: int) -> Eigenvalues:
    """Of ``count`` answers to one step, before or after it: determinant 1, trace 2 − count·σ²."""

    def eigenvalues(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
        return roots(2 - count * s * s * hx * hy, 1.0)

    return eigenvalues


def consensus(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """Of [[1 − hx·γs², −hx·s], [hy·s, 1 − hy·γs²]]; with one rate 1 − hγs² ± ihs."""
    return consensus_quadratic(0.0, 0.0, s, hx, hy, hypers)


def consensus_quadratic(a: float, b: float, s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """Of I − H(J + γJᵀJ), JᵀJ = [[a² + s², (a−b)s], [(a−b)s, b² + s²]]."""
    gamma = hypers["gamma"]
    across = gamma * (a - b) * s
    x, y = 1 - hx * (a + gamma * (a * a + s * s)), 1 - hy * (b + gamma * (b * b + s * s))
    return roots(x + y, x * y - hx * hy * (s + across) * (across - s))


def sga(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """On the bilinear game that of consensus, the adjustment for γ: JᵀF = AᵀF, and the sign rule adds it."""
    return consensus(s, hx, hy, {"gamma": hypers["adjustment"]})


def sga_quadratic(a: float, b: float, s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """Of I − H(J + λAᵀJ), AᵀJ = [[s², −sb], [sa, s²]]."""
    weight = hypers["adjustment"]
    x, y = 1 - hx * (a + weight * s * s), 1 - hy * (b + weight * s * s)
    return roots(x + y, x * y + hx * hy * s * (1 - weight * b) * s * (1 - weight * a))


def competitive(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """1/(1 ± iσ): the proximal point's."""
    sigma = s * (hx * hy) ** 0.5
    return [1 / (1 - 1j * sigma), 1 / (1 + 1j * sigma)]


def competitive_quadratic(a: float, b: float, s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """Of I − H·[[a + hy·s², s(1 − hy·b)], [−s(1 − hx·a), b + hx·s²]]/(1 + σ²)."""
    size = 1 + hx * hy * s * s
    x, y = 1 - hx * (a + hy * s * s) / size, 1 - hy * (b + hx * s * s) / size
    return roots(x + y, x * y + hx * hy * s * s * (1 - hy * b) * (1 - hx * a) / size**2)


def foreseeing(name: str, of: Callable[[float, float, Values], tuple[float, float]], **given: Any) -> Row:
    """The row of a method in which the first player alone looks ahead: (p, q) = ``of(b, hy, hypers)``, and it descends
    (a + p·s²)x + q·s·y: of [[1 − hx(a + p·s²), −hx·q·s], [hy·s, 1 − hy·b]]."""

    def eigenvalues(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
        return quadratic(0.0, 0.0, s, hx, hy, hypers)

    def quadratic(a: float, b: float, s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
        p, q = of(b, hy, hypers)
        x, y = 1 - hx * (a + p * s * s), 1 - hy * b
        return roots(x + y, x * y + hx * hy * q * s * s)

    return Row(name, eigenvalues, quadratic, **given)


def regularized(b: float, hy: float, hypers: Values) -> tuple[float, float]:
    """a·x + s·y + 2η(−s)(b·y − s·x)."""
    return 2 * hypers["eta"], 1 - 2 * hypers["eta"] * b


def unrolled(steps: int, differentiated: bool = True, **given: Any) -> Row:
    """y_k = cs·x + r·y, c = u(1 + (1−ub) + … + (1−ub)^{k−1}), r = (1−ub)^k, and f(x, y_k) is differentiated through y_k
    or not. On the bilinear game p = 2ku, or ku.
    """

    def of(b: float, hy: float, hypers: Values) -> tuple[float, float]:
        u = hy * hypers["unroll_ratio"]
        powers = [(1 - u * b) ** j for j in range(steps + 1)]
        c, r = u * sum(powers[:-1]), powers[-1]
        return (c * (1 + r), r * r) if differentiated else (c, r)

    options = {"unroll_steps": steps, "differentiated": differentiated}
    return foreseeing("unrolled", of, options=options, hypers={**RATES, "unroll_ratio": 0.7}, **given)


LOOKAHEAD = {**RATES, "slow_step": 0.4}
NEGATIVE = {**RATES, "momentum": -0.3}
EXACT = {"iterations": 60, "tolerance": 1e-14}
REMEMBERS = {"has_previous": 1.0}
BEGINS = {"count": 0.0}

ROWS: dict[str, Row] = {
    "gda": of_eigenvalue("gda", gda),
    "gda momentum": of_eigenvalue("gda", momentum, options={"transform": "momentum"}, hypers=NEGATIVE),
    "alternating_gda": Row("alternating_gda", alternating_gda, alternating_gda_quadratic),
    "alternating_gda three answers": Row("alternating_gda", answers(3), options={"ascent_steps": 3}),
    "alternating_gda momentum": Row(
        "alternating_gda", alternating_momentum, options={"transform": "momentum"}, hypers=NEGATIVE
    ),
    "nested": Row("nested", answers(4), options={"ascent_steps": 4}, hypers={**RATES, "tolerance": 0.0}),
    "optimistic": of_eigenvalue("optimistic", optimistic, settings=REMEMBERS),
    "optimistic generalized": of_eigenvalue(
        "optimistic", generalized_optimistic, hypers={**RATES, "alpha": 0.8, "beta": 1.3}, settings=REMEMBERS
    ),
    "optimistic alternating": Row(
        "optimistic", alternating_optimistic, options={"alternating": True}, settings=REMEMBERS
    ),
    "past_extragradient": of_eigenvalue("past_extragradient", optimistic),
    "extragradient": of_eigenvalue("extragradient", extragradient),
    "extragradient long": of_eigenvalue("extragradient", long_extragradient, hypers={**RATES, "extrapolation": 1.6}),
    "proximal": of_eigenvalue("proximal", proximal, options=EXACT, reach=0.6),
    "proximal three iterations": of_eigenvalue("proximal", cut_short(3), options={"iterations": 3, "tolerance": 0.0}),
    "lookahead": of_eigenvalue("lookahead", lookahead(gda, 5), hypers=LOOKAHEAD, settings=BEGINS, cycle=5),
    "lookahead extragradient": of_eigenvalue(
        "lookahead",
        lookahead(extragradient, 3),
        options={"base": "extragradient", "k": 3},
        hypers=LOOKAHEAD,
        settings=BEGINS,
        cycle=3,
    ),
    "consensus": Row("consensus", consensus, consensus_quadratic, hypers={**RATES, "gamma": 0.37}),
    "sga": Row("sga", sga, hypers={**RATES, "adjustment": 0.37}, reach=1.2),  # of large fields the sign is rounding
    "sga unaligned": Row("sga", sga, sga_quadratic, {"aligned": False}, {**RATES, "adjustment": 0.37}),
    "competitive": Row("competitive", competitive, competitive_quadratic, EXACT, top=1.5),
    "gradient_regularized": foreseeing("gradient_regularized", regularized, hypers={**RATES, "eta": 0.37}),
    "unrolled 1": unrolled(1),
    "unrolled 2": unrolled(2),
    "unrolled 5": unrolled(5, top=0.3),
    "unrolled 1, not differentiated": unrolled(1, differentiated=False),
    "unrolled 2, not differentiated": unrolled(2, differentiated=False),
}

KNOWN_QUADRATIC = {name: row for name, row in ROWS.items() if row.quadratic is not None}
