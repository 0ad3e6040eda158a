"""The zeros and ones of MNIST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.data.files import folder_of
from minmax.data.mnist import Digits, classifier, read, scaled
from minmax.lazy import torch
from minmax.types import Data

if TYPE_CHECKING:
    from torch import Tensor

BOTH = range(2)


def mnist01(balanced: bool = False, folder: str | None = None) -> Data:
    """The 5923 zeros and 6742 ones of MNIST's training pictures (53% ones), ``[12665, 28, 28]`` in [−1, 1]; held out,
    the 980 and 1135 of its test pictures.

    ``balanced``: the first 5923 of each. Keswani et al. 2022, arXiv 2006.12376, show both in different experiments.
    Success: the metric ``digits``, by a classifier with the classes 0, 1 and *other*, which all other digits are.

    Raises:
        ValueError: a file of MNIST is missing, or not what it should be.
    """
    place = folder_of("mnist", folder)
    training, held_out = (_both(half) for half in read(place))
    if balanced:
        chosen = _first_of_each(training.labels)
        training = Digits(training.images[chosen], training.labels[chosen])
    return Data(
        "mnist01", scaled(training.images), training.labels, -1.0, 1.0, success="digits", facts={"classes": len(BOTH)},
        classifier=lambda: classifier(place, BOTH), held_out=scaled(held_out.images),
    )  # fmt: skip


def _both(digits: Digits) -> Digits:
    own = digits.labels < len(BOTH)
    return Digits(digits.images[own], digits.labels[own])


def _first_of_each(labels: Tensor) -> Tensor:
    """A mask of as many of each class as the rarer one has."""
    count = int(labels.bincount(minlength=len(BOTH)).min())
    seen = torch.stack([(labels == digit).cumsum(0) for digit in BOTH])
    return seen.gather(0, labels.unsqueeze(0)).squeeze(0) <= count
