"""The smallest GANs: a Dirac distribution, a variance, a mean; and a denoising autoencoder's field."""

from __future__ import annotations

from typing import Any

import torch

import minmax
from gallery.fields import flowing
from gallery.plates import FIXED, Drawn, Plate, play, radius
from minmax import field, plots, tree
from minmax.plots.style import BLUE, GREEN, GREY, INK, ORANGE

VARIANTS = {
    "gan": "GAN", "nonsaturating": "non-saturating", "wgan": "WGAN, clipped", "wgan_gp": "WGAN-GP",
    "instance_noise": "instance noise", "gradient_penalty": "gradient penalty", "critical": "critical penalty",
    "consensus": "consensus", "nonsaturating_gradient_penalty": "non-sat., penalty",
}  # fmt: skip


def dirac() -> Drawn:
    axes = plots.panels(3, 3, (2.7, 2.75))
    ends: dict[str, list[float]] = {}
    for ax, (variant, title) in zip(axes, VARIANTS.items(), strict=True):
        game = minmax.games.get("dirac_gan", variant)
        ends[variant] = []
        for optimizer, colour in (("gda", ORANGE), ("alternating_gda", BLUE)):
            past = play(game, optimizer, start=(1.0, 1.0), steps=500, lr=0.2)
            plots.orbit(past, colour=colour, label={"gda": "simultaneous"}.get(optimizer, "alternating"), ax=ax)
            ends[variant].append(float(radius(past)[-1]))
        ax.plot(0, 0, "*", color=INK, markersize=9, zorder=6, label="equilibrium")
        ax.set(title=title, xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), xlabel="", ylabel="")
    for ax in axes[6:]:
        ax.set_xlabel("θ")
    for ax in axes[::3]:
        ax.set_ylabel("ψ")
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    there = [VARIANTS[name] for name, own in ends.items() if max(own) < 0.05]
    far = [VARIANTS[name] for name, own in ends.items() if max(own) >= 0.05]
    return axes[0].figure, (
        "The Dirac-GAN under nine recipes, 500 steps of 0.2 from (1, 1). With both orders of play these reach the "
        f"equilibrium: {', '.join(there)}. These do not: {', '.join(far)}."
    )


def wgan_cycles() -> Drawn:
    game = minmax.games.get("lq_wgan", sigma=1.0)
    left, right = plots.panels(1, 2, (4.3, 4.1))
    plots.stream(game, (0.15, 2.3), (-1.3, 1.3), colour="#A9C3DA", density=0.9, ax=left)
    drift = 0.0
    for begin in (0.8, 0.6, 0.4):
        past = flowing(game, (begin, 0.0), 12.0, 500)
        a, w = past.players["a"][:, 0], past.players["w"][:, 0]
        kept = w**2 + a**2 / 2 - a.log()
        drift = max(drift, float((kept - kept[0]).abs().max()))
        plots.orbit(past, colour=GREEN, ax=left)
    left.set(title="the flow: closed cycles", xlim=(0.15, 2.3), ylim=(-1.3, 1.3))
    eta = 0.3
    rivals: dict[str, tuple[str, str, dict[str, Any]]] = {
        "simultaneous": (ORANGE, "gda", {}), "alternating": (BLUE, "alternating_gda", {}),
        f"consensus, γ = {eta:g}": (GREEN, "consensus", {"gamma": eta}),
    }  # fmt: skip
    ends = []
    for label, (colour, optimizer, hypers) in rivals.items():
        past = play(game, optimizer, start=(0.6, 0.0), steps=150, lr=0.08, **hypers)
        plots.orbit(past, colour=colour, label=label, ax=right)
        centre = torch.tensor([1.0, 0.0], dtype=torch.float64)
        ends.append(f"{label} {float((tree.flat(past.of(0))[-1] - centre).norm()):.2f}")
    right.set(title="steps of 0.08", xlim=(0.15, 2.3), ylim=(-1.3, 1.3))
    for ax in (left, right):
        plots.mark_solution(ax, (1, 0))
    left.figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return left.figure, (
        "A Wasserstein GAN that learns a variance has limit cycles around its equilibrium: the flow conserves "
        f"w² + a²/2 − ln a (here to {drift:.0e}) and never arrives. After 150 steps from a = 0.6 the distance is: "
        + "; ".join(ends)
        + "."
    )


def linear_wgan() -> Drawn:
    game = minmax.games.get("linear_wgan")
    left, right = plots.panels(1, 2, (4.4, 4.0), width_ratios=(1, 1.2))
    pasts = {
        "GDA": play(game, "gda", steps=600, lr=0.1),
        "optimistic": play(game, "optimistic", steps=600, lr=0.1),
    }
    for (label, past), colour in zip(pasts.items(), (ORANGE, BLUE), strict=True):
        way = past.players["theta"][:, 0].numpy()
        near = way[:120] if label == "GDA" else way
        left.plot(*near.T, color=colour, label=label, linewidth=1.3)
        left.plot(*near[-1], "o", color=colour)
    left.plot(*way[0], "o", markerfacecolor="white", markeredgecolor=INK)
    plots.mark_solution(left, (3, 4), "mean of the data")
    left.set(xlabel="θ₁", ylabel="θ₂", title="what the generator learns", aspect="equal")
    plots.distance(pasts, game.solution or {}, colour=(ORANGE, BLUE), ax=right)
    right.get_legend().remove()
    left.figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    ends = [", ".join(f"{number:.2f}" for number in past.players["theta"][-1, 0].tolist()) for past in pasts.values()]
    return left.figure, (
        "A linear Wasserstein GAN whose generator has to learn the mean (3, 4). Gradient descent-ascent circles it "
        f"ever wider (its first 120 steps are drawn; after 600 it says {ends[0]}); the optimistic step of the same "
        f"size says {ends[1]}."
    )


def penalty() -> Drawn:
    gammas = torch.linspace(0, 2, 81, dtype=torch.float64)
    values = []
    for gamma in gammas.tolist():
        game = minmax.games.get("dirac_gan", "gradient_penalty", gamma=gamma)
        values.append(field.eigenvalues(field.lift(game), tree.stack([game.solution]), {})[0])
    ax, rate = plots.panels(1, 2, (4.4, 3.7))
    path = torch.stack(values)
    for column in range(2):
        dots = ax.scatter(path[:, column].real, path[:, column].imag, c=gammas, cmap="viridis", s=16, zorder=3)
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.figure.colorbar(dots, ax=ax, label="γ", shrink=0.85)
    ax.set(xlabel="Re λ", ylabel="Im λ", title="eigenvalues of J as γ grows")
    step = 0.2
    radii = (1 - step * path).abs().amax(1)
    rate.plot(gammas, radii, color=BLUE)
    best = int(radii.argmin())
    rate.plot(gammas[best], radii[best], "o", color=ORANGE, label=f"best: γ = {gammas[best]:.2f}")
    rate.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
    rate.set(xlabel="γ", ylabel="spectral radius of a step", title=f"simultaneous steps of {step:g}")
    rate.legend()
    wrong = _apart(path, gammas)
    return ax.figure, (
        "A gradient penalty γ moves the Dirac-GAN's eigenvalues off the imaginary axis: (γ ± √(γ² − 1))/2, whose sum "
        f"and product the computed ones have within {wrong:.0e}. They meet at the critical γ = 1; the smallest radius, "
        f"at γ = {float(gammas[best]):.2f}, is {float(radii[best]):.3f} (1 − h/2 = {1 - step / 2:.3f})."
    )


def _apart(found: torch.Tensor, gammas: torch.Tensor) -> float:
    """The largest error of both eigenvalues' sum and product against the closed form's, γ and ¼."""
    return float(torch.stack([found.sum(1) - gammas, found.prod(1) - 0.25]).abs().max())


PLATES = [
    Plate(
        "dirac",
        "The Dirac-GAN, nine recipes",
        f"{FIXED}; Mescheder, Geiger, Nowozin 2018 (arXiv 1801.04406)",
        'play(minmax.games.get("dirac_gan", "critical"), start=(1, 1), steps=500, lr=0.2)',
        dirac,
    ),
    Plate(
        "penalty",
        "How much penalty",
        "Mescheder, Geiger, Nowozin 2018 (arXiv 1801.04406)",
        'field.eigenvalues(minmax.games.get("dirac_gan", "critical"), {"theta": torch.zeros(1), "psi": '
        "torch.zeros(1)}, {})",
        penalty,
    ),
    Plate(
        "wgan_cycles",
        "The limit cycles of a Wasserstein GAN",
        f"{FIXED}, on Nagarajan, Kolter 2017 (arXiv 1706.04156)",
        'play(minmax.games.get("lq_wgan"), "consensus", steps=150, lr=0.08, gamma=0.3)',
        wgan_cycles,
    ),
    Plate(
        "linear_wgan",
        "Learning a mean",
        "optimistic mirror descent in *Training GANs: From Theory to Practice*, after Daskalakis et al. 2018 "
        "(arXiv 1711.00141)",
        'play(minmax.games.get("linear_wgan"), "optimistic", steps=600, lr=0.1)',
        linear_wgan,
    ),
]
