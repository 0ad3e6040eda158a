"""The field of a small denoising autoencoder: one player, and no function that it is the gradient of."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

POINTS, COPIES = 200, 20  # of the curve, and noisy copies of each
RIDGE = 1e-4
BOUND = 2.0


def autoencoder_field(hidden: int = 64, noise: float = 0.2, seed: int = 0) -> Game:
    """A point z in the plane moves along v(z) = r(z) − z, r a denoising autoencoder of a spiral: F(z) = z − r(z).

    r(z) = W·tanh(Bz + c) + d maps x + ε back to x, for x on the spiral and ε ~ N(0, ``noise``²·I): B and c are drawn,
    W and d minimise E‖r(x + ε) − x‖² + 10⁻⁴·‖(W, d)‖² in closed form, in milliseconds and once a process. The best
    denoiser has r(z) − z = noise²·∇log p(z), a gradient; a fitted one has a Jacobian that is not symmetric, so its
    field is not conservative. It rests at points of no closed form, near the spiral: no solution is declared. The one
    player, ``point`` [2], starts uniform in [−2, 2]².
    Alain, Bengio 2014, arXiv 1211.4246.

    Raises:
        ValueError: fewer than one hidden unit, or noise that is not positive.
    """
    if hidden < 1:
        raise ValueError(f"hidden: {hidden} given; at least 1 is allowed")
    if not noise > 0:
        raise ValueError(f"noise: {noise} given; a positive number is allowed")
    reconstruct = autoencoder(hidden, noise, seed)

    def init(generator: Generator) -> Players:
        return {"point": BOUND * (2 * torch.rand(2, generator=generator) - 1)}

    def field(players: Players, batch: Batch) -> Players:
        return {"point": players["point"] - reconstruct(players["point"])}

    return Game(init, field=field, native=True)


@cache
def autoencoder(hidden: int, noise: float, seed: int) -> Callable[[Tensor], Tensor]:
    """The fitted r: ``[..., 2] -> [..., 2]``, of the dtype and on the device of its input."""
    own = torch.Generator().manual_seed(seed)
    into = 2 * torch.randn(2, hidden, generator=own, dtype=torch.float64)
    offset = 4 * (2 * torch.rand(hidden, generator=own, dtype=torch.float64) - 1)

    def code(z: Tensor) -> Tensor:
        units = (z @ into.to(z) + offset.to(z)).tanh()
        return torch.cat([units, torch.ones_like(z[..., :1])], dim=-1)

    clean = spiral(POINTS).repeat(COPIES, 1)
    codes = code(clean + noise * torch.randn(clean.shape, generator=own, dtype=torch.float64))
    gram = codes.T @ codes + RIDGE * len(codes) * torch.eye(hidden + 1, dtype=torch.float64)
    out = torch.linalg.solve(gram, codes.T @ clean)
    return lambda z: code(z) @ out.to(z)


def spiral(count: int) -> Tensor:
    """Points ``[count, 2]`` of (t·cos t, t·sin t)·2/3π, π/2 ≤ t ≤ 3π, float64: a radius from ⅓ to 2."""
    t = torch.linspace(math.pi / 2, 3 * math.pi, count, dtype=torch.float64)
    return torch.stack([t * t.cos(), t * t.sin()], dim=1) * (2 / (3 * math.pi))
