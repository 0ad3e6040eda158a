"""What a GAN generates, beside its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minmax import tree
from minmax.lazy import torch
from minmax.metrics.generated import samples as generated
from minmax.plots.plane import Limits
from minmax.plots.style import BLUE, GREY, INK, ORANGE, axes, styled
from minmax.streams import generator
from minmax.types import Players

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from minmax.games.gan import Gan

SEED = 0  # of the latent vectors: the same in every plot, so that plots of successive steps can be compared


@styled
def scatter(game: Gan, players: Players, *, member: int = 0, count: int = 500, ax: Axes | None = None) -> Axes:
    """``count`` generated points over as many real ones, and the modes' centres where the data has some: ℝ².

    Raises:
        ValueError: data that is not planar.
    """
    _needs(game, (2,))
    ax = axes(ax, size=(4.2, 4.2))
    real, fake = game.data.points[:count].numpy(), _fakes(game, players, member, count)
    ax.plot(*real.T, ".", color=GREY, markersize=3, alpha=0.5, label="data")
    ax.plot(*fake.T, ".", color=BLUE, markersize=3.5, alpha=0.7, label="generated")
    if "centres" in game.data.facts:
        ax.plot(*game.data.facts["centres"].numpy().T, "o", color=ORANGE, markersize=7, alpha=0.9, label="modes")
    limits = game.data.low, game.data.high
    ax.set(xlim=limits, ylim=limits, title="generated and real points")
    ax.set_aspect("equal")
    return ax


@styled
def densities(
    game: Gan, players: Players, *, x: Limits, member: int = 0, count: int = 4000, ax: Axes | None = None
) -> Axes:
    """Of a GAN on the line: the data's density, the generator's, and D(x) = σ(logit), the discriminator's answer.

    Densities are kernel estimates from ``count`` points each.

    Raises:
        ValueError: data that is not on the line.
    """
    from scipy.stats import gaussian_kde

    _needs(game, (1,))
    ax = axes(ax, size=(5.0, 3.6))
    at = np.linspace(*x, 301)
    real, fake = game.data.points[:count, 0].numpy(), _fakes(game, players, member, count)[:, 0]
    ax.plot(at, gaussian_kde(real)(at), color=INK, linestyle=":", linewidth=2, label="data")
    ax.plot(at, gaussian_kde(fake)(at), color=BLUE, label="generator")
    ax.plot(at, _answers(game, players, member, at), color=ORANGE, linestyle="--", label="discriminator D")
    ax.set(xlabel="x", ylabel="density;  D", xlim=x, ylim=(0, None), title="data, generator, discriminator")
    return ax


@styled
def pictures(
    game: Gan, players: Players, *, member: int = 0, rows: int = 4, columns: int = 8, ax: Axes | None = None
) -> Axes:
    """``rows`` × ``columns`` generated pictures, ``[h, w]`` each.

    Raises:
        ValueError: data that is no grey pictures.
    """
    if len(game.data.shape) != 2:
        raise ValueError(f"data: points of shape {game.data.shape} given; grey pictures [h, w] are drawn here")
    ax = axes(ax, size=(0.5 * columns, 0.5 * rows))
    tiles = _fakes(game, players, member, rows * columns)
    height, width = game.data.shape
    framed = np.pad(tiles, ((0, 0), (0, 1), (0, 1)), constant_values=game.data.high)
    sheet = framed.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    ax.imshow(sheet.reshape(rows * (height + 1), -1), cmap="gray", vmin=game.data.low, vmax=game.data.high)
    ax.set_axis_off()
    return ax


def _fakes(game: Gan, players: Players, member: int, count: int) -> NDArray[np.float32]:
    own = tree.map(lambda x: x[member : member + 1], players)
    return generated(game, own, generator(SEED, "plot"), count)[0].cpu().numpy()


def _answers(game: Gan, players: Players, member: int, at: NDArray[np.float64]) -> NDArray[np.float32]:
    own = tree.map(lambda x: x[member : member + 1], players)
    line = torch.as_tensor(at, dtype=tree.leaves(own)[0].dtype).view(1, -1, 1)
    return torch.sigmoid(game.judge(own, line))[0].cpu().numpy()


def _needs(game: Gan, shape: tuple[int, ...]) -> None:
    if game.data.shape != shape:
        raise ValueError(f"data: points of shape {game.data.shape} given; {shape} is drawn here")
