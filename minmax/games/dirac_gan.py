"""The Dirac-GAN: one number against one number, and what makes it converge."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from minmax.games.zero_sum import Start, around, at
from minmax.lazy import torch
from minmax.registry import check_known
from minmax.types import Batch, Game, Loss, Players

if TYPE_CHECKING:
    from torch import Tensor

NAMES = ("theta", "psi")
NODES = 64  # of the quadrature: exact to 1e-10 while std·|ψ| < 2

Rule = Callable[["Tensor", "Tensor"], "Tensor"]  # (θ, ψ) -> what that player minimises


class Variant(NamedTuple):
    """Each player's own loss of (θ, ψ); ψ is clipped to [−clip, clip]."""

    theta: Rule
    psi: Rule
    clip: float | None = None


def dirac_gan(variant: str = "gan", start: Start = (1.0, 1.0), spread: float = 0.0, **options: Any) -> Game:
    """A point mass at θ imitates one at 0, judged by D(x) = ψx: L(θ, ψ) = f(θψ) + f(0), f(t) = log σ(t).

    θ minimises L, ψ maximises it: F = (ψ·f′(θψ), −θ·f′(θψ) + γψ), f′(t) = σ(−t), γ the variant's gradient penalty. At
    the solution (0, 0) J = [[0, ½], [−½, γ]] has the eigenvalues (γ ± √(γ² − 1))/2: a centre at γ = 0, a spiral inwards
    below the critical γ = 1, a node above. There a simultaneous step of h has the spectral radius √(1 − hγ + h²/4) for
    γ < 1, and 1 − h/2 at γ = 1.

    Args:
        variant: one of ``VARIANTS``, with its ``options``; each one's docstring says what it adds.
        start, spread: the mean and standard deviation of (θ, ψ) at the start.

    Raises:
        ValueError: an unknown variant, or an option that it has not.

    Mescheder, Geiger, Nowozin 2018, arXiv 1801.04406 (start and constants as in their released notebook).
    """
    check_known("variant", variant, VARIANTS)
    known = inspect.signature(VARIANTS[variant]).parameters
    for name in sorted(set(options) - set(known)):
        raise ValueError(f"{name}: {variant!r} has no such option; allowed: {', '.join(known) or 'none'}")
    own = VARIANTS[variant](**options)
    bound = own.clip or 0.0

    def clip(players: Players) -> Players:
        return {**players, "psi": players["psi"].clamp(-bound, bound)}

    return Game(
        around(NAMES, start, spread),
        {"theta": _loss(own.theta), "psi": _loss(own.psi)},
        solution=at(NAMES, (0.0, 0.0)),
        project=None if own.clip is None else clip,
        native=True,
    )


def gan() -> Variant:
    """The original GAN: θ minimises L, ψ maximises it. The flow circles; simultaneous steps spiral outwards."""
    return Variant(_value, _minus_value)


def nonsaturating() -> Variant:
    """θ maximises f(−θψ) instead: F_θ = ψ·f′(−θψ). Still no convergence: eigenvalues ±i/2."""
    return Variant(lambda theta, psi: -_f(-theta * psi), _minus_value)


def wgan(clip: float = 1.0) -> Variant:
    """f(t) = t, with ψ clipped to [−clip, clip]: F = (ψ, −θ), eigenvalues ±i; circles, cut at the clip."""
    if not clip > 0:
        raise ValueError(f"clip: {clip} given; a positive number is allowed")
    return Variant(lambda theta, psi: theta * psi, lambda theta, psi: -theta * psi, clip)


def wgan_gp(gamma: float = 0.7, target: float = 1.0) -> Variant:
    """f(t) = t, and ψ pays γ/2·(|ψ| − target)²: F_ψ = −θ + γ·sign(ψ)(|ψ| − target). (0, 0) does not attract."""
    return Variant(
        lambda theta, psi: theta * psi,
        lambda theta, psi: -theta * psi + gamma / 2 * (psi.abs() - target) ** 2,
    )


def instance_noise(std: float = 0.7) -> Variant:
    """Normal noise on real and generated points: L = E f((θ + ε)ψ) + E f(−εψ), ε ~ N(0, std²).

    Near (0, 0) this is a gradient penalty of γ = std²/2. The expectations are Gauss–Hermite sums, not minibatches.
    """
    if std < 0:
        raise ValueError(f"std: {std} given; at least 0 is allowed")
    nodes, weights = _hermite()

    def value(theta: Tensor, psi: Tensor) -> Tensor:
        noise, share = std * nodes.to(theta), weights.to(theta)
        fake, real = (theta.unsqueeze(-1) + noise) * psi.unsqueeze(-1), -noise * psi.unsqueeze(-1)
        return ((_f(fake) + _f(real)) * share).sum(-1)

    return Variant(value, lambda theta, psi: -value(theta, psi))


def gradient_penalty(gamma: float = 0.3) -> Variant:
    """ψ pays γ/2·E‖∇D‖² = γ/2·ψ² (zero-centred, R₁ and R₂ alike)."""
    return Variant(_value, lambda theta, psi: _minus_value(theta, psi) + gamma / 2 * psi**2)


def critical() -> Variant:
    """``gradient_penalty`` at γ = 1, where the eigenvalues meet in ½: the fastest approach without rotation."""
    return gradient_penalty(1.0)


def consensus(gamma: float = 1.0) -> Variant:
    """Both players pay γ·½‖F‖² of the original GAN, ½‖F‖² = ½(θ² + ψ²)·f′(θψ)².

    Its gradient is (θ·s² − (θ² + ψ²)·ψ·s²(1 − s), ψ·s² − (θ² + ψ²)·θ·s²(1 − s)), s = f′(θψ). (The released notebook
    halves the second terms.) Eigenvalues γ/4 ± i/2.
    """

    def penalty(theta: Tensor, psi: Tensor) -> Tensor:
        return gamma / 2 * (theta**2 + psi**2) * torch.sigmoid(-theta * psi) ** 2

    return Variant(
        lambda theta, psi: _value(theta, psi) + penalty(theta, psi),
        lambda theta, psi: _minus_value(theta, psi) + penalty(theta, psi),
    )


def nonsaturating_gradient_penalty(gamma: float = 0.3) -> Variant:
    """``nonsaturating`` for θ, ``gradient_penalty`` for ψ."""
    return Variant(nonsaturating().theta, gradient_penalty(gamma).psi)


VARIANTS: dict[str, Callable[..., Variant]] = {
    "gan": gan,
    "nonsaturating": nonsaturating,
    "wgan": wgan,
    "wgan_gp": wgan_gp,
    "instance_noise": instance_noise,
    "gradient_penalty": gradient_penalty,
    "critical": critical,
    "consensus": consensus,
    "nonsaturating_gradient_penalty": nonsaturating_gradient_penalty,
}


def _f(t: Tensor) -> Tensor:
    return torch.nn.functional.logsigmoid(t)


def _value(theta: Tensor, psi: Tensor) -> Tensor:
    return _f(theta * psi) + _f(torch.zeros_like(theta))


def _minus_value(theta: Tensor, psi: Tensor) -> Tensor:
    return -_value(theta, psi)


def _loss(rule: Rule) -> Loss:
    def loss(players: Players, batch: Batch) -> Tensor:
        return rule(players["theta"], players["psi"])

    return loss


def _hermite() -> tuple[Tensor, Tensor]:
    """Nodes and weights with Σ w·g(x) = E g(ε), ε standard normal: the spectrum of x on Hermite polynomials (Golub and
    Welsch 1969)."""
    off = torch.arange(1, NODES, dtype=torch.float64).sqrt()
    nodes, vectors = torch.linalg.eigh(off.diag(1) + off.diag(-1))
    return nodes, vectors[0] ** 2
