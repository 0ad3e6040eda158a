"""The proximal point method: implicit steps, by fixed-point iteration."""

from __future__ import annotations

from minmax import transforms, tree
from minmax.field import field
from minmax.lazy import torch
from minmax.optimizers.play import direct, hypers_of, move, start
from minmax.types import Batch, Game, Hypers, Info, Optimizer, Players, State, Tree


def proximal(transform: str = "sgd", iterations: int = 10, tolerance: float = 1e-4) -> Optimizer:
    """A step with the gradient found where it leads: z⁺ = z − h·d(F(z⁺)).

    Solved by u ← P(z − h·d(F(u))) from u = z on one minibatch, until ‖change of u‖ ≤ ``tolerance``·‖u − z‖ or
    ``iterations`` are made; the transform's state advances once. That contracts if h times the Lipschitz constant of
    d∘F is below 1: beyond, all iterations are made, and the step is what they lead to (``info["residual"]``, the last
    change relative to ‖u − z‖, says so).
    On f = s·xy: λ = 1/(1 ± iσ), σ = hs, modulus 1/√(1 + σ²); found this way iff σ < 1.
    Rockafellar 1976. One iteration is ``gda``, two are ``extragradient`` on one minibatch.
    Cost: 1 field an iteration; ``iterations`` at most, ``info["cost"]`` says how many.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> implicit = minmax.optimizers.get("proximal", iterations=50, tolerance=1e-6)
    >>> near, far = minmax.train(game, implicit, {"lr": 0.5}, steps=20, report_every=10, metrics=["distance"])
    >>> f"{(far.metrics['distance'] / near.metrics['distance']).item():.4f}"  # 1.25⁻⁵
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
        return start(rule, players)

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        ahead, after = players, state
        evaluations = torch.zeros_like(hypers["lr"])
        residual, going = torch.ones_like(evaluations), evaluations == 0
        for _ in range(iterations):
            direction, later = direct(rule, field(game, ahead, batches[0]), state, hypers)
            moved = move(game, players, direction, hypers)
            change, length = _distance(moved, ahead), _distance(moved, players)
            residual = torch.where(going, torch.where(length > 0, change / length, 0.0).double(), residual)
            ahead, after = tree.where(going, moved, ahead), tree.where(going, later, after)
            evaluations = evaluations + going
            going = going & ~(residual <= tolerance)  # also where it overflowed to NaN
            if not going.any():  # the masks would keep everything as it is
                break
        return ahead, after, {"cost": evaluations, "residual": residual}

    return Optimizer("proximal", init, step, batches=1, cost=float(iterations), hypers=hypers_of(rule))


def _distance(one: Players, other: Players) -> torch.Tensor:
    """Of the parameters, ``[M]``."""
    return tree.norm(tree.add(tree.parameters(one), tree.parameters(other), -1.0))
