"""Unrolled GANs: the first player looks through the second's next steps."""

from __future__ import annotations

from minmax import transforms, tree
from minmax.field import differentiable, differentiate
from minmax.lazy import torch
from minmax.optimizers.play import direct, hypers_of, move, start
from minmax.types import LOSSES, TWO_PLAYERS, Batch, Game, Hypers, Info, Optimizer, Players, Range, State, Tree

HYPERS = {"unroll_ratio": Range(0.1, 10.0, log=True, default=1.0, searched=False, gt=0)}


def unrolled(transform: str = "sgd", unroll_steps: int = 5, differentiated: bool = True) -> Optimizer:
    """The first player descends ∇ₓ loss₁(x, y_k(x)), y_k(x) the second player after k = ``unroll_steps`` steps.

    The steps are those of the second's own transform, from its present state, with rate u = ``unroll_ratio`` times its
    learning rate, all on the step's one minibatch. The gradient passes through them and through the transform's state
    (Adam's moments). The second player itself then takes one ordinary step from y, at once with the first.
    ``differentiated=False`` leaves out how y_k depends on x, as many re-implementations do: an ablation.
    On f = s·xy a step is [[1 − 2kuhs², −σ], [σ, 1]], σ = hs, of determinant 1 − 2kuhs² + σ²; converges iff σ² < 2kuhs²
    and 4kuhs² < 4 + σ². (Not differentiated: kuhs² in place of 2kuhs²; k = 1, u = h then turns on a circle for ever.)
    Metz et al. 2017, arXiv 1611.02163.
    Cost: 0.25 and 2.08 for each unrolled step; not differentiated, 0.5 and 0.7. Memory grows with k.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> optimizer = minmax.optimizers.get("unrolled", unroll_steps=1)
    >>> near, far = minmax.train(game, optimizer, {"lr": 0.5}, steps=12, report_every=6, metrics=["distance"])
    >>> f"{(far.metrics['distance'] / near.metrics['distance']).item():.4f}"  # √(1 − 0.5²)⁶, half a turn
    '0.4219'

    Raises:
        ValueError: fewer than one unrolled step.
    """
    if unroll_steps < 1:
        raise ValueError(f"unroll_steps: {unroll_steps} given; at least 1 is allowed")
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        return start(rule, players)

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        first, second = players
        (batch,) = batches
        leaves, ahead = differentiable(players)
        pace = {**hypers, "lr_ratio": hypers["lr_ratio"] * hypers["unroll_ratio"]}
        inner, answers = state, []
        with torch.enable_grad():
            for _ in range(unroll_steps):
                own = tree.parameters(ahead)[second]
                gradient = {second: differentiate(game, ahead, batch, second, own, create_graph=differentiated)}
                direction, inner = direct(rule, gradient, inner, hypers)
                answers.append((direction, inner))
                ahead = {**ahead, second: move(game, ahead, direction, pace)[second]}
        answer, state = (tree.detach(part) for part in answers[0])
        proposal, state = direct(rule, {first: differentiate(game, ahead, batch, first, leaves[first])}, state, hypers)
        return move(game, players, {**proposal, **answer}, hypers), state, {}

    cost = 0.25 + 2.08 * unroll_steps if differentiated else 0.5 + 0.7 * unroll_steps
    hypers, needs = hypers_of(rule, HYPERS), frozenset({TWO_PLAYERS, LOSSES})
    return Optimizer("unrolled", init, step, batches=1, cost=cost, hypers=hypers, needs=needs)
