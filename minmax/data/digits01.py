"""Handwritten zeros and ones: the 8×8 scans that ship inside scikit-learn."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from minmax.data.cache import cached
from minmax.data.classifier import Classifier, fit
from minmax.lazy import torch
from minmax.types import Data

if TYPE_CHECKING:
    from torch import Generator, Tensor

CLASSES = ("zero", "one", "other")
VERSION = 1  # of what is cached: raise it when the preparation or the classifier's recipe changes


def digits01() -> Data:
    """The 360 scans of 0 and 1, ``[360, 8, 8]`` in [−1, 1] (UCI optical recognition of handwritten digits, 1998).

    Success: the metric ``digits`` (a classifier with the classes 0, 1 and *other*).
    """
    images, labels = _scans()
    chosen = labels < 2
    return Data(
        "digits01", images[chosen], labels[chosen], -1.0, 1.0, success="digits", facts={}, classifier=classifier
    )


@cache
def classifier() -> Classifier:
    """The judge, trained on the real scans on first use and kept in the cache."""
    return Classifier(cached(f"digits01-classifier-v{VERSION}", lambda: fit(*training_set(), classes=len(CLASSES))))


def held_out() -> tuple[Tensor, Tensor]:
    """The fifth of the scans that the classifier never saw, with its classes: what its accuracy is stated on."""
    images, labels = _scans()
    return images[::5], labels[::5].clamp(max=2)


def training_set(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Four fifths of the scans as 0, 1 and other, and made-up *other*: noise, blends of a 0 and a 1, faded scans.

    Zeros and ones come also with a little noise, as good generated ones do.
    """
    generator = torch.Generator().manual_seed(seed)
    images, labels = _scans()
    keep = torch.arange(len(images)) % 5 != 0
    images, labels = images[keep], labels[keep].clamp(max=2)
    own, own_labels = images[labels < 2], labels[labels < 2]
    repeated, repeated_labels = own.repeat(5, 1, 1), own_labels.repeat(5)
    grainy = (repeated + 0.15 * torch.randn(repeated.shape, generator=generator)).clamp(-1, 1)
    strange = torch.cat([noise(1500, generator), blends(own, own_labels, 1500, generator), _faded(own, generator)])
    strange_labels = torch.full((len(strange),), 2)
    return torch.cat([images, grainy, strange]), torch.cat([labels, repeated_labels, strange_labels])


def noise(count: int, generator: Generator) -> Tensor:
    """Pictures of nothing, in equal parts: uniform pixels, Gaussian pixels, and flat greys with grain."""
    shape = (count // 3 + 1, 8, 8)
    uniform = 2 * torch.rand(shape, generator=generator) - 1
    gaussian = 0.5 * torch.randn(shape, generator=generator)
    grey = 2 * torch.rand((shape[0], 1, 1), generator=generator) - 1
    grain = 0.3 * torch.rand((shape[0], 1, 1), generator=generator) * torch.randn(shape, generator=generator)
    return torch.cat([uniform, gaussian, grey + grain])[:count].clamp(-1, 1)


def blends(images: Tensor, labels: Tensor, count: int, generator: Generator) -> Tensor:
    """Pixel blends a·zero + (1−a)·one, a uniform in [0.3, 0.7]."""
    zeros, ones = (images[labels == digit] for digit in (0, 1))
    share = 0.3 + 0.4 * torch.rand((count, 1, 1), generator=generator)
    pick = [part[torch.randint(len(part), (count,), generator=generator)] for part in (zeros, ones)]
    return share * pick[0] + (1 - share) * pick[1]


def _faded(images: Tensor, generator: Generator) -> Tensor:
    """Scans at a tenth to two fifths of their contrast around a random grey."""
    contrast = 0.1 + 0.3 * torch.rand((len(images), 1, 1), generator=generator)
    grey = torch.rand((len(images), 1, 1), generator=generator) - 0.5
    return contrast * images + grey


def _scans() -> tuple[Tensor, Tensor]:
    stored = cached(f"digits-v{VERSION}", _load)
    return stored["images"], stored["labels"]


def _load() -> dict[str, Tensor]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return {
        "images": torch.tensor(digits.images, dtype=torch.float32) / 8 - 1,
        "labels": torch.tensor(digits.target, dtype=torch.int64),
    }
