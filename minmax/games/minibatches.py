"""What a GAN's step consumes: real samples, latent vectors, and all other chance of the game and its networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from minmax import tree
from minmax.lazy import torch
from minmax.streams import one_by_one
from minmax.types import Batch, Tree

if TYPE_CHECKING:
    from torch import Generator, Tensor

Draw = Callable[["Generator", int], Tree]


@dataclass(frozen=True)
class Minibatches:
    """Draws of one member.

    ``real`` [B, *shape] (with instance noise of ``std``, if any) and ``latent`` [B, latent]; where there is need,
    ``jitter`` [B, *shape], the fakes' instance noise; ``share`` [B], each pair's uniform place between its two ends;
    ``noise``, what the networks' ``noise`` draw: for the generator's pass, and for the discriminator's over real and
    over fake samples.
    """

    points: Tensor
    latent: int
    size: int
    std: float = 0.0
    shares: bool = False
    generator_noise: Draw | None = None
    discriminator_noise: Draw | None = None

    def one(self, generator: Generator) -> Batch:
        """One minibatch."""
        return tree.map(lambda x: x[0], self.block(generator, 1))

    def block(self, generator: Generator, count: int) -> Batch:
        """``count`` of them, along a leading axis."""
        points, device = self._on(generator.device), generator.device
        index = torch.randint(len(points), (count, self.size), generator=generator, device=device)
        latents = torch.randn(count, self.size, self.latent, generator=generator, device=device)
        drawn: dict[str, Any] = {"real": points[index], "latent": latents}
        if self.std:
            jitter = self.std * torch.randn(2, *drawn["real"].shape, generator=generator, device=device)
            drawn["real"], drawn["jitter"] = drawn["real"] + jitter[0], jitter[1]
        if self.shares:
            drawn["share"] = torch.rand(count, self.size, generator=generator, device=device)
        noise = self._noise(generator, count)
        return {**drawn, "noise": noise} if noise else drawn

    def _noise(self, generator: Generator, count: int) -> Tree:
        passes = {
            "generator": self.generator_noise,
            "real": self.discriminator_noise,
            "fake": self.discriminator_noise,
        }
        return {
            name: one_by_one(lambda own, draw=draw: draw(own, self.size))(generator, count)  # type: ignore[misc]
            for name, draw in passes.items()
            if draw is not None
        }

    def _on(self, device: Any) -> Tensor:
        if device not in self._copies:
            self._copies[device] = self.points.to(device)
        return self._copies[device]

    @cached_property
    def _copies(self) -> dict[Any, Tensor]:
        return {}  # one copy on each device that trains
