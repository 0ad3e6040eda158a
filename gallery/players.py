"""What the other player does to one: landscapes that move, cycles, two speeds, an inner loop."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import minmax
from gallery.plates import CHALLENGES, FIXED, Drawn, Plate, play, radius
from minmax import field, plots
from minmax.plots.style import BLUE, GREEN, INK, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def landscape() -> Drawn:
    game = minmax.games.get("quadratic", a=0.6, b=0.2, s=1.0)
    past = play(game, start=(1.5, 1.0), steps=20, lr=0.3)
    ax = plots.landscape(game, past, when=(0, 2, 4, 6, 8, 10), x=(-3.0, 3.0))
    x = plots.path(past)[:, 0]
    lowest = -plots.path(past)[:, 1] / 0.6
    return ax.figure, (
        "What x sees is not one landscape: each step of y tilts it (the loss of x over x, at successive steps; dots "
        f"are where x stands). The lowest point moves from {lowest[0]:.1f} to {lowest[10]:.1f} in ten steps, while x, "
        f"which runs after it, goes from {x[0]:.1f} to {x[10]:.1f}."
    )


MOVES = ("rock", "paper", "scissors")


def cycle() -> Drawn:
    left, right = plots.panels(1, 2, (4.8, 3.8), width_ratios=(1.25, 1))
    first, second = _best_responses(12)
    for name, own, begin, colour in (("A", first, 0, BLUE), ("B", second, 1, ORANGE)):
        rounds = np.arange(begin, begin + 2 * len(own), 2)
        left.step([*rounds, rounds[-1] + 2], [*own, own[-1]], where="post", color=colour, label=f"player {name}")
        left.plot(rounds, own, "o", color=colour)
    left.set(xlabel="move", yticks=range(3), yticklabels=MOVES, title="each answers the other's last move")
    left.set_ylim(-0.3, 2.6)
    left.legend(loc="upper center", ncols=2)
    past = play(minmax.games.get("rock_paper_scissors"), start=(0.3, 0.0, -0.3, 0.3, 0.1, -0.4), steps=300, lr=0.4)
    _triangle(right)
    for player, colour in (("row", BLUE), ("column", ORANGE)):
        way = past.players[player][:, 0].softmax(-1).numpy() @ CORNERS
        right.plot(*way.T, color=colour, linewidth=1.2)
        right.plot(*way[0], "o", markerfacecolor="white", markeredgecolor=colour)
    right.plot(*(np.full(3, 1 / 3) @ CORNERS), "*", color=INK, markersize=11)
    away = [float((past.players["row"][k, 0].softmax(-1) - 1 / 3).norm()) for k in (0, -1)]
    return left.figure, (
        f"Left: A plays {MOVES[first[0]]}, B answers with {MOVES[second[0]]}, A with {MOVES[first[1]]}, B with "
        f"{MOVES[second[1]]}, and so on without end. Right: mixed strategies under descent-ascent on their logits "
        f"circle the equilibrium (⅓, ⅓, ⅓) the same way, and outwards: A's distance from it goes from {away[0]:.2f} to "
        f"{away[1]:.2f} in {past.times[-1]:.0f} steps."
    )


def _best_responses(moves: int) -> tuple[list[int], list[int]]:
    """A and B in turn play what the field of the game on the simplex says is best against the other's last move."""
    game = field.lift(minmax.games.get("rock_paper_scissors", "simplex"))
    now = torch.eye(3, dtype=torch.float64)[:1]
    played: dict[str, list[int]] = {"row": [0], "column": []}
    players = {"row": now, "column": now}
    for turn in range(1, moves):
        name = ("row", "column")[turn % 2]
        best = int(field.field(game, players, {})[name].argmin())
        players[name] = torch.eye(3, dtype=torch.float64)[best : best + 1]
        played[name].append(best)
    return played["row"], played["column"]


CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]])


def _triangle(ax: Axes) -> None:
    """The simplex of mixed strategies, its corners named."""
    ax.plot(*CORNERS[[0, 1, 2, 0]].T, color="#666666", linewidth=1)
    for corner, move, side in zip(CORNERS, MOVES, ("top", "top", "bottom"), strict=True):
        ax.annotate(
            move, corner, ha="center", va=side, xytext=(0, -4 if side == "top" else 4), textcoords="offset points"
        )
    ax.set(aspect="equal", title="both strategies", xlim=(-0.2, 1.2), ylim=(-0.12, 1.02))
    ax.set_axis_off()


B = 0.3


def nested() -> Drawn:
    game = minmax.games.get("quadratic", a=0.0, b=B, s=1.0)
    start = (1.5, 1.0)
    rates: dict[str, Any] = {"lr": 0.35, "lr_ratio": 2.0}
    together = play(game, start=start, steps=40, **rates)
    inner = play(game, "nested", start=start, steps=40, options={"ascent_steps": 200}, tolerance=1e-6, **rates)
    left, right = plots.panels(1, 2, (4.4, 3.9), width_ratios=(1, 1.15))
    plots.orbit(together, colour=ORANGE, label="simultaneous", ax=left)
    plots.orbit(inner, colour=BLUE, label="nested: y to its best answer first", ax=left)
    ridge = np.linspace(-0.8, 1.6, 2)
    left.plot(ridge, ridge / B, color="#999999", linestyle=":", label="y's best answer")
    plots.mark_solution(left, (0, 0))
    left.set(title="the ways", aspect="auto")
    plots.distance({"simultaneous": together, "nested": inner}, game.solution or {}, colour=(ORANGE, BLUE), ax=right)
    right.get_legend().remove()
    left.figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    factor = float(inner.players["x"][2, 0] / inner.players["x"][1, 0])
    return left.figure, (
        f"f = xy − {B:g}·y²/2. Nested, y first trains to its best answer and x then takes a plain descent step on max "
        f"f: x is multiplied by {factor:.3f} a step (1 − h/b = {1 - 0.35 / B:.3f}). Simultaneous steps of the same "
        f"sizes spiral outwards: ‖z‖ = {float(radius(together)[-1]):.2f} after {together.times[-1]:.0f}."
    )


def two_speeds() -> Drawn:
    game, steps = minmax.games.get("two_time_scale", noise=0.1), 400
    ratios = {"lr_ratio 1": 1.0, "lr_ratio 10": 10.0, "lr_ratio 100": 100.0}
    left, right = plots.panels(1, 2, (4.4, 3.6), width_ratios=(1, 1.15))
    pasts = {name: play(game, steps=steps, lr=0.002, lr_ratio=ratio) for name, ratio in ratios.items()}
    for (name, past), colour in zip(pasts.items(), (BLUE, ORANGE, GREEN), strict=True):
        plots.orbit(past, colour=colour, label=name, ax=left)
    left.set(title="the ways", aspect="auto", xlim=(-0.1, 0.55), ylim=(-0.45, 0.3))
    plots.distance(pasts, game.solution or {}, ax=right)
    right.get_legend().remove()
    left.figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    reached = {name: next((k for k, r in enumerate(radius(past)) if r < 0.1), None) for name, past in pasts.items()}
    said = "; ".join(
        f"{name}: ‖z‖ < 0.1 " + (f"after {k} steps" if k is not None else f"not in {steps} steps")
        for name, k in reached.items()
    )
    return left.figure, (
        "f = (1 + x²)(100 − y²) with noisy gradients, where x is a hundred times steeper than y: one learning rate "
        f"for both must suit the steep player, and the flat one crawls. {said}."
    )


PLATES = [
    Plate(
        "landscape",
        "A loss surface that does not stand still",
        CHALLENGES,
        'plots.landscape(minmax.games.get("xy"), play(minmax.games.get("xy"), steps=9, lr=0.1), when=(0, 3, '
        "6, 9), x=(-5, 5))",
        landscape,
    ),
    Plate(
        "cycle",
        "Rock, paper, scissors",
        CHALLENGES,
        'play(minmax.games.get("rock_paper_scissors"), steps=600, lr=0.2)',
        cycle,
    ),
    Plate(
        "nested",
        "The second player first",
        f"{FIXED}, on Wasserstein GANs",
        'play(minmax.games.get("quadratic", a=0, b=0.3, s=1), "nested", start=(1.5, 1), steps=40, lr=0.35, lr_ratio=2)',
        nested,
    ),
    Plate(
        "two_speeds",
        "Two time scales",
        f"{FIXED}, on Heusel et al. 2017 (arXiv 1706.08500)",
        'play(minmax.games.get("two_time_scale"), steps=400, lr=0.002, lr_ratio=100)',
        two_speeds,
    ),
]
