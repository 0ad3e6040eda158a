"""Mixtures of narrow Gaussians in the plane."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.registry import check_known
from minmax.types import Data

if TYPE_CHECKING:
    from torch import Tensor

Modes = tuple["Tensor", "Tensor"]  # centres [k, 2], weights [k]


def gaussians(
    layout: str = "ring",
    modes: int | None = None,
    scale: float = 1.0,
    std: float | None = None,
    count: int = 50_000,
    seed: int = 0,
) -> Data:
    """``count`` points of a mixture in ℝ².

    ``std`` is σ along each axis, by default the layout's own (0.02, if no other is named).

    Layouts: ``ring``, ``modes`` (8) evenly on a circle of radius ``scale``; ``grid``, the square number ``modes`` (25)
    on [−scale, scale]²; ``four``, the accept/reject paper's mixture: the notebook's five angles from 0 to 2π hold the
    first twice, so that (0, 1) has weight 2/5 and (±1, 0), (0, −1) have 1/5 each (Keswani et al. 2022; σ = 0.01);
    ``balanced_four``, the same with 1/4 each; ``pair``, (1/√2, 1/√2) and (1, 0) (Schäfer & Anandkumar 2019's code;
    σ = 0.1).

    A mode's neighbourhood for success is max(3σ, 0.1·scale): the metric ``modes`` says more.

    Raises:
        ValueError: an unknown layout, a mode count that does not fit it, or a size that is not positive.
    """
    check_known("layout", layout, LAYOUTS)
    for name, size in {"modes": modes, "scale": scale, "std": std, "count": count}.items():
        if size is not None and not size > 0:
            raise ValueError(f"{name}: {size} given; a positive number is allowed")
    centres, weights = LAYOUTS[layout]() if modes is None else LAYOUTS[layout](modes)
    centres, std = centres * scale, STDS.get(layout, 0.02) if std is None else std
    generator = torch.Generator().manual_seed(seed)
    labels = torch.multinomial(weights, count, replacement=True, generator=generator)
    points = centres[labels] + std * torch.randn(count, 2, generator=generator)
    facts = {"centres": centres, "weights": weights, "std": std, "near": max(3 * std, 0.1 * scale)}
    bound = 1.5 * scale
    return Data("gaussians", points, labels, -bound, bound, success="modes", facts=facts)


def _ring(modes: int = 8) -> Modes:
    angles = torch.arange(modes) * (2 * math.pi / modes)
    return torch.stack([angles.sin(), angles.cos()], dim=1), torch.full((modes,), 1 / modes)


def _grid(modes: int = 25) -> Modes:
    side = math.isqrt(modes)
    if side * side != modes or side < 2:
        raise ValueError(f"modes: {modes} given; a grid allows square numbers from 4")
    line = torch.linspace(-1, 1, side)
    return torch.cartesian_prod(line, line), torch.full((modes,), 1 / modes)


def _four(modes: int = 4) -> Modes:
    return _balanced_four(modes)[0], torch.tensor([0.4, 0.2, 0.2, 0.2])


def _balanced_four(modes: int = 4) -> Modes:
    _has(modes, 4)
    return torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]]), torch.full((4,), 1 / 4)


def _pair(modes: int = 2) -> Modes:
    _has(modes, 2)
    return torch.tensor([[math.sqrt(0.5), math.sqrt(0.5)], [1.0, 0.0]]), torch.full((2,), 1 / 2)


def _has(modes: int, own: int) -> None:
    if modes != own:
        raise ValueError(f"modes: {modes} given; this layout has {own}")


LAYOUTS: dict[str, Callable[..., Modes]] = {
    "ring": _ring,
    "grid": _grid,
    "four": _four,
    "balanced_four": _balanced_four,
    "pair": _pair,
}
STDS = {"four": 0.01, "balanced_four": 0.01, "pair": 0.1}
"""Of the layouts that were published with another spread than 0.02."""
