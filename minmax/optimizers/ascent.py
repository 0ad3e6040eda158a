"""The second player's answer: some steps of its own, or as many as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from minmax import tree
from minmax.field import partial
from minmax.lazy import torch
from minmax.optimizers.play import direct, move, rate
from minmax.types import Batch, Game, Hypers, Players, Range, State, Transform

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = {"tolerance": Range(1e-4, 1e-1, log=True, default=1e-3, searched=False, ge=0)}


class Ascent(NamedTuple):
    """The players and the transform's state after the answer; how many ``steps`` each member took and how many
    ``gradients`` it paid for, ``[M]`` float64 (one more than steps where the last one only said: good enough)."""

    players: Players
    state: State
    steps: Tensor
    gradients: Tensor


def ascend(
    game: Game,
    transform: Transform,
    players: Players,
    batches: Sequence[Batch],
    state: State,
    hypers: Hypers,
    cap: int,
    tolerance: Tensor | None = None,
) -> Ascent:
    """``cap`` steps of the second player against its own loss, y ← P(y − h·d(F_y(x, y))), the first standing still.

    With a ``tolerance`` ``[M]`` a member stops before the step at which ``stationarity`` ≤ tolerance; its state stops
    with it, so a member alone ends where it ends among others. Step k sees ``batches[k mod len(batches)]``: a
    tolerance means most on a single one.
    """
    second = list(players)[1]
    steps = gradients = torch.zeros_like(hypers["lr"])
    going = steps == 0
    for index in range(cap):
        gradient = partial(game, players, batches[index % len(batches)], second)
        gradients = gradients + going
        if tolerance is not None:
            going = going & (stationarity(game, players, gradient, hypers) > tolerance)
            if not going.any():  # the masks would keep everything as it is
                break
        direction, later = direct(transform, gradient, state, hypers)
        moved = move(game, players, direction, hypers)
        players, state = (moved, later) if tolerance is None else _where(going, (moved, later), (players, state))
        steps = steps + going
    return Ascent(players, state, steps, gradients)


def stationarity(game: Game, players: Players, gradient: Players, hypers: Hypers) -> Tensor:
    """‖G‖ ``[M]`` of the player that ``gradient`` names, G = (z − P(z − h·F))/h with P the projection onto the feasible
    set: the gradient itself where the set does not bind, and 0 where its edge alone holds the player back."""
    if game.project is None:
        return tree.norm(gradient)
    (name,) = gradient
    after = tree.parameters(move(game, players, gradient, hypers))[name]
    return tree.norm(tree.add(tree.parameters(players)[name], after, -1.0)) / rate(name, players, hypers)


def _where(mask: Tensor, new: tuple[Players, State], old: tuple[Players, State]) -> tuple[Players, State]:
    return tree.where(mask, new[0], old[0]), tree.where(mask, new[1], old[1])
