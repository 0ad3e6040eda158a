"""What the first player proposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from minmax import tree
from minmax.field import partial
from minmax.lazy import torch
from minmax.optimizers.play import move, play
from minmax.types import Batch, Game, Hypers, Players, Range, State, Transform, Tree, no_noise

if TYPE_CHECKING:
    from torch import Generator, Tensor

Propose = Callable[[Game, Transform, Players, Batch, State, Tree, Hypers], tuple[Players, State]]


class Proposal(NamedTuple):
    """``propose(game, transform, players, batch, state, noise, hypers) -> (players, state)``, the first player moved.

    ``noise(generator, players)`` draws what it needs of chance for one member; ``cost`` is in fields.
    """

    hypers: Mapping[str, Range]
    noise: Callable[[Generator, Players], Tree]
    propose: Propose
    cost: float


def gradient(
    game: Game, transform: Transform, players: Players, batch: Batch, state: State, noise: Tree, hypers: Hypers
) -> tuple[Players, State]:
    """x′ = x − h·d(F_x(x, y)) on a minibatch."""
    return play(game, transform, players, partial(game, players, batch, next(iter(players))), state, hypers)


def gaussian(
    game: Game, transform: Transform, players: Players, batch: Batch, state: State, noise: Tree, hypers: Hypers
) -> tuple[Players, State]:
    """x′ = x − scale·ε, ε ~ N(0, 1): the noise is the direction, the scale its rate."""
    return move(game, players, noise["proposal"], {**hypers, "lr": hypers["scale"]}), state


def standard_normal(generator: Generator, players: Players) -> Tree:
    """One number for each of the first player's parameters, as ``"proposal"``."""
    first = next(iter(players))

    def draw(x: Tensor) -> Tensor:
        return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device)

    return {"proposal": {first: tree.map(draw, tree.parameters(players)[first])}}


PROPOSALS = {
    "gradient": Proposal({}, no_noise, gradient, cost=0.5),
    "gaussian": Proposal({"scale": Range(1e-3, 1.0, log=True, gt=0)}, standard_normal, gaussian, cost=0.0),
}
