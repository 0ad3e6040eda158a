"""Whether accept/reject has arrived: the check of a local min-max equilibrium."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from minmax import tree
from minmax.hypers import hypers_over_members
from minmax.lazy import torch
from minmax.metrics.minibatch import for_all
from minmax.streams import one_by_one
from minmax.types import Game, Goal, Metric, Optimizer, Players, Tree

if TYPE_CHECKING:
    from torch import Generator, Tensor

Values = Mapping[str, float | Sequence[float]]


def equilibrium_share(
    game: Game, players: Players, optimizer: Optimizer, hypers: Values, generator: Generator, proposals: int = 100
) -> Tensor:
    """The share ``[M]`` of fresh proposals that would lower h(x, y) = f(x, w), w the second player's answer from y.

    At a local min-max equilibrium it is 0: no proposal, once answered, lowers f by more than δ. ``optimizer`` is an
    ``accept_reject`` by the paper's rule and says what is proposed, how it is answered, and on how many minibatches;
    its luck and patience play no part, and its transform starts anew. All members see the same minibatches and noise.
    ``game`` is lifted, as for a ``Metric``. Cost: ``proposals`` steps.

    Raises:
        ValueError: an optimizer without the paper's rule, fewer than one proposal, or hyperparameters not allowed.
    """
    if proposals < 1:
        raise ValueError(f"proposals: {proposals} given; at least 1 is allowed")
    members, like = tree.members(players), tree.leaves(players)[0]
    values = {name: own.to(like.device) for name, own in hypers_over_members(optimizer, hypers, members).items()}
    draw = game.sample_block or one_by_one(game.sample or (lambda _: {}))

    def without_luck() -> Tree:
        drawn = for_all(optimizer.noise(generator, tree.member(players, 0)), players)
        if "coin" not in drawn:
            raise ValueError(f"optimizer: {optimizer.name} flips no coin; accept_reject by the paper's rule is allowed")
        return {**drawn, "coin": torch.ones(members, dtype=torch.float64, device=like.device)}

    state, lower = optimizer.init(players), torch.zeros(members, dtype=torch.float64, device=like.device)
    for _ in range(proposals):
        block = draw(generator, optimizer.batches)
        batches = tuple(for_all(tree.member(block, at), players) for at in range(optimizer.batches))
        lower = lower + optimizer.step(game, players, state, batches, without_luck(), values)[2]["accepted"]
    return lower / proposals


def equilibrium(optimizer: Optimizer, hypers: Values, proposals: int = 100) -> Metric:
    """``equilibrium_share`` as a metric of the same name; best 0, worst 1."""

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        return {"equilibrium_share": equilibrium_share(game, players, optimizer, hypers, generator, proposals)}

    return Metric(measure, {"equilibrium_share": Goal("minimize", best=0.0, worst=1.0)})
