"""Modules that networks here are built of, beside PyTorch's own. Importing this imports torch: a builder does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minmax.lazy import torch
from minmax.types import Tree

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

Wrap = Callable[[Any], "nn.Module"]

START_ITERATIONS = 15  # of the power iteration, before the first step


class Dropped(torch.nn.Module):
    """``head(dropout(body(x)))`` with the mask given from outside: a share ``dropout`` of ``size`` features is dropped
    where there is one, none where there is not."""

    def __init__(self, body: nn.Module, size: int, head: nn.Module, dropout: float) -> None:
        super().__init__()
        self.body, self.head = body, head
        self._size, self._dropout = size, dropout

    def noise(self, generator: Generator, batch: int) -> Tree:
        """Which features stay, ``[batch, size]`` bool."""
        kept = torch.rand(batch, self._size, generator=generator, device=generator.device) >= self._dropout
        return {"kept": kept}

    def forward(self, inputs: Tensor, noise: Tree | None = None) -> Tensor:
        """``[B, ...] -> [B, 1]``."""
        features = self.body(inputs)
        outputs: Tensor = self.head(features * noise["kept"] / (1 - self._dropout) if noise else features)
        return outputs


class Spectral(torch.nn.Module):
    """A linear or convolutional layer with its weight W (as a matrix: outputs × all else) divided by its largest
    singular value.

    σ = uᵀWv with v = Wᵀu/‖·‖ and u = Wv/‖·‖ from the buffer u; u and v are constants of the gradient, as in the paper.
    In training the buffer takes the new u.
    """

    u: Tensor

    def __init__(self, layer: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer
        start = torch.nn.functional.normalize(torch.randn(self._matrix().shape[0]), dim=0)
        for _ in range(START_ITERATIONS):
            start, _ = _power_iteration(self._matrix().detach(), start)
        self.register_buffer("u", start)

    def forward(self, inputs: Tensor) -> Tensor:
        """The layer's outputs at W/σ(W); its bias is as it is."""
        matrix = self._matrix()
        u, v = _power_iteration(matrix.detach(), self.u)
        if self.training:
            self.u.copy_(u)
        weight = self.layer.weight / torch.dot(u, matrix @ v)
        outputs: Tensor = torch.func.functional_call(self.layer, {"weight": weight}, (inputs,))
        return outputs

    def _matrix(self) -> Tensor:
        return self.layer.weight.flatten(1)


class Residual(torch.nn.Module):
    """x ↦ shortcut(x) + conv(act(conv(act(x)))), 3×3, the side doubled (``scale="up"``, nearest pixel) or halved
    (``"down"``, means) or neither. A 1×1 convolution is in the shortcut where sizes or channels change. The ``first``
    block of a discriminator has no activation before its first convolution."""

    def __init__(
        self, width: int, out: int, wrap: Wrap, *, norm: bool = False, scale: str = "", first: bool = False
    ) -> None:
        super().__init__()
        nn = torch.nn
        up = [nn.Upsample(scale_factor=2)] if scale == "up" else []
        down = [nn.AvgPool2d(2)] if scale == "down" else []
        before: list[nn.Module] = [] if first else [*([nn.BatchNorm2d(width)] if norm else []), nn.ReLU()]
        between = [*([nn.BatchNorm2d(out)] if norm else []), nn.ReLU()]
        convolutions = [wrap(nn.Conv2d(size, out, 3, padding=1)) for size in (width, out)]
        self.body = nn.Sequential(*before, *up, convolutions[0], *between, convolutions[1], *down)
        same = width == out and not scale
        self.shortcut = nn.Identity() if same else nn.Sequential(*up, wrap(nn.Conv2d(width, out, 1)), *down)

    def forward(self, inputs: Tensor) -> Tensor:
        """``[B, width, side, side] -> [B, out, side′, side′]``."""
        outputs: Tensor = self.shortcut(inputs) + self.body(inputs)
        return outputs


class SumPool(torch.nn.Module):
    """The sum over pixels, ``[B, k, side, side] -> [B, k]``."""

    def forward(self, inputs: Tensor) -> Tensor:
        """All pixels of a channel."""
        return inputs.sum((-2, -1))


def normalised(layer: nn.Linear | nn.Conv2d) -> nn.Module:
    """Under spectral normalisation."""
    return Spectral(layer)


def plain(layer: nn.Module) -> nn.Module:
    """As it is."""
    return layer


def _power_iteration(matrix: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """The next left and right vectors, of length 1."""
    v = torch.nn.functional.normalize(matrix.mT @ u, dim=0)
    return torch.nn.functional.normalize(matrix @ v, dim=0), v
