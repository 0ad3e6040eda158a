"""Extrapolation from the past: extragradient at the price of one field."""

from __future__ import annotations

from minmax import transforms, tree
from minmax.field import field
from minmax.optimizers.play import direct, hypers_of, move, start
from minmax.types import Batch, Game, Hypers, Info, Optimizer, Players, State, Tree


def past_extragradient(transform: str = "sgd") -> Optimizer:
    """Looks ahead with the direction found there last time: z½_t ← z_t − h·d_{t−1}, d_t = d(F(z½_t)),
    z_{t+1} ← z_t − h·d_t, both points feasible.

    The transform's state advances once a step. Before the first step there is no direction, so it is a plain one.
    On f = s·xy: λ² − (1 + 2iσ)λ + iσ = 0, σ = hs, as for ``optimistic``, whose steps those between half points are
    (where no feasible set binds); converges iff σ < 1/√3.
    Popov 1980; Gidel et al. 2019, arXiv 1802.10551.
    Cost: 1 field.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> near, far = minmax.train(game, minmax.optimizers.get("past_extragradient"), {"lr": 0.1}, steps=40,
    ...                          report_every=20, metrics=["distance"])
    >>> f"{(far.metrics['distance'] / near.metrics['distance']).item():.4f}"  # ((1 + √0.96)/2)¹⁰
    '0.9035'
    """
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        return {"transform": start(rule, players), "previous": tree.zeros_like(tree.parameters(players))}

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        ahead = move(game, players, state["previous"], hypers)
        current, inner = direct(rule, field(game, ahead, batches[0]), state["transform"], hypers)
        return move(game, players, current, hypers), {"transform": inner, "previous": current}, {}

    return Optimizer("past_extragradient", init, step, batches=1, cost=1.0, hypers=hypers_of(rule))
