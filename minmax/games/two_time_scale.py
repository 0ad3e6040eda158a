"""The toy of two time scales: one direction a hundred times steeper than the other, and noisy gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.games.zero_sum import Start, around, at
from minmax.lazy import torch
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor


def two_time_scale(noise: float = 1.0, batch: int = 1, start: Start = (0.5, -0.4), spread: float = 0.0) -> Game:
    """f(x, y) = (1 + x²)(100 − y²), gradients with additive normal noise: x minimises, y maximises.

    F = (2x(100 − y²) + ξ_x, 2y(1 + x²) + ξ_y), ξ the mean of ``batch`` draws from N(0, ``noise``²). At the solution
    (0, 0) J = diag(200, 2): a step multiplies x by 1 − 200·hx and y by 1 − 2·hy, so hx = 0.01 is the edge, and hy may
    be a hundred times as large. f itself carries no noise. Players start normal around ``start`` with standard
    deviation ``spread``.
    Heusel et al. 2017, arXiv 1706.08500 (start as in their released toy).

    Raises:
        ValueError: a batch below 1 or a negative noise.
    """
    if batch < 1:
        raise ValueError(f"batch: {batch} given; at least 1 is allowed")
    if noise < 0:
        raise ValueError(f"noise: {noise} given; at least 0 is allowed")
    names = ("x", "y")

    def sample(generator: Generator) -> Batch:
        return {"xi": noise * torch.randn(batch, 2, generator=generator, device=generator.device)}

    def value(players: Players, minibatch: Batch) -> Tensor:
        x, y = players["x"], players["y"]
        return (1 + x * x) * (100 - y * y)

    def x_loss(players: Players, minibatch: Batch) -> Tensor:
        return value(players, minibatch) + minibatch["xi"][..., 0].mean(-1) * players["x"]

    def y_loss(players: Players, minibatch: Batch) -> Tensor:
        return -value(players, minibatch) + minibatch["xi"][..., 1].mean(-1) * players["y"]

    return Game(
        around(names, start, spread),
        {"x": x_loss, "y": y_loss},
        sample=sample,
        value=value,
        solution=at(names, (0.0, 0.0)),
        native=True,
    )
