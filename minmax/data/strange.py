"""Made-up pictures: what a classifier with the class *other* must know besides real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor


def noise(count: int, shape: tuple[int, int], generator: Generator) -> Tensor:
    """Pictures of nothing, in equal parts: uniform pixels, Gaussian pixels, and flat greys with grain."""
    each = (count // 3 + 1, *shape)
    uniform = 2 * torch.rand(each, generator=generator) - 1
    gaussian = 0.5 * torch.randn(each, generator=generator)
    grey = 2 * torch.rand((each[0], 1, 1), generator=generator) - 1
    grain = 0.3 * torch.rand((each[0], 1, 1), generator=generator) * torch.randn(each, generator=generator)
    return torch.cat([uniform, gaussian, grey + grain])[:count].clamp(-1, 1)


def saturated(count: int, shape: tuple[int, int], generator: Generator) -> Tensor:
    """tanh(a·(normal + b)) a pixel, a in [0.5, 10] and b in [−1, 1] a picture: from grain to black and white."""
    contrast = 0.5 + 9.5 * torch.rand((count, 1, 1), generator=generator)
    offset = 2 * torch.rand((count, 1, 1), generator=generator) - 1
    return torch.tanh(contrast * (torch.randn((count, *shape), generator=generator) + offset))


def shuffled(pictures: Tensor, generator: Generator) -> Tensor:
    """With their pixels in another order, one for each picture."""
    order = torch.rand(len(pictures), pictures[0].numel(), generator=generator).argsort(dim=1)
    return pictures.flatten(1).gather(1, order).reshape(pictures.shape)


def blends(first: Tensor, second: Tensor, count: int, generator: Generator) -> Tensor:
    """Pixel blends a·first + (1−a)·second of two kinds of pictures, a uniform in [0.3, 0.7]."""
    share = 0.3 + 0.4 * torch.rand((count, 1, 1), generator=generator)
    pick = [part[torch.randint(len(part), (count,), generator=generator)] for part in (first, second)]
    return share * pick[0] + (1 - share) * pick[1]


def faded(pictures: Tensor, generator: Generator) -> Tensor:
    """At a tenth to two fifths of their contrast, around a random grey."""
    contrast = 0.1 + 0.3 * torch.rand((len(pictures), 1, 1), generator=generator)
    grey = torch.rand((len(pictures), 1, 1), generator=generator) - 0.5
    return contrast * pictures + grey


def grainy(pictures: Tensor, generator: Generator) -> Tensor:
    """With a little noise (σ = 0.15), as good generated ones have it: still what they are."""
    return (pictures + 0.15 * torch.randn(pictures.shape, generator=generator)).clamp(-1, 1)
