"""Handwritten zeros and ones: the 8×8 scans that ship inside scikit-learn."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from minmax.data.cache import cached
from minmax.data.classifier import Classifier, dense, fit
from minmax.data.strange import blends, faded, grainy, noise
from minmax.lazy import torch
from minmax.types import Data

if TYPE_CHECKING:
    from torch import Tensor

CLASSES, PIXELS = ("zero", "one", "other"), 64
VERSION = 1  # of what is cached: raise it when the preparation or the classifier's recipe changes


def digits01(held_out: bool = False) -> Data:
    """The 360 scans of 0 and 1, ``[360, 8, 8]`` in [−1, 1] (UCI optical recognition of handwritten digits, 1998).

    ``held_out`` sets aside those that the classifier never saw: 288 remain to train on, and the discriminator is judged
    on the other 72, too. Success: the metric ``digits`` (a classifier with the classes 0, 1 and *other*).
    """
    images, labels = _scans()
    own = labels < 2
    aside = own & _unseen(images)
    chosen = own & ~aside if held_out else own
    return Data(
        "digits01", images[chosen], labels[chosen], -1.0, 1.0, success="digits", facts={"classes": 2},
        classifier=classifier, held_out=images[aside] if held_out else None,
    )  # fmt: skip


@cache
def classifier() -> Classifier:
    """The judge, trained on the real scans on first use and kept in the cache."""
    model = dense(PIXELS, len(CLASSES))
    return Classifier(model, cached(f"digits01-classifier-v{VERSION}", lambda: fit(model, *training_set())))


def held_out() -> tuple[Tensor, Tensor]:
    """The fifth of the scans that the classifier never saw, with its classes: what its accuracy is stated on."""
    images, labels = _scans()
    unseen = _unseen(images)
    return images[unseen], labels[unseen].clamp(max=2)


def training_set(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Four fifths of the scans as 0, 1 and other, and made-up *other*: noise, blends of a 0 and a 1, faded scans.

    Zeros and ones come also with a little noise, as good generated ones do.
    """
    generator = torch.Generator().manual_seed(seed)
    images, labels = _scans()
    keep = ~_unseen(images)
    images, labels = images[keep], labels[keep].clamp(max=2)
    own, own_labels = images[labels < 2], labels[labels < 2]
    grain, repeated_labels = grainy(own.repeat(5, 1, 1), generator), own_labels.repeat(5)
    nothing = noise(1500, (8, 8), generator)
    mixed = blends(own[own_labels == 0], own[own_labels == 1], 1500, generator)
    strange = torch.cat([nothing, mixed, faded(own, generator)])
    strange_labels = torch.full((len(strange),), 2)
    return torch.cat([images, grain, strange]), torch.cat([labels, repeated_labels, strange_labels])


def _unseen(images: Tensor) -> Tensor:
    """Which of all scans the classifier does not train on: every fifth."""
    return torch.arange(len(images)) % 5 == 0


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
