"""The loss that one player sees while the other moves: a landscape that does not stand still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minmax import field
from minmax.lazy import torch
from minmax.plots.history import History, labels, path
from minmax.plots.plane import Limits
from minmax.plots.style import SEQUENTIAL, axes, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from minmax.types import Game


@styled
def landscape(
    game: Game,
    past: History,
    *,
    when: Sequence[int],
    x: Limits,
    player: int = 0,
    member: int = 0,
    count: int = 201,
    ax: Axes | None = None,
) -> Axes:
    """One player's own loss over its parameter, at the moments ``when`` (indices into the history); where it stands
    as a dot. Between two curves only the other player has moved the ground.

    Args:
        player: 0 for the first, 1 for the second; each is one number.

    Raises:
        ValueError: a game of more or fewer than two numbers, or a moment that the history has not.
    """
    ax = axes(ax, size=(6.0, 4.0))
    points, names = path(past, member), labels(past.of(member))
    if bad := [moment for moment in when if not 0 <= moment < len(points)]:
        raise ValueError(f"when: {bad[0]} given; 0 to {len(points) - 1} are allowed")
    across = np.linspace(*x, count)
    shades = _shades(len(when))
    for moment, shade in zip(when, shades, strict=True):
        here = points[moment]
        other = f"{names[1 - player]} = {here[1 - player]:.2f}".replace("-", "−")
        ax.plot(across, _loss(game, player, across, here), color=shade, label=f"{past.times[moment]:g}: {other}")
        ax.plot(here[player], _loss(game, player, here[player : player + 1], here)[0], "o", color=shade, markersize=7)
    ax.set(xlabel=names[player], ylabel=f"the loss of {names[player]}", xlim=x)
    ax.set_title(f"the loss that {names[player]} sees, step by step")
    ax.legend(title="step", loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


def _loss(game: Game, player: int, across: NDArray[np.float64], here: NDArray[np.float64]) -> NDArray[np.float64]:
    """The player's loss where it is at ``across`` and the other stays ``here``."""
    points = np.repeat(here[None], len(across), axis=0)
    points[:, player] = across
    players = field.players_at(game, torch.as_tensor(points))
    losses = list(field.losses(field.lift(game), players, {}).values())
    return losses[player].detach().cpu().numpy()


def _shades(count: int) -> list[tuple[float, ...]]:
    from matplotlib import colormaps

    return [tuple(colormaps[SEQUENTIAL](value)) for value in np.linspace(0.0, 0.85, count)]
