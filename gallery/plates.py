"""What a figure of the gallery is, where it comes from, and how games are played for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch

import minmax
from minmax import plots, tree
from minmax.streams import generator
from minmax.types import Game, Players

UNSTABLE = "*Gradient Descent Unstable For GANs?*, Make Your Own Neural Network, 5 March 2020"
BROKEN = "F. Huszár 2017, *GANs are Broken in More than One Way: The Numerics of GANs*"
NUMERICS = f"{BROKEN}, on Mescheder, Nowozin, Geiger 2017 (arXiv 1705.10461)"
FIXED = "F. Huszár 2017, *GANs are Being Fixed in More than One Way*"
PRACTICE = "*Training GANs: From Theory to Practice*, on Keswani, Mangoubi, Sachdeva, Vishnoi 2022 (arXiv 2006.12376)"
CHALLENGES = "*Deep Learning: Challenges for GAN Optimization*, lecture slides"


Drawn = tuple[Any, str]
"""A figure of matplotlib's, and its caption."""


class Plate(NamedTuple):
    """A figure: ``draw() -> (figure, caption)`` makes it, and says what it shows in numbers it has computed.

    ``source`` names the statement it illustrates; ``code`` is a line of Python that draws its heart.
    """

    name: str
    title: str
    source: str
    code: str
    draw: Callable[[], Drawn]


def play(
    game: Game,
    optimizer: str = "gda",
    *,
    start: Sequence[float] | Sequence[Sequence[float]] | None = None,
    steps: int,
    every: int = 1,
    options: dict[str, Any] | None = None,
    **hypers: float,
) -> plots.History:
    """The history in float64 from the flat players ``start``: one member's, or a sequence of them, a member each."""
    starts = [] if start is None else [start] if isinstance(start[0], (int, float)) else list(start)
    built, seeds = minmax.optimizers.get(optimizer, **(options or {})), range(max(1, len(starts)))
    begun = _starting(game, starts) if starts else game
    return plots.history(minmax.train(begun, built, hypers, seeds, steps, every, dtype="float64", device="cpu"))


def _starting(game: Game, starts: Sequence[Any]) -> Game:
    """The game whose k-th member starts at ``starts[k]``."""
    own = {generator(seed, "init").initial_seed(): at(game, point) for seed, point in enumerate(starts)}
    return replace(game, init=lambda drawn: own.get(drawn.initial_seed(), own[next(iter(own))]))


def at(game: Game, point: Sequence[float]) -> Players:
    """One member's players, their numbers those of ``point`` in order."""
    template = tree.map(lambda x: x.unsqueeze(0), game.init(torch.Generator().manual_seed(0)))
    return tree.member(tree.unflat(torch.tensor([point], dtype=torch.float64), template), 0)


def radius(past: plots.History) -> torch.Tensor:
    """‖z‖ over time, ``[T]``."""
    return tree.flat(past.of(0)).norm(dim=1)
