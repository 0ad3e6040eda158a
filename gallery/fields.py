"""Fields that are nobody's gradient, and what taming them with γ does."""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

import minmax
from gallery.plates import BROKEN, CHALLENGES, FIXED, NUMERICS, UNSTABLE, Drawn, Plate, at, play, radius
from minmax import field, plots, tree
from minmax.field.equilibria import MADE_STABLE, NEW_ZERO, SADDLE, STABLE
from minmax.games.autoencoder_field import spiral
from minmax.plots.style import BLUE, GREEN, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from minmax.types import Game

PERIOD = (-0.5, 2 * math.pi - 0.5)  # of cos_sin, with no equilibrium on an edge


def flowing(game: Game, start: tuple[float, float], until: float, count: int = 400) -> plots.History:
    """The continuous-time flow from ``start``, in ``count`` equal times up to ``until``."""
    times = torch.linspace(0, until, count, dtype=torch.float64)
    return plots.History(times.tolist(), field.flow(game, tree.stack([at(game, start)]), times, rtol=1e-8))


def circle() -> Drawn:
    game = minmax.games.get("bilinear")
    flow, steps = flowing(game, (1.0, 0.0), 2 * math.pi), play(game, start=(1.0, 0.0), steps=63, lr=0.1)
    ax = plots.orbit(flow, colour=GREEN, label="the flow ż = −F(z)")
    plots.orbit(steps, colour=BLUE, label="63 steps of 0.1", dots=True, ax=ax)
    plots.mark_solution(ax, (0, 0))
    ax.set_title("infinitely small steps close the circle")
    ax.figure.legend(loc="outside lower center", ncols=2)
    drift = float((radius(flow) - 1).abs().max())
    return ax.figure, (
        "With infinitely small steps (x, y) = (cos t, −sin t) turns on a fixed circle, neither nearer nor farther: "
        f"over a whole turn the computed flow stays within {drift:.0e} of radius 1. Steps of 0.1 already leave it, for "
        f"{float(radius(steps)[-1]):.2f}."
    )


def curl() -> Drawn:
    game = minmax.games.get("curl")
    ax = plots.quiver(game)
    plots.orbit(play(game, start=(0.5, 0.0), steps=180, lr=0.1), colour=ORANGE, label="simultaneous steps", ax=ax)
    plots.mark_solution(ax, (0, 0), "equilibrium")
    ax.set(title="the curl field v = (−φ, θ)", xlim=(-2.2, 2.2), ylim=(-2.2, 2.2))
    ax.figure.legend(loc="outside lower center", ncols=2)
    values = field.eigenvalues(game, tree.stack([game.solution]), {})[0]
    return ax.figure, (
        "The constant curl field of f = θφ: follow the arrows and you go in circles around the equilibrium for ever. "
        f"Its Jacobian has the eigenvalues {_complex(values[0])} and {_complex(values[1])}: rotation, no attraction."
    )


def tamed() -> Drawn:
    game, gamma = minmax.games.get("curl"), 1.0
    left, right = plots.panels(1, 2, (4.0, 4.0))
    plots.quiver(game, vectors=field.conservative, ax=left)
    left.set_title("relaxed: −∇½‖F‖²")
    plots.quiver(game, vectors=partial(field.combined, gamma=gamma), ax=right)
    right.set_title(f"combined: −F − γ∇½‖F‖², γ = {gamma:g}")
    past = play(game, "consensus", start=(1.8, 0.0), steps=60, lr=0.1, gamma=gamma)
    plots.orbit(past, colour=ORANGE, ax=right)
    for ax in (left, right):
        plots.mark_solution(ax, (0, 0))
        ax.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2))
    right.set_title(f"combined: −F − γ∇½‖F‖², γ = {gamma:g}")
    return left.figure, (
        "Left: the conservative relaxation of the curl field, the gradient of a bowl that everything runs down. "
        "Right: the combined field still turns, but inwards; consensus optimization follows it to ‖z‖ = "
        f"{radius(past)[-1]:.4f} in {past.times[-1]:.0f} steps."
    )


def three() -> Drawn:
    game, gamma = minmax.games.get("cos_sin"), 0.6
    axes = plots.three_fields(game, gamma, x=(-4.4, 4.4), y=(-4.4, 4.4))
    handles = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    axes[0].figure.legend(handles.values(), handles, loc="outside lower center", ncols=4)
    found = Counter(one.kind for one in field.find_equilibria(game, PERIOD[0], PERIOD[1]))
    return axes[0].figure, (
        f"v(θ, φ) = (cos φ, sin θ) has {found['centre']} centres and {found['saddle']} saddles in a period (left). Its "
        "relaxation cannot tell them apart: each becomes a minimum (middle). The combined field keeps the saddles "
        f"saddles and makes the centres attract, if γ is moderate ({gamma:g} here; right)."
    )


def staircase() -> Drawn:
    """Work of −F along two turns of the unit circle, as a height over it."""
    game, turns = minmax.games.get("curl"), 2
    angle = np.linspace(0, 2 * math.pi * turns, 400)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    tangent = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
    players = field.players_at(game, torch.as_tensor(points))
    left, right = plots.panels(1, 2, (4.0, 3.8), projection="3d")
    risen = []
    for ax, vectors, title in ((left, field.field, "curl: −F"), (right, field.conservative, "relaxed: −∇½‖F‖²")):
        pace = (-tree.flat(vectors(game, players, {})).numpy() * tangent).sum(1)
        height = np.concatenate([[0.0], np.cumsum((pace[1:] + pace[:-1]) / 2 * np.diff(angle))])
        risen.append(height[-1] / turns)
        ax.plot(points[:, 0], points[:, 1], height, color=BLUE, linewidth=2)
        ax.plot(points[:, 0], points[:, 1], 0 * height, color="#BBBBBB", linewidth=1)
        ax.set(xlabel="θ", ylabel="φ", zlabel="work", zlim=(-1, 2 * math.pi * turns), title=title)
        ax.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        ax.set_box_aspect((1, 1, 1), zoom=0.85)
    return left.figure, (
        "Escher's stairs: the work a field does along a closed way. Around the circle the curl field always pushes "
        f"forwards and has climbed by {risen[0]:.3f} = 2π when it is back where it began, so it is no gradient; its "
        f"relaxation climbs by {abs(risen[1]):.3f}, as every gradient does."
    )


def eigenvalues() -> Drawn:
    game, gamma = minmax.games.get("bilinear", _SPREAD), 0.5
    players = tree.stack([game.solution])
    before = field.eigenvalues(game, players, {})
    after = field.eigenvalues(field.relaxed(game, gamma), players, {})
    step = 0.5
    ax = plots.spectrum({"F": before, f"F + γ∇½‖F‖², γ = {gamma:g}": after}, step=step)
    ax.set_title("eigenvalues of J, before and after γ")
    ax.legend().remove()
    ax.figure.legend(loc="outside lower center", ncols=2)
    radii = [float((1 - step * values).abs().max()) for values in (before, after)]
    return ax.figure, (
        f"The Jacobian's eigenvalues at the equilibrium of a bilinear game with {before.shape[1] // 2} singular "
        "values: imaginary before, ±iσ, and pushed to γσ² ± iσ by the combined field. A simultaneous step of size h "
        f"converges inside the dashed circle: at h = {step:g} the spectral radius falls from {radii[0]:.3f} to "
        f"{radii[1]:.3f}."
    )


_SPREAD = ((0.3, 0.0, 0.0, 0.0), (0.0, 0.7, 0.0, 0.0), (0.0, 0.0, 1.1, 0.0), (0.0, 0.0, 0.0, 1.5))


def spurious() -> Drawn:
    game = minmax.games.get("cos_sin")
    axes = plots.panels(2, 2, (4.3, 3.9))
    for ax, gamma in zip(axes, (0.5, 1.5, 3.0), strict=False):
        plots.stream(game, PERIOD, PERIOD, vectors=partial(field.combined, gamma=gamma), colour="#7FA7C9", ax=ax)
        plots.mark_equilibria(ax, field.find_equilibria(game, PERIOD[0], PERIOD[1], gamma=gamma))
        ax.set_title(f"γ = {gamma:g}")
    counted = _counts(game, np.concatenate([(0.2, 0.5, 0.9), (1.05, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0)]), axes[3])
    handles = {label: handle for ax in axes[:3] for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    axes[0].figure.legend(handles.values(), handles, loc="outside lower center", ncols=4)
    first = min(gamma for gamma, found in counted.items() if found[MADE_STABLE])
    below = sum(found[sort] for gamma, found in counted.items() if gamma < 1 for sort in _SPURIOUS)
    return axes[0].figure, (
        "As γ grows, the combined field of (cos φ, sin θ) gets equilibria that the game has not. Below γ = 1 there are "
        f"{below}; from γ = 1 on (first seen at {first:.2f}) all {counted[first][MADE_STABLE]} saddles of a "
        f"period attract, and new zeros with F ≠ 0 appear beside them ({counted[first][NEW_ZERO]} at {first:.2f})."
    )


_SPURIOUS = (MADE_STABLE, NEW_ZERO)


def _counts(game: Game, gammas: np.ndarray, ax: Axes) -> dict[float, Counter[str]]:
    counted = {}
    for gamma in gammas.tolist():
        found = field.find_equilibria(game, PERIOD[0], PERIOD[1], gamma=gamma)
        counted[gamma] = Counter(one.spurious or one.kind for one in found)
    for sort in (STABLE, SADDLE, *_SPURIOUS):
        colour, marker, size = plots.MARKERS[sort]
        ax.plot(
            gammas,
            [counted[g][sort] for g in counted],
            marker=marker,
            color=colour,
            markersize=size + 2 if sort == STABLE else size - 2,
        )
    ax.axvline(1, color="#666666", linewidth=0.9, linestyle=":")
    ax.set(xlabel="γ", ylabel="equilibria in a period", title="how many, as γ grows")
    return counted


def autoencoder() -> Drawn:
    game = minmax.games.get("autoencoder_field")
    (ax,) = plots.panels(1, 1, (5.4, 5.4))
    plots.quiver(game, (-2.4, 2.4), (-2.4, 2.4), count=27, directions=True, ax=ax)
    ax.plot(*spiral(300).T, color=ORANGE, linewidth=2.2, label="the data's curve")
    ax.set_title("the field r(z) − z of a denoising autoencoder")
    ax.figure.legend(loc="outside lower center")
    players = field.players_at(game, field.grid(-2, 2, 15))
    jacobians = field.jacobian(game, players, {})
    parts = [part(jacobians).norm(dim=(1, 2)).mean() for part in (field.symmetric, field.antisymmetric)]
    return ax.figure, (
        "A small denoising autoencoder maps noisy points back to the curve that the data lies on; its reconstruction "
        "minus its input is a vector field that points to the data (arrows: directions; brighter is longer). It is "
        "nobody's gradient: over the plane the antisymmetric part of its Jacobian has the mean norm "
        f"{float(parts[1]):.3f}, beside {float(parts[0]):.3f} of the symmetric."
    )


def momentum() -> Drawn:
    game = minmax.games.get("curl")
    pasts = {}
    for beta in (-0.3, 0.0, 0.5, 0.9):
        pasts[f"β = {beta:g}".replace("-", "−")] = play(
            game, start=(1.0, 0.0), steps=120, lr=0.1, options={"transform": "momentum"}, momentum=beta
        )
    ax = plots.distance(pasts, game.solution or {})
    ax.set_title("momentum on the curl field")
    ends = {name: float(radius(past)[-1]) for name, past in pasts.items()}
    return ax.figure, (
        "Momentum accumulates where the field only turns. From ‖z‖ = 1, 120 steps of 0.1 end at "
        + ", ".join(f"{end:.3g} ({name})" for name, end in ends.items())
        + "."
    )


def _complex(value: torch.Tensor) -> str:
    number = complex(value)
    return f"{number.imag:+.0f}i".replace("1i", "i").replace("-", "−")


PLATES = [
    Plate(
        "autoencoder",
        "A denoising autoencoder's field",
        f"{BROKEN}, after Alain, Bengio 2014 (arXiv 1211.4246), figure 5",
        'plots.quiver(minmax.games.get("autoencoder_field"))',
        autoencoder,
    ),
    Plate(
        "circle",
        "The circle of the flow",
        f"{UNSTABLE}; {CHALLENGES}, after I. Goodfellow 2016",
        'field.flow(minmax.games.get("curl"), {"theta": torch.ones(1), "phi": torch.zeros(1)}, '
        "torch.linspace(0, 6, 99), rtol=1e-4)",
        circle,
    ),
    Plate(
        "curl",
        "The curl field",
        f"{BROKEN}; {FIXED}, after Salimans et al. 2016",
        'plots.quiver(minmax.games.get("curl"))',
        curl,
    ),
    Plate(
        "staircase",
        "Escher's stairs",
        BROKEN,
        'field.conservative(minmax.games.get("curl"), {"theta": torch.ones(1), "phi": torch.zeros(1)}, {})',
        staircase,
    ),
    Plate(
        "momentum",
        "Momentum goes berserk",
        BROKEN,
        'play(minmax.games.get("curl"), start=(1, 0), steps=120, lr=0.1, momentum=0.9, options={"transform": '
        '"momentum"})',
        momentum,
    ),
    Plate(
        "tamed",
        "The curl field, relaxed and combined",
        NUMERICS,
        'plots.quiver(minmax.games.get("curl"), vectors=field.conservative)',
        tamed,
    ),
    Plate("three", "Three fields", NUMERICS, 'plots.three_fields(minmax.games.get("cos_sin"), 0.6)', three),
    Plate(
        "eigenvalues",
        "Eigenvalues, before and after γ",
        NUMERICS,
        'plots.spectrum({"F": field.eigenvalues(minmax.games.get("curl"), {"theta": torch.zeros(1), "phi": '
        "torch.zeros(1)}, {})})",
        eigenvalues,
    ),
    Plate(
        "spurious",
        "Spurious equilibria",
        NUMERICS,
        'field.find_equilibria(minmax.games.get("cos_sin"), -0.5, 5.8, gamma=1.5)',
        spurious,
    ),
]
