"""CIFAR-10: small colour photographs of ten kinds of things."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from minmax.data import pickled
from minmax.data.files import BadFile, content, find, folder_of
from minmax.lazy import torch
from minmax.types import Data

if TYPE_CHECKING:
    from torch import Tensor

BATCHES, COUNT = 5, 10_000  # training batches, and pictures in each
SHAPE, PIXELS, CLASSES = (3, 32, 32), 3072, 10
ARRAY = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")


def cifar10(batches: int = BATCHES, held_out: bool = True, folder: str | None = None) -> Data:
    """The first ``batches`` training batches, ``[10000·batches, 3, 32, 32]`` in [−1, 1]; held out, the test batch.

    Read from ``folder``, by default ``cifar10`` in the cache: the published binary files (``data_batch_1.bin``, …,
    ``test_batch.bin``), or the ones for Python (``data_batch_1``, …), which are read as data and never unpickled.
    ``held_out=False`` asks for no test batch. Krizhevsky 2009.

    Raises:
        ValueError: a file is missing or not what it should be, or ``batches`` is not 1 to 5.
    """
    if not 1 <= batches <= BATCHES:
        raise ValueError(f"batches: {batches} given; 1 to {BATCHES} are allowed")
    place = folder_of("cifar10", folder)
    parts = [_read(place, f"data_batch_{number}") for number in range(1, batches + 1)]
    images, labels = (torch.cat(own) for own in zip(*parts, strict=True))
    test = _scaled(_read(place, "test_batch")[0]) if held_out else None
    return Data("cifar10", _scaled(images), labels, -1.0, 1.0, success="", facts={"classes": CLASSES}, held_out=test)


def binary(path: Path, count: int = COUNT) -> tuple[Tensor, Tensor]:
    """Pictures ``[count, 3, 32, 32]`` of bytes and labels, from records of a label and 1024 reds, greens and blues.

    Raises:
        BadFile: not so many records, or a label above 9.
    """
    held = content(path)
    if len(held) != count * (1 + PIXELS):
        raise BadFile(path, f"{len(held)} bytes", f"{count * (1 + PIXELS)}, which is {count} records of {1 + PIXELS},")
    records = torch.frombuffer(bytearray(held), dtype=torch.uint8).reshape(count, 1 + PIXELS)
    return _checked(path, records[:, 1:], records[:, 0].tolist(), count)


def python(path: Path, count: int = COUNT) -> tuple[Tensor, Tensor]:
    """The same from a batch for Python: a pickled dict with the array ``data`` and the list ``labels``.

    Raises:
        BadFile: no such dict, or not so many pictures.
    """
    batch = pickled.read(path, content(path))
    entries = {_text(key): value for key, value in batch.items()} if isinstance(batch, dict) else {}
    data, labels = _bytes(entries.get("data")), entries.get("labels")
    if data is None or not isinstance(labels, list) or not all(isinstance(label, int) for label in labels):
        raise BadFile(path, "no array of bytes 'data' with a list 'labels'", "a batch as it was published")
    if len(data) != count * PIXELS:
        raise BadFile(path, f"{len(data)} pixels", f"{count * PIXELS}, which is {count} pictures,")
    return _checked(path, torch.frombuffer(bytearray(data), dtype=torch.uint8).reshape(count, PIXELS), labels, count)


def _read(folder: Path, name: str) -> tuple[Tensor, Tensor]:
    path = find(folder, "cifar10", f"{name}.bin", (name,))
    return binary(path) if path.suffix == ".bin" else python(path)


def _checked(path: Path, pixels: Tensor, labels: list[int], count: int) -> tuple[Tensor, Tensor]:
    if len(labels) != count or not all(0 <= label < CLASSES for label in labels):
        raise BadFile(path, "labels of another number, or outside 0 to 9", f"{count} labels from 0 to 9")
    return pixels.reshape(count, *SHAPE), torch.tensor(labels)


def _scaled(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


def _bytes(given: Any) -> bytes | None:
    """The bytes of a pickled array of unsigned bytes, in C order: (version, shape, dtype, is Fortran, bytes)."""
    match given:
        case pickled.Called(name, _, [(_, tuple(), pickled.Called("numpy dtype", (kind, *_)), False, bytes() as raw)]):
            return raw if name in ARRAY and _text(kind) == "u1" else None
    return None


def _text(given: Any) -> Any:
    """Python 2's text comes as bytes."""
    return given.decode("latin-1") if isinstance(given, bytes) else given
