"""Simultaneous gradient descent-ascent."""

from __future__ import annotations

from minmax import transforms
from minmax.field import field
from minmax.optimizers.play import hypers_of, play, start
from minmax.types import Batch, Game, Hypers, Info, Optimizer, Players, State, Tree


def gda(transform: str = "sgd") -> Optimizer:
    """Both players step at once against their own gradients: z ← z − h·F(z).

    On f = s·xy a step multiplies the radius by √(1 + h²s²): it never converges there.
    With two learning rates (``lr_ratio``) it is TTUR, Heusel et al. 2017, arXiv 1706.08500.
    Cost: 1 field.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> near, far = minmax.train(game, minmax.optimizers.get("gda"), {"lr": 0.1}, steps=20, report_every=10,
    ...                          metrics=["distance"])
    >>> f"{(far.metrics['distance'] / near.metrics['distance']).item():.4f}"  # √1.01¹⁰
    '1.0510'
    """
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        return start(rule, players)

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        players, state = play(game, rule, players, field(game, players, batches[0]), state, hypers)
        return players, state, {}

    return Optimizer("gda", init, step, batches=1, cost=1.0, hypers=hypers_of(rule))
