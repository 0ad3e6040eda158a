"""Games of two numbers on which accept/reject was compared with descent-ascent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import minmax
from gallery.plates import PRACTICE, Drawn, Plate, play
from minmax import plots, tree
from minmax.plots.style import AMBER, BLUE, GREEN, INK, ORANGE, PINK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from minmax.types import Game

STARTS = ((3.0, 3.0), (-1.0, 0.5), (-4.0, 2.0), (2.0, -4.0))
SHADES = (BLUE, GREEN, PINK, AMBER)
GREEDY: dict[str, Any] = {
    "options": {"to_tolerance": True, "ascent_steps": 300, "patience": 10}, "lr_ratio": 20.0, "accept": 1.0,
    "temperature": 1e-3,
}  # fmt: skip
"""Accept/reject that answers to a tolerance. Luck keeps the first proposal, after which f is of an answered y."""


def boxed() -> Drawn:
    (ax,) = plots.panels(1, 1, (5.6, 5.0))
    ends = _in_the_box(ax, "gda", steps=1500, lr=0.05)
    ax.set_title("GDA on f = xy in [−5, 5]²")
    ax.figure.legend(loc="outside lower center")
    return ax.figure, (
        f"Projected descent-ascent from {len(STARTS)} points of the box (rings). Global min-max points are the red "
        f"line, x = 0, where max f = 5|x| is least. None is reached: after 1500 steps |x| is {_list(ends)}, on its way "
        "around."
    )


def boxed_both() -> Drawn:
    left, right = plots.panels(1, 2, (4.5, 4.4))
    _in_the_box(left, "gda", steps=1500, lr=0.05)
    left.set_title("GDA")
    ends = _in_the_box(right, "accept_reject", steps=40, lr=0.05, **GREEDY)
    right.set_title("accept/reject")
    left.figure.legend(*left.get_legend_handles_labels(), loc="outside lower center")
    return left.figure, (
        "The same game, GDA (left) and accept/reject (right), whose second player answers each proposal to the end. It "
        f"walks to the red line and stops where no proposal lowers f: |x| = {_list(ends)}; the theory allows "
        f"{5 * 0.05 / 2:g}."
    )


def _in_the_box(ax: Axes, optimizer: str, **settings: Any) -> list[float]:
    game = minmax.games.get("xy")
    plots.contour(game, gradients=0, bar=False, ax=ax)
    ax.plot([0, 0], [-5, 5], color="#C00000", linewidth=3.5, label="global min-max points", solid_capstyle="butt")
    past = play(game, optimizer, start=STARTS, **settings)
    plots.orbit(past, colour=SHADES, ax=ax)
    ax.set(xlim=(-5.3, 5.3), ylim=(-5.3, 5.3))
    return past.players["x"][-1].abs().tolist()


CROSSES = {"f1": (-12.0, 12.0), "f2": (-20.0, 20.0), "f3": (-12.0, 12.0)}


def toys() -> Drawn:
    axes = plots.panels(1, 3, (4.0, 4.3))
    said = []
    for ax, (name, limits) in zip(axes, CROSSES.items(), strict=True):
        game = _held(minmax.games.get(name), limits[1])
        plots.contour(game, limits, limits, gradients=0, bar=False, ax=ax)
        ends = {}
        for label, (colour, settings) in _RIVALS.items():
            answer: dict[str, Any] = {"lr_ratio": 5.0} if (name, label) == ("f1", "accept/reject") else {}
            past = play(game, start=(5.5, 5.5), **settings, **answer)
            plots.orbit(past, colour=colour, label=label, ax=ax)
            ends[label] = past
        ax.set(xlim=limits, ylim=limits, title=name.upper())
        said.append(f"{name.upper()}: " + ", ".join(f"{label} at {_where(past)}" for label, past in ends.items()))
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return axes[0].figure, (
        "Three functions from (5.5, 5.5), 401 steps of 0.05 each (accept/reject proposes N(0, 0.5²) steps, up to 130, "
        "and answers each at 0.05, in F1 at 0.25). In F1 and F3 (0, 0) is the global min-max point, in F2 it is not, "
        "though descent-ascent ends there. " + "; ".join(said) + ". (Players are kept inside the frame.)"
    )


_RIVALS: dict[str, tuple[str, dict[str, Any]]] = {
    "GDA": (ORANGE, {"optimizer": "gda", "steps": 401, "lr": 0.05}),
    "OMD": (INK, {"optimizer": "optimistic", "steps": 401, "lr": 0.05}),
    "accept/reject": (
        GREEN,
        {
            "optimizer": "accept_reject", "steps": 130, "lr": 0.05, "scale": 0.5, "delta": 0.03, "accept": 1.0,
            "temperature": 1e-3,
            "options": {"proposal": "gaussian", "to_tolerance": True, "ascent_steps": 300, "patience": 21},
        },
    ),
}  # fmt: skip


def _held(game: Game, bound: float) -> Game:
    """The game on [−bound, bound]², as players of F2 run to infinity."""
    return replace(game, project=lambda players: tree.map(lambda z: z.clamp(-bound, bound), players))


def _where(past: plots.History) -> str:
    x, y = plots.path(past)[-1]
    return f"({x + 0.0:.1f}, {y + 0.0:.1f})"


def _list(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


PLATES = [
    Plate(
        "boxed",
        "GDA in a box",
        f"{PRACTICE}, figure 1",
        'play(minmax.games.get("xy"), start=(3, 3), steps=1500, lr=0.05)',
        boxed,
    ),
    Plate(
        "boxed_both",
        "Accept/reject in the box",
        f"{PRACTICE}, figure 3",
        'play(minmax.games.get("xy"), "accept_reject", start=(3, 3), steps=40, lr=0.05, lr_ratio=20, temperature=1)',
        boxed_both,
    ),
    Plate(
        "toys",
        "F1, F2, F3",
        f"the low-dimensional simulations of {PRACTICE[PRACTICE.index('Keswani') :]}",
        'play(minmax.games.get("f3"), "optimistic", start=(5.5, 5.5), steps=401, lr=0.05)',
        toys,
    ),
]
