"""Optimistic mirror descent, Optimistic Adam."""

from __future__ import annotations

from minmax import transforms, tree
from minmax.field import field, partial
from minmax.lazy import torch
from minmax.optimizers.play import direct, hypers_of, move, start
from minmax.types import TWO_PLAYERS, Batch, Game, Hypers, Info, Optimizer, Players, Range, State, Transform, Tree

HYPERS = {
    "alpha": Range(0.5, 2.0, log=True, default=1.0, searched=False, ge=0),
    "beta": Range(0.5, 2.0, log=True, default=1.0, searched=False, ge=0),
}


def optimistic(transform: str = "sgd", alternating: bool = False) -> Optimizer:
    """Each player answers where the other is heading: z ← z − h·((α + β)·d_t − β·d_{t−1}), d the transform's direction
    of F. With α = β = 1, the default, that is 2d_t − d_{t−1}; with ``adam``, Optimistic Adam.

    At the first step the previous direction is the current one, so it is a plain step of αh. ``alternating``: the
    second player sees the first's new parameters; each remembers its own previous direction.
    On f = s·xy, σ = hs: λ² − (1 + i(α + β)σ)λ + iβσ = 0, which for α = β = 1 converges iff σ < 1/√3. Alternating,
    λ(λ − 1)² + σ²(2λ − 1)² = 0: iff σ < 2/3.
    Daskalakis et al. 2018, arXiv 1711.00141; α and β: Mokhtari, Ozdaglar, Pattathil 2020, arXiv 1901.08511. (Their
    released code subtracts a direction two steps old; another aliases the gradient, which is plain GDA. Directions
    here are values, never references.)
    Cost: 1 field; alternating 1.2, that of ``alternating_gda``.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> near, far = minmax.train(game, minmax.optimizers.get("optimistic"), {"lr": 0.1}, steps=40, report_every=20,
    ...                          metrics=["distance"])
    >>> f"{(far.metrics['distance'] / near.metrics['distance']).item():.4f}"  # ((1 + √0.96)/2)¹⁰
    '0.9035'
    """
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        params = tree.parameters(players)
        return {
            "transform": start(rule, players),
            "previous": tree.zeros_like(params),
            "has_previous": tree.counter(params),
        }

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        if alternating:
            for name in players:
                gradient = partial(game, players, batches[0], name)
                players, state = _turn(game, rule, players, gradient, state, hypers)
        else:
            players, state = _turn(game, rule, players, field(game, players, batches[0]), state, hypers)
        return players, {**state, "has_previous": torch.ones_like(state["has_previous"])}, {}

    cost, needs = (1.2, frozenset({TWO_PLAYERS})) if alternating else (1.0, frozenset[str]())
    return Optimizer("optimistic", init, step, batches=1, cost=cost, hypers=hypers_of(rule, HYPERS), needs=needs)


def _turn(
    game: Game, rule: Transform, players: Players, gradient: Players, state: State, hypers: Hypers
) -> tuple[Players, State]:
    """The players that ``gradient`` names move, and their directions become the previous ones."""
    current, inner = direct(rule, gradient, state["transform"], hypers)
    change = {name: tree.add(own, state["previous"][name], -1.0) for name, own in current.items()}
    direction = tree.add(tree.scale(hypers["alpha"], current), change, hypers["beta"] * state["has_previous"])
    after = {**state, "transform": inner, "previous": {**state["previous"], **current}}
    return move(game, players, direction, hypers), after
