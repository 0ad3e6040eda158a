"""Any folder of pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from minmax.data.cache import cached
from minmax.data.files import BadFile
from minmax.lazy import torch
from minmax.registry import check_known
from minmax.types import Data

if TYPE_CHECKING:
    from torch import Tensor

MODES = {"rgb": "RGB", "grey": "L"}
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
VERSION = 1


def folder(path: str, size: int = 32, colour: str = "rgb") -> Data:
    """Every picture below ``path``, in the order of their names: ``[N, 3, size, size]``, or ``[N, size, size]`` for
    ``colour="grey"``, in [−1, 1].

    A picture is turned as its EXIF data say, scaled (bicubic) until its shorter side is ``size``, and cropped around
    its middle. What is prepared stays in the cache until a file's name, size or time changes.

    Raises:
        ValueError: no such folder, no picture in it, one that cannot be read, or an option that is not allowed.
    """
    check_known("colour", colour, MODES)
    if size < 1:
        raise ValueError(f"size: {size} given; at least 1 is allowed")
    root = Path(path).expanduser()
    files = sorted(file for file in root.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        what = "no picture in it" if root.is_dir() else "no such folder"
        raise ValueError(f"path: {path!r} given, {what}; a folder with {', '.join(sorted(SUFFIXES))} is allowed")
    digest = hashlib.sha256(repr([VERSION, size, colour, *map(_stamp, files)]).encode()).hexdigest()[:16]
    stored = cached(f"folder-{digest}", lambda: {"images": torch.stack([_load(file, size, colour) for file in files])})
    images = stored["images"].float() / 127.5 - 1
    return Data("folder", images, None, -1.0, 1.0, success="", facts={})


def _load(file: Path, size: int, colour: str) -> Tensor:
    """One picture as bytes, channels first."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image).convert(MODES[colour])
            small = ImageOps.fit(upright, (size, size), Image.Resampling.BICUBIC)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadFile(file, f"cannot be read ({error})", "a whole picture") from error
    pixels = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8)
    return pixels.reshape(size, size) if colour == "grey" else pixels.reshape(size, size, 3).permute(2, 0, 1)


def _stamp(file: Path) -> tuple[str, int, int]:
    found = file.stat()
    return str(file.resolve()), found.st_size, found.st_mtime_ns
