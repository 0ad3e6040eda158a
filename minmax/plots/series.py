"""Players against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from minmax import tree
from minmax.plots.history import History, labels, path
from minmax.plots.style import VALUE, axes, colours, legend, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from minmax.types import Game, Players


@styled
def series(
    past: History, *, game: Game | None = None, member: int = 0, time: str = "step", ax: Axes | None = None
) -> Axes:
    """Each of a member's numbers against time: x(t), y(t); with ``game`` also f."""
    ax = axes(ax, size=(6.4, 3.4))
    numbers, names = path(past, member), labels(past.of(member))
    for own, name, colour in zip(numbers.T, names, colours(None, len(names)), strict=True):
        ax.plot(past.times, own, color=colour, label=name)
    if game is not None:
        ax.plot(past.times, _value(game, past.of(member)), color=VALUE, label="f", linewidth=1.1)
    ax.axhline(0, color="#999999", linewidth=0.8, zorder=1)
    ax.set(xlabel=time, ylabel="value", xlim=(past.times[0], past.times[-1]))
    ax.set_title(f"{', '.join(names)} against {time}")
    legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


@styled
def distance(
    pasts: Mapping[str, History],
    solution: Players,
    *,
    member: int = 0,
    time: str = "step",
    colour: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """‖z − z*‖ against time on a logarithmic scale, a line for each named history."""
    ax = axes(ax, size=(6.4, 3.6))
    centre = tree.flat(tree.map(lambda x: x.unsqueeze(0), solution)).numpy()
    for (name, past), own in zip(pasts.items(), colours(colour, len(pasts)), strict=True):
        ax.semilogy(past.times, np.linalg.norm(path(past, member) - centre, axis=1), color=own, label=name)
    ax.set(xlabel=time, ylabel="‖z − z*‖", title="distance to the solution")
    _plain_ticks(ax)
    legend(ax)
    return ax


def _plain_ticks(ax: Axes) -> None:
    """1, 2, 5, 10 instead of powers of ten where a logarithmic axis spans less than two of them."""
    low, high = ax.get_ylim()
    if high < 100 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())


def _value(game: Game, players: Players) -> np.ndarray:
    """f along one member's way, whose points become members."""
    from minmax import field

    return field.value(field.lift(game), players, {}).cpu().numpy()
