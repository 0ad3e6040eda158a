"""What theory says of every linear method: the eigenvalues of its step on f = (x − x*)ᵀA(y − y*).

Let J be the game's Jacobian, H = diag(hx, …, hy, …) the learning rates (hy = hx·lr_ratio). The eigenvalues of HJ are
±iσ with σ = s·√(hx·hy), one pair for each singular value s of A, and 0 for each of the |n − m| directions that a
non-square A leaves alone. Most methods are polynomials (or roots of them) in HJ, so a function of one eigenvalue m of
HJ says everything about them, on any linear game: ``of_eigenvalue``. The others get their own 2×2 matrices.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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
    roots. ``settings``: leaves of the state that are no coordinates (counters, flags), and what they are held at.
    ``cycle``: how many steps the eigenvalues are of, for a method that does something else every so many steps.
    """

    name: str
    eigenvalues: Eigenvalues
    quadratic: Quadratic | None = None
    options: Mapping[str, Any] = {}
    hypers: Values = RATES
    top: float = 0.45
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
    def mean_rate(self) -> float:
        """√(hx·hy) = σ/s."""
        return self.hypers["lr"] * self.hypers["lr_ratio"] ** 0.5

    @property
    def largest(self) -> float:
        """The singular value at ``top``."""
        return self.top / self.mean_rate


def of_eigenvalue(name: str, of: OfEigenvalue, **given: Any) -> Row:
    """The row of a method that HJ alone decides."""

    def eigenvalues(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
        return quadratic(0.0, 0.0, s, hx, hy, hypers)

    def quadratic(a: float, b: float, s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
        return [root for m in roots(hx * a + hy * b, hx * hy * (a * b + s * s)) for root in of(m, hypers)]

    return Row(name, eigenvalues, quadratic, **given)


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


def extragradient(m: complex, hypers: Values) -> list[complex]:
    """1 − m + m²; on the bilinear game 1 − σ² ± iσ."""
    return [1 - m + m * m]


def alternating_gda(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """Determinant 1, trace 2 − σ²: on the unit circle iff σ < 2."""
    return roots(2 - s * s * hx * hy, 1.0)


def alternating_gda_quadratic(a: float, b: float, s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """Of [[1 − hx·a, −hx·s], [hy·s(1 − hx·a), 1 − hy·b − hx·hy·s²]]."""
    x, y = 1 - hx * a, 1 - hy * b
    return roots(x + y - hx * hy * s * s, x * y)


def consensus(s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """Of [[1 − hx·γs², −hx·s], [hy·s, 1 − hy·γs²]]; with one rate 1 − hγs² ± ihs."""
    return consensus_quadratic(0.0, 0.0, s, hx, hy, hypers)


def consensus_quadratic(a: float, b: float, s: float, hx: float, hy: float, hypers: Values) -> list[complex]:
    """Of I − H(J + γJᵀJ), JᵀJ = [[a² + s², (a−b)s], [(a−b)s, b² + s²]]."""
    gamma = hypers["gamma"]
    across = gamma * (a - b) * s
    x, y = 1 - hx * (a + gamma * (a * a + s * s)), 1 - hy * (b + gamma * (b * b + s * s))
    return roots(x + y, x * y - hx * hy * (s + across) * (across - s))


ROWS: dict[str, Row] = {
    "gda": of_eigenvalue("gda", gda),
    "alternating_gda": Row("alternating_gda", alternating_gda, alternating_gda_quadratic),
    "optimistic": of_eigenvalue("optimistic", optimistic, settings={"has_previous": 1.0}),
    "extragradient": of_eigenvalue("extragradient", extragradient),
    "consensus": Row("consensus", consensus, consensus_quadratic, hypers={**RATES, "gamma": 0.37}),
}
