"""Pictures of a claim: the success rate as training goes on, and strips of what typical members generate."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.colors import TABLEAU_COLORS
from matplotlib.figure import Figure

from minmax.lazy import torch
from minmax.metrics.generated import as_gan
from sweeps.claims.claim import Claim, Curves
from sweeps.claims.results import Results
from sweeps.judge.stats import mean, median, wilson
from sweeps.run.trial import build_game

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from minmax.types import Data

SUCCESS = "success"


def draw(claim: Claim, results: Results, folder: Path) -> list[Path]:
    """The pictures of a claim that has films, written below ``folder``; none for another claim."""
    if not claim.films:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_curves(claim, results, folder / f"{claim.name}.png")]
    for name in claim.films:
        seed = typical(results.curves(claim, name), claim.looks)
        frames = results.film(claim, name, seed)
        if frames:
            drawn.append(_strip(claim, name, seed, frames, folder / f"{claim.name}-{name}.png"))
    return drawn


def typical(curves: Curves, looks: str) -> int:
    """The seed whose mean over time of the metric is the median one."""
    means = [mean(column) for column in zip(*curves.values[looks], strict=True)]
    middle = median(means)
    return min(zip(means, curves.seeds, strict=True), key=lambda pair: abs(pair[0] - middle))[1]


def _curves(claim: Claim, results: Results, path: Path) -> Path:
    from minmax.plots.style import STYLE

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.6))
        by_step, by_cost = figure.subplots(1, 2, sharey=True)
        for name, colour in zip(claim.cells, TABLEAU_COLORS.values(), strict=False):
            own = results.curves(claim, name)
            rows = own.values[SUCCESS]
            bands = zip(*(wilson(int(sum(row)), len(row)) for row in rows), strict=True)
            low, high = (list(ends) for ends in bands)
            for ax, at in ((by_step, own.steps), (by_cost, own.cost)):
                ax.plot(at, [mean(row) for row in rows], color=colour, label=f"{name}, {len(own.seeds)} seeds")
                ax.fill_between(at, low, high, alpha=0.08, color=colour, linewidth=0)
        by_step.set(xlabel="iteration", ylabel="seeds that succeed", ylim=(-0.02, 1.02))
        by_cost.set(xlabel="cost in field units")
        by_cost.legend(fontsize=7)
        figure.savefig(path)
    return path


def _strip(claim: Claim, name: str, seed: int, frames: dict[int, Tensor], path: Path) -> Path:
    """Samples of one member, step after step: points over the data, or pictures side by side."""
    from minmax.plots.style import STYLE

    data = as_gan(build_game(claim.cells[name].setting["game"])).data
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.6 * len(frames), 1.95))
        for ax, (step, made) in zip(figure.subplots(1, len(frames), squeeze=False)[0], frames.items(), strict=True):
            (_points if made.dim() == 2 else _pictures)(ax, made.float(), data)
            ax.set(xticks=[], yticks=[], title=f"{step}")
        figure.suptitle(f"{name}, seed {seed}: iteration", fontsize=9)
        figure.savefig(path)
    return path


def _points(ax: Axes, made: Tensor, data: Data) -> None:
    ax.plot(*data.facts["centres"].T, "o", color="#D55E00", markersize=6, alpha=0.6)
    ax.plot(*made.T, ".", color="#0072B2", markersize=2.5, alpha=0.6)
    ax.set(xlim=(data.low, data.high), ylim=(data.low, data.high), aspect="equal")


def _pictures(ax: Axes, made: Tensor, data: Data) -> None:
    side = math.isqrt(len(made))
    sheet = torch.cat([torch.cat(list(row), dim=1) for row in made[: side * side].split(side)])
    ax.imshow(sheet, cmap="gray", vmin=data.low, vmax=data.high)
    ax.grid(False)
