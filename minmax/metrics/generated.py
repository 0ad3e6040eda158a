"""What metrics of generated samples share: the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.games.gan import Gan
from minmax.lazy import torch
from minmax.types import Game, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor


def samples(game: Game, players: Players, generator: Generator, count: int) -> Tensor:
    """``[M, count, *shape]``, every member from the same latent vectors.

    Raises:
        ValueError: the game generates nothing.
    """
    if not isinstance(game, Gan):
        raise ValueError("this metric looks at generated samples, and this game has no generator; give it a gan")
    first = tree.leaves(players)[0]
    latents = torch.randn(1, count, game.latent, generator=generator, device=generator.device).to(first.dtype)
    return game.generate(players, latents.expand(len(first), -1, -1))
