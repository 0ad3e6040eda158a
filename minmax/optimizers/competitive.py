"""Competitive gradient descent, and its adaptive form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import transforms, tree
from minmax.field import interact
from minmax.lazy import torch
from minmax.optimizers.cgls import cgls
from minmax.optimizers.play import hypers_of, play, rate, start
from minmax.types import TWO_PLAYERS, Batch, Game, Hypers, Info, Optimizer, Players, Range, State, Tree

if TYPE_CHECKING:
    from torch import Tensor

SETUP, ITERATION = 3.4, 2.4  # fields: F, Kᵀu and the graph for Ku; one of each an iteration

ADAPTIVE = {
    "squares_decay": Range(0.9, 0.999, default=0.99, searched=False, ge=0, lt=1),
    "squares_eps": Range(1e-8, 1e-3, log=True, default=1e-5, searched=False, gt=0),
}


def competitive(
    transform: str = "sgd", adaptive: bool = False, iterations: int = 10, tolerance: float = 1e-6
) -> Optimizer:
    """Both players step to the Nash equilibrium of the game as seen from here: bilinear, with a price on steps.

    Each answers where the other steps, not where it stands: z ← z − R·d with d_x = F_x − J_xy·R_y·d_y and
    d_y = F_y − J_yx·R_x·d_x, J_xy = ∂F_x/∂y, R the players' rates h. The transform is fed R·d/h in place of F.
    On f = s·xy: λ = 1/(1 − iσ), σ = hs, as the proximal point; converges at every h.
    Schäfer & Anandkumar 2019, arXiv 1905.12103.

    ``adaptive`` (ACGD): every coordinate has a rate of its own, R = h·√(1 − βᵗ)/(√v + ε), v ← βv + (1 − β)F², β
    ``squares_decay``, ε ``squares_eps``. That is the preconditioner, so its transform is ``sgd``; another acts on top.
    Schäfer, Zheng, Anandkumar 2020, arXiv 1910.05852. (Their released code starts at the last solution: on GANs that
    saves a tenth of an iteration or two and costs half of one, so here every solve starts at 0.)

    With e = R^½·d the equations are (I + S)e = R^½·F, S = R^½·K·R^½, K = J without its diagonal blocks. They are solved
    by conjugate gradients on the normal equations, which is right for every game; where it is zero-sum S is skew and
    these are the papers' systems, I + S_xy·S_xyᵀ for x and its mirror image for y. A member's solve ends at a relative
    residual of ``tolerance`` or after ``iterations``; ``info["residual"]`` says where it ended.
    Cost: 3.4 fields, and 2.4 an iteration; ``info["cost"]`` says what a member's own solve took.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> near, far = minmax.train(game, minmax.optimizers.get("competitive"), {"lr": 0.5}, steps=20, report_every=10,
    ...                          metrics=["distance"])
    >>> f"{(far.metrics['distance'] / near.metrics['distance']).item():.4f}"  # 1/√1.25¹⁰
    '0.3277'

    Raises:
        ValueError: fewer than one iteration, or a negative tolerance.
    """
    if iterations < 1:
        raise ValueError(f"iterations: {iterations} given; at least 1 is allowed")
    if not tolerance >= 0:
        raise ValueError(f"tolerance: {tolerance} given; at least 0 is allowed")
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        own: State = {"transform": start(rule, players)}
        if adaptive:
            nothing = tree.zeros_like(tree.parameters(players))
            own |= {"squares": nothing, "count": tree.counter(nothing)}
        return own

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        at = interact(game, players, batches[0])
        after = _advanced(state, at.field, hypers) if adaptive else {}
        weights = _weights(after, hypers) if adaptive else tree.map(torch.ones_like, at.field)
        rates = {name: tree.scale(rate(name, players, hypers), own) for name, own in weights.items()}
        roots = tree.map(torch.sqrt, rates)
        solution = cgls(
            lambda u: tree.add(u, _times(roots, at.product(_times(roots, u)))),
            lambda u: tree.add(u, _times(roots, at.transposed(_times(roots, u)))),
            _times(roots, at.field),
            iterations,
            tolerance,
        )
        moves = _times(roots, solution.value)
        direction = {name: tree.scale(1 / rate(name, players, hypers), own) for name, own in moves.items()}
        players, inner = play(game, rule, players, direction, state["transform"], hypers)
        info = {"cost": SETUP + ITERATION * solution.iterations, "residual": solution.residual}
        return players, {**after, "transform": inner}, info

    cost = SETUP + ITERATION * iterations
    hypers, needs = hypers_of(rule, ADAPTIVE if adaptive else None), frozenset({TWO_PLAYERS})
    return Optimizer("competitive", init, step, batches=1, cost=cost, hypers=hypers, needs=needs)


def _advanced(state: State, field: Players, hypers: Hypers) -> State:
    """The averages of squares, a step on."""
    decay = hypers["squares_decay"]
    squares = tree.add(tree.scale(decay, state["squares"]), _times(field, field), 1 - decay)
    return {"squares": squares, "count": state["count"] + 1}


def _weights(averages: State, hypers: Hypers) -> Players:
    """√(1 − βᵗ)/(√v + ε), a coordinate's rate over its player's."""
    unbias = (1 - hypers["squares_decay"] ** averages["count"]).sqrt()

    def weight(square: Tensor) -> Tensor:
        return tree.per_member(unbias, square) / (square.sqrt() + tree.per_member(hypers["squares_eps"], square))

    return tree.map(weight, averages["squares"])


def _times(a: Tree, b: Tree) -> Tree:
    return tree.map(lambda x, y: x * y, a, b)
