"""The saddle f = xy: what it looks like, and how descent-ascent runs away from its middle."""

from __future__ import annotations

import math

import minmax
from gallery.plates import CHALLENGES, UNSTABLE, Drawn, Plate, play, radius
from minmax import plots

STEP, START = 0.1, (1.0, 1.0)


def three_sides() -> Drawn:
    axes = plots.panels(1, 3, (3.6, 3.2), projection="3d")
    for ax, azimuth in zip(axes, (-75, -45, -15), strict=True):
        plots.surface(minmax.games.get("xy"), azimuth=azimuth, ax=ax)
    return axes[0].figure, (
        "The surface f = xy is a saddle: it rises along one diagonal and falls along the other. At (0, 0) neither "
        "player can change f alone."
    )


def from_above() -> Drawn:
    ax = plots.contour(minmax.games.get("xy"))
    plots.mark_solution(ax, (0, 0), "the middle, (0, 0)")
    ax.figure.legend(loc="outside lower center")
    return ax.figure, (
        "The same saddle from above, with the directions in which f grows. y follows the arrows, x goes against them; "
        "at the star both gradients are zero."
    )


def growing() -> Drawn:
    past = play(minmax.games.get("bilinear"), start=START, steps=400, lr=STEP)
    ax = plots.series(past)
    ax.set_title(f"x(t) and y(t) under simultaneous steps of size {STEP:g}")
    growth = float((radius(past)[-1] / radius(past)[0]) ** (1 / past.times[-1]))
    return ax.figure, (
        f"Descent for x, ascent for y, at once, with step α = {STEP:g}: both oscillate, ever wider. Each step "
        f"multiplies the distance from (0, 0) by {growth:.6f}; √(1 + α²) = {math.sqrt(1 + STEP**2):.6f}."
    )


def outward() -> Drawn:
    game = minmax.games.get("bilinear")
    past = play(game, start=START, steps=250, lr=STEP)
    ax = plots.orbit(past)
    plots.mark_solution(ax, (0, 0))
    ax.set_title("(x, y) runs away from the saddle point")
    turns = past.times[-1] * math.atan(STEP) / (2 * math.pi)
    return ax.figure, (
        f"The same play in the plane, from the ring to the dot: {turns:.1f} turns around the ideal point, each wider "
        f"than the last; ‖z‖ grows from {radius(past)[0]:.2f} to {radius(past)[-1]:.2f}."
    )


def smaller_steps() -> Drawn:
    game, until = minmax.games.get("bilinear"), 40.0
    pasts = {}
    for step in (0.2, 0.1, 0.05, 0.02):
        own = play(game, start=START, steps=round(until / step), lr=step)
        pasts[f"α = {step:g}"] = own._replace(times=[step * time for time in own.times])
    ax = plots.distance(pasts, game.solution or {}, time="time α·step")
    ax.set(title="smaller steps only delay the divergence")
    ends = ", ".join(f"{radius(past)[-1]:.2f}" for past in pasts.values())
    return ax.figure, (
        f"A smaller learning rate only delays the divergence. After the same time α·step = {until:g}, the distance "
        f"from the saddle point has become {ends} (from {math.sqrt(2):.2f})."
    )


def oscillation() -> Drawn:
    game = minmax.games.get("bilinear")
    past = play(game, start=START, steps=100, lr=STEP)
    ax = plots.series(past, game=game)
    ax.set_title(f"x, y and f = xy, learning rate α = {STEP:g}")
    values = plots.path(past).prod(axis=1)
    return ax.figure, (
        f"x minimises xy and y minimises −xy with α = {STEP:g}. Once the signs differ the oscillation only grows: |xy| "
        f"is at most {abs(values[:50]).max():.2f} in the first 50 steps and {abs(values[50:]).max():.2f} in the next."
    )


PLATES = [
    Plate(
        "three_sides",
        "The saddle from three sides",
        UNSTABLE,
        'plots.surface(minmax.games.get("xy"), azimuth=-45)',
        three_sides,
    ),
    Plate("from_above", "The saddle from above", UNSTABLE, 'plots.contour(minmax.games.get("xy"))', from_above),
    Plate(
        "growing",
        "x(t) and y(t)",
        UNSTABLE,
        'plots.series(play(minmax.games.get("bilinear"), start=(1, 1), steps=400, lr=0.1))',
        growing,
    ),
    Plate(
        "outward",
        "The orbit that runs away",
        UNSTABLE,
        'plots.orbit(play(minmax.games.get("bilinear"), start=(1, 1), steps=250, lr=0.1))',
        outward,
    ),
    Plate(
        "oscillation",
        "Oscillation that grows",
        f"{CHALLENGES}, after L. Weng 2017",
        'plots.series(play(minmax.games.get("xy"), start=(1, 1), steps=60, lr=0.1), game=minmax.games.get("xy"))',
        oscillation,
    ),
    Plate(
        "smaller_steps",
        "Smaller steps",
        UNSTABLE,
        'plots.distance({"α = 0.02": play(minmax.games.get("xy"), steps=99, lr=0.02)}, '
        'minmax.games.get("xy").solution)',
        smaller_steps,
    ),
]
