"""Extragradient, Extra-Adam."""

from __future__ import annotations

from minmax import transforms, tree
from minmax.field import field
from minmax.optimizers.play import direct, hypers_of, move, start
from minmax.types import Batch, Game, Hypers, Info, Optimizer, Players, Range, State, Tree

HYPERS = {"extrapolation": Range(0.5, 2.0, log=True, default=1.0, searched=False, gt=0)}


def extragradient(transform: str = "sgd", fresh_batch: bool = True) -> Optimizer:
    """Look ahead, then step from where one stood with the gradient found there.

    z½ ← z − ch·d(F(z)); z ← z − h·d(F(z½)), both players at once; c is ``extrapolation``, by default 1. The transform's
    state advances in both half-steps (with ``adam``: Extra-Adam, algorithm 4). ``fresh_batch``: the second half-step
    sees a minibatch of its own.
    On f = s·xy: λ = 1 − cσ² + iσ, σ = hs; converges iff 1 + c²σ² < 2c, for c = 1 iff σ < 1.
    Korpelevich 1976; Gidel et al. 2019, arXiv 1802.10551.
    Cost: 2 fields.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> near, far = minmax.train(game, minmax.optimizers.get("extragradient"), {"lr": 0.1}, steps=20, report_every=10,
    ...                          metrics=["distance"])
    >>> f"{(far.metrics['distance'] / near.metrics['distance']).item():.4f}"  # (1 − 0.01 + 0.0001)⁵
    '0.9515'
    """
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        return start(rule, players)

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        direction, state = direct(rule, field(game, players, batches[0]), state, hypers)
        ahead = move(game, players, tree.scale(hypers["extrapolation"], direction), hypers)
        direction, state = direct(rule, field(game, ahead, batches[-1]), state, hypers)
        return move(game, players, direction, hypers), state, {}

    batches = 2 if fresh_batch else 1
    return Optimizer("extragradient", init, step, batches=batches, cost=2.0, hypers=hypers_of(rule, HYPERS))
