"""MNIST: the handwritten digits that everybody knows."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from minmax.data import idx
from minmax.data.cache import cached
from minmax.data.classifier import Classifier, convolutional, fit
from minmax.data.files import BadFile, find, folder_of
from minmax.data.strange import blends, faded, grainy, noise, saturated, shuffled
from minmax.lazy import torch
from minmax.types import Data

if TYPE_CHECKING:
    from torch import Tensor

SIDE, DIGITS = 28, 10
VERSION = 1  # of the classifier: raise it when its recipe changes


class Digits(NamedTuple):
    """Pictures ``[N, 28, 28]`` of bytes, and which digit each one is."""

    images: Tensor
    labels: Tensor


class Files(NamedTuple):
    """The published split."""

    training: Digits
    held_out: Digits


def mnist(folder: str | None = None) -> Data:
    """The 60 000 training pictures, ``[60000, 28, 28]`` in [−1, 1]; held out, the 10 000 test pictures.

    Read from the four published IDX files (gzip or not) in ``folder``, by default ``mnist`` in the cache. LeCun,
    Bottou, Bengio, Haffner 1998. The classifier's classes are the ten digits and *other* (10).

    Raises:
        ValueError: a file is missing, or not what it should be.
    """
    place = folder_of("mnist", folder)
    training, held_out = read(place)
    return Data(
        "mnist", scaled(training.images), training.labels, -1.0, 1.0, success="", facts={"classes": DIGITS},
        classifier=lambda: classifier(place, range(DIGITS)), held_out=scaled(held_out.images),
    )  # fmt: skip


def read(folder: Path) -> Files:
    """Both halves.

    Raises:
        ValueError: a file is missing, or not what it should be.
    """
    return Files(_half(folder, "train"), _half(folder, "t10k"))


def scaled(images: Tensor) -> Tensor:
    """Bytes as float32 in [−1, 1]."""
    return images.float() / 127.5 - 1


def classifier(folder: Path, digits: range) -> Classifier:
    """The judge of these digits and, last, *other*; trained on the training pictures on first use, and kept in the
    cache (under a digest of the pictures)."""
    return _classifier(folder, digits)


@cache
def _classifier(folder: Path, digits: range) -> Classifier:
    training, _ = read(folder)
    digest = hashlib.sha256(training.images.numpy().tobytes() + training.labels.numpy().tobytes()).hexdigest()[:12]
    name, classes = f"mnist{len(digits)}-classifier-v{VERSION}-{digest}", len(digits) + 1

    def make() -> dict[str, Tensor]:
        return fit(convolutional(classes), *training_set(training, digits), lr=2e-3, steps=2000)

    return Classifier(convolutional(classes), cached(name, make))


def training_set(training: Digits, digits: range, seed: int = 0) -> tuple[Tensor, Tensor]:
    """All training pictures, those that are none of ``digits`` as *other*; every third of the rest once more with a
    little grain, as good generated ones have it; and made-up *other*: noise, blends of two digits, faded or shuffled
    pictures."""
    generator, other = torch.Generator().manual_seed(seed), len(digits)
    images, labels = scaled(training.images), training.labels.clamp(max=other)
    own, own_labels = images[labels < other], labels[labels < other]
    each = [own[own_labels == digit] for digit in digits]
    pairs = [(a, b) for a in digits for b in digits if a < b]
    count = len(own) // 3 + 1
    strange = [
        noise(count // 2, (SIDE, SIDE), generator),
        saturated(count // 2, (SIDE, SIDE), generator),
        shuffled(own[1::5], generator),
        *(blends(each[a], each[b], count // (2 * len(pairs)) + 1, generator) for a, b in pairs),
        faded(own[::5], generator),
    ]
    pictures = [images, grainy(own[::3], generator), *strange]
    made_up = torch.full((sum(map(len, strange)),), other)
    return torch.cat(pictures), torch.cat([labels, own_labels[::3], made_up])


def _half(folder: Path, half: str) -> Digits:
    parts = [f"{half}-images-idx3-ubyte", f"{half}-labels-idx1-ubyte"]
    images, labels = (find(folder, "mnist", part, (f"{part}.gz", part.replace("-idx", ".idx"))) for part in parts)
    digits = Digits(idx.read(images, 3), idx.read(labels, 1).long())
    if digits.images.shape[1:] != (SIDE, SIDE):
        raise BadFile(images, f"pictures of {tuple(digits.images.shape[1:])}", f"{SIDE}×{SIDE} pixels")
    if len(digits.labels) != len(digits.images):
        raise BadFile(labels, f"{len(digits.labels)} labels", f"{len(digits.images)}, one a picture of {images.name},")
    if len(digits.labels) == 0 or digits.labels.max() >= DIGITS:
        raise BadFile(labels, "no labels, or labels that are no digits", "digits from 0 to 9")
    return digits
