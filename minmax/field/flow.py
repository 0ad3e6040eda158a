"""The continuous-time flow of a game: the limit of simultaneous steps that are infinitely small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.field.derivatives import field
from minmax.field.lifting import lift

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import Batch, Game, Players


def flow(
    game: Game, players: Players, times: Tensor, batch: Batch | None = None, rtol: float = 1e-9, atol: float = 1e-12
) -> Players:
    """ż = −F(z) from ``players`` ``[M, ...]`` at ``times[0]``: the players at every time, ``[T, M, ...]``.

    ``times`` ``[T]`` rise or fall. By the method of Dormand and Prince (``torchdiffeq``), each of whose steps keeps the
    error below atol + rtol·|z| for the worst member: alone, a member agrees with itself among others to that tolerance,
    not to the bit. Players should be float64. No feasible set is regarded. The combined field flows as
    ``flow(relaxed(game, gamma), …)``. Cost: 6 fields a step.

    Raises:
        AssertionError: ``underflow in dt``, by ``torchdiffeq``: the players run to infinity, or float32 cannot resolve
            the tolerance.
    """
    from torchdiffeq import odeint

    native, begun = lift(game), tree.parameters(players)

    def velocity(time: Tensor, points: Tensor) -> Tensor:
        here = tree.with_buffers_of(tree.unflat(points, begun), players)
        return -tree.flat(field(native, here, {} if batch is None else batch))

    norm = {"norm": _of_the_worst}
    path = odeint(velocity, tree.flat(begun), times, rtol=rtol, atol=atol, method="dopri5", options=norm)
    moved = tree.stack([tree.unflat(points, begun) for points in path])
    return tree.with_buffers_of(moved, tree.map(lambda x: x.expand(len(times), *x.shape), players))


def _of_the_worst(errors: Tensor) -> Tensor:
    """The largest root mean square of a member, so that none hides behind the others."""
    return errors.square().mean(-1).sqrt().max()
