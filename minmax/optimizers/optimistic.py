"""Optimistic mirror descent, Optimistic Adam."""

from __future__ import annotations

from minmax import transforms, tree
from minmax.field import field
from minmax.lazy import torch
from minmax.optimizers.play import direct, hypers_of, move, start
from minmax.types import Batch, Game, Hypers, Info, Optimizer, Players, State, Tree


def optimistic(transform: str = "sgd") -> Optimizer:
    """Each player answers where the other is heading: z ← z − h·(2 d_t − d_{t−1}), d the transform's direction of F.

    With ``adam`` this is Optimistic Adam. At the first step the previous direction is the current one, so it is a plain
    step of h. On f = s·xy: λ² − (1 + 2iσ)λ + iσ = 0, σ = hs; converges iff σ < 1/√3.
    Daskalakis et al. 2018, arXiv 1711.00141. (Their released code subtracts a direction two steps old; another
    aliases the gradient, which is plain GDA. Directions here are values, never references.)
    Cost: 1 field.
    """
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        params = tree.parameters(players)
        first = tree.leaves(params)[0]
        return {
            "transform": start(rule, players),
            "previous": tree.zeros_like(params),
            "has_previous": torch.zeros(len(first), dtype=torch.float64, device=first.device),
        }

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        current, inner = direct(rule, field(game, players, batches[0]), state["transform"], hypers)
        change = tree.add(current, state["previous"], -1.0)
        direction = tree.add(current, change, state["has_previous"])
        state = {
            "transform": inner,
            "previous": current,
            "has_previous": torch.ones_like(state["has_previous"]),
        }
        return move(game, players, direction, hypers), state, {}

    return Optimizer("optimistic", init, step, batches=1, cost=1.0, hypers=hypers_of(rule))
