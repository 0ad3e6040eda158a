"""Where a field rests, marked by kind; and a field beside its relaxation and the two combined."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from minmax import field
from minmax.field.equilibria import CENTRE, DEGENERATE, MADE_STABLE, NEW_ZERO, SADDLE, STABLE, UNSTABLE
from minmax.lazy import torch
from minmax.plots.fields import stream
from minmax.plots.plane import Limits, Vectors
from minmax.plots.style import AMBER, GREEN, GREY, INK, ORANGE, PINK, SKY, panels, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from minmax.field import Equilibrium
    from minmax.types import Game

MARKERS: dict[str, tuple[str, str, int]] = {  # colour, marker, size
    STABLE: (GREEN, "o", 8),
    CENTRE: (SKY, "o", 8),
    SADDLE: (ORANGE, "X", 9),
    UNSTABLE: (INK, "s", 7),
    DEGENERATE: (GREY, "h", 8),
    MADE_STABLE: (PINK, "P", 10),
    NEW_ZERO: (AMBER, "D", 7),
}
NAMES = {MADE_STABLE: "spurious: saddle made stable", NEW_ZERO: "spurious: new zero, F ≠ 0"}


@styled
def mark_equilibria(ax: Axes, found: Sequence[Equilibrium]) -> Axes:
    """A marker at each equilibrium, by its kind, or by how it is spurious; each sort named once, for a legend."""
    sorts = [one.spurious or one.kind for one in found]
    for sort, (colour, marker, size) in MARKERS.items():
        points = [one.point.tolist() for one, own in zip(found, sorts, strict=True) if own == sort]
        if points:
            across, up = zip(*points, strict=True)
            ax.plot(
                across, up, linestyle="", marker=marker, markersize=size, color=colour, markeredgecolor="white",
                label=NAMES.get(sort, sort), zorder=6, clip_on=False,
            )  # fmt: skip
    return ax


@styled
def three_fields(
    game: Game,
    gamma: float = 1.0,
    x: Limits = (-3.2, 3.2),
    y: Limits = (-3.2, 3.2),
    *,
    ax: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Streamlines of −F, of its conservative relaxation −∇½‖F‖², and of both combined, −(F + γ∇½‖F‖²), side by side,
    with the zeros of F by their kind in the field and in its relaxation, and the equilibria of the combined field.

    ``ax``: three axes.

    Raises:
        ValueError: a game of more or fewer than two numbers.
    """
    across = panels(1, 3, (3.8, 4.3)) if ax is None else list(ax)
    corners = [x[0], y[0]], [x[1], y[1]]
    own, both = field.find_equilibria(game, *corners), field.find_equilibria(game, *corners, gamma=gamma)
    shown: list[tuple[str, Vectors, Sequence[Equilibrium]]] = [
        ("the field: −F", field.field, own),
        ("relaxed: −∇½‖F‖²", field.conservative, [_relaxed(game, one) for one in own]),
        (f"combined: −F − γ∇½‖F‖², γ = {gamma:g}", partial(field.combined, gamma=gamma), both),
    ]
    for panel, (title, vectors, marks) in zip(across, shown, strict=True):
        stream(game, x, y, vectors=vectors, density=1.0, colour="#7FA7C9", ax=panel)
        mark_equilibria(panel, marks)
        panel.set_title(title)
    return across


def _relaxed(game: Game, one: Equilibrium) -> Equilibrium:
    """A zero of F, with the kind it has for ∇½‖F‖², whose Jacobian there is JᵀJ."""
    jacobian = field.jacobian(field.lift(game), field.players_at(game, one.point[None]), {})[0]
    return one._replace(kind=field.kind(torch.linalg.eigvals(jacobian.T @ jacobian)))
