"""What every optimizer does: turn gradients into directions and move the players against them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from minmax import tree
from minmax.types import Game, Hypers, Players, Range, State, Transform

if TYPE_CHECKING:
    from torch import Tensor

LEARNING = {
    "lr": Range(1e-4, 1e-2, log=True, gt=0),
    "lr_ratio": Range(0.1, 10.0, log=True, default=1.0, gt=0),
}


def hypers_of(transform: Transform, own: Mapping[str, Range] | None = None) -> dict[str, Range]:
    """All that one can set: the learning rates, the method's own constants, the transform's."""
    return {**LEARNING, **(own or {}), **transform.hypers}


def start(transform: Transform, players: Players) -> State:
    """The transform's state, one a player."""
    return {name: transform.init(player) for name, player in tree.parameters(players).items()}


def direct(transform: Transform, gradient: Players, state: State, hypers: Hypers) -> tuple[Players, State]:
    """Directions of the players that ``gradient`` names; the others' state stays as it is."""
    direction, state = {}, dict(state)
    for name, own in gradient.items():
        direction[name], state[name] = transform.update(own, state[name], hypers)
    return direction, state


def rate(name: str, players: Players, hypers: Hypers) -> Tensor:
    """A player's learning rate ``[M]``: ``lr`` for the first, ``lr·lr_ratio`` for the second."""
    return hypers["lr"] if name == next(iter(players)) else hypers["lr"] * hypers["lr_ratio"]


def move(game: Game, players: Players, direction: Players, hypers: Hypers) -> Players:
    """z ← P(z − lr·direction) for the players that ``direction`` names, P the projection onto the feasible set."""
    params = tree.parameters(players)
    moved = {name: tree.add(params[name], own, -rate(name, players, hypers)) for name, own in direction.items()}
    whole = tree.with_buffers_of({**params, **moved}, players)
    return whole if game.project is None else game.project(whole)


def play(
    game: Game, transform: Transform, players: Players, gradient: Players, state: State, hypers: Hypers
) -> tuple[Players, State]:
    """One plain step: directions, then the move."""
    direction, state = direct(transform, gradient, state, hypers)
    return move(game, players, direction, hypers), state
