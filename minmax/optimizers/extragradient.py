"""Extragradient, Extra-Adam."""

from __future__ import annotations

from minmax import transforms
from minmax.field import field
from minmax.optimizers.play import direct, hypers_of, move, play, start
from minmax.types import Batch, Game, Hypers, Info, Optimizer, Players, State, Tree


def extragradient(transform: str = "sgd", fresh_batch: bool = True) -> Optimizer:
    """Look ahead, then step from where one stood with the gradient found there.

    z½ ← z − h·d(F(z)); z ← z − h·d(F(z½)), both players at once. The transform's state advances in both half-steps
    (with ``adam``: Extra-Adam, algorithm 4). ``fresh_batch``: the second half-step sees a minibatch of its own.
    On f = s·xy: λ = 1 − σ² + iσ, σ = hs; converges iff σ < 1.
    Korpelevich 1976; Gidel et al. 2019, arXiv 1802.10551.
    Cost: 2 fields.
    """
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        return start(rule, players)

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        ahead, state = play(game, rule, players, field(game, players, batches[0]), state, hypers)
        direction, state = direct(rule, field(game, ahead, batches[-1]), state, hypers)
        return move(game, players, direction, hypers), state, {}

    batches = 2 if fresh_batch else 1
    return Optimizer("extragradient", init, step, batches=batches, cost=2.0, hypers=hypers_of(rule))
