"""IDX files: the format in which MNIST and its like are published."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from minmax.data.files import BadFile, content
from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

BYTES = 8  # the type code of unsigned bytes


def read(path: Path, axes: int) -> Tensor:
    """The array of bytes in an IDX file, gzip or not, as a uint8 tensor of this many axes.

    Layout: two zero bytes, the type code, the number of axes; each size as a big-endian 32-bit integer; the data.

    Raises:
        BadFile: empty or damaged, another magic number, or not as long as its header says.
    """
    held, start = content(path), 4 + 4 * axes
    magic = bytes([0, 0, BYTES, axes])
    if held[:4] != magic:
        raise BadFile(path, f"magic number {held[:4].hex()}", f"{magic.hex()} (IDX, bytes, {axes} axes)")
    if len(held) < start:
        raise BadFile(path, f"{len(held)} bytes", f"a header of {start}")
    sizes = struct.unpack(f">{axes}I", held[4:start])
    if len(held) != start + math.prod(sizes):
        raise BadFile(
            path, f"{len(held)} bytes", f"{start + math.prod(sizes)} for the sizes {list(sizes)} in its header"
        )
    return torch.frombuffer(bytearray(held), dtype=torch.uint8)[start:].reshape(sizes)
