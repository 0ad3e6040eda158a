"""Noise is data: every seed has generators of its own, and draws are made outside the program, in blocks.

A stream's draws depend on (seed, stream) alone: not on the other members, the optimizer, or where a run was resumed.
So all optimizers see the same minibatches for the same seed, and comparisons between them are paired.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minmax import tree
from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from minmax.types import State, Tree

BLOCK_NUMBERS, BLOCK_STEPS = 2**18, 64  # a member's block: about a megabyte, or this many draws


def generator(seed: int, stream: str, device: str = "cpu") -> Generator:
    """The generator of one seed's stream (``init``, ``batch``, ``noise``, ``metric``)."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))


class Stream:
    """Draws for all members, one at a time from blocks.

    ``draw_block(generator, count)`` gives ``count`` draws of one member along a leading axis; ``cast`` puts a block
    where the players are. ``state`` is each generator as it was when the block began, and how much of it is used.
    Members of one seed share its generator and its draws.
    """

    def __init__(
        self,
        name: str,
        seeds: Sequence[int],
        draw_block: Callable[[Generator, int], Tree],
        cast: Callable[[Tensor], Tensor],
        device: str,
        state: State | None = None,
    ) -> None:
        self._draw_block, self._cast = draw_block, cast
        places = {seed: place for place, seed in enumerate(dict.fromkeys(seeds))}
        self._generators = [generator(seed, name, device) for seed in places]
        shared = len(places) < len(seeds)
        self._members = torch.tensor([places[seed] for seed in seeds], device=device) if shared else None
        probe = draw_block(generator(seeds[0], name, device), 1)
        numbers = sum(leaf.numel() for _, leaf in tree.named_leaves(probe))
        self._length = max(1, min(BLOCK_STEPS, BLOCK_NUMBERS // max(1, numbers)))
        self._empty = not numbers
        self._block: Any = None
        self._used = 0
        if state is not None:
            for own, position in zip(self._generators, state["generators"], strict=True):
                own.set_state(position.clone())  # torch crashes on a view
            self._used = int(state["used"])
        self._began = self._positions()

    def next(self) -> Tree:
        """One draw for each member, ``[M, ...]``."""
        if self._empty:
            return {}
        if self._block is None:  # also where a resumed block is used up: the next begins where it ends
            self._draw()
        if self._used == self._length:
            self._began, self._used = self._positions(), 0
            self._draw()
        self._used += 1
        drawn = tree.map(lambda x: x[self._used - 1], self._block)
        return drawn if self._members is None else tree.map(lambda x: x[self._members], drawn)

    @property
    def state(self) -> State:
        """All that ``Stream(..., state=…)`` needs to go on."""
        return {"generators": self._began, "used": torch.tensor(self._used)}

    def _draw(self) -> None:
        blocks = [self._draw_block(own, self._length) for own in self._generators]
        self._block = tree.map(lambda *xs: self._cast(torch.stack(xs, dim=1)), *blocks)

    def _positions(self) -> Tensor:
        return torch.stack([own.get_state() for own in self._generators])


def one_by_one(draw: Callable[[Generator], Tree]) -> Callable[[Generator, int], Tree]:
    """A ``draw_block`` from a function that makes one draw."""

    def draw_block(own: Generator, count: int) -> Tree:
        draws = [draw(own) for _ in range(count)]
        return tree.stack(draws) if tree.leaves(draws[0]) else {}

    return draw_block
