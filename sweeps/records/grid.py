"""The picture of a report: what each member generates, as one small PNG."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEMBERS, SAMPLES = 8, 16  # rows, and pictures a row
TILE = 96  # pixels of a planar member's square
POINTS = 256
SHADE = 0.4  # of a pixel, for each point on it


def draw(
    samples: NDArray[np.float32], low: float, high: float, members: int = MEMBERS, count: int | None = None
) -> bytes | None:
    """A PNG of ``[M, n, *shape]``: a row of pictures a member (``[8, 8]``, ``[1, h, w]``, ``[3, h, w]``), or a square
    of points a member for planar data; None for shapes with no picture. At most the first ``members``, and ``count`` of
    each (16 pictures or 256 points)."""
    shape = samples.shape[2:]
    if shape == (2,):
        return _png(_scatter(samples[:members, : count or POINTS], low, high))
    if len(shape) in (2, 3):
        return _png(_tiles(samples[:members, : count or SAMPLES], low, high))
    return None


def points_of(png: bytes, members: int) -> list[bytes]:
    """Of a picture of planar data each member's points: three bytes a place, its column, its row from below (both of
    ``TILE``) and how many points lie there."""
    import numpy as np
    from PIL import Image

    sheet = np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=np.float64) / 255
    found = []
    for member in range(min(members, MEMBERS)):
        row, column = divmod(member, min(4, members))
        tile = sheet[row * (TILE + 1) :, column * (TILE + 1) :][:TILE, :TILE]
        many = (np.log(tile.clip(1 / 512, 1)) / math.log(SHADE)).round().astype(np.uint8)
        down, across = np.nonzero(many)
        found.append(np.stack([across, TILE - 1 - down, many[down, across]], axis=1).astype(np.uint8).tobytes())
    return found


def _tiles(samples: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """``[M·h, n·w(, 3)]`` with a pixel of white between pictures."""
    import numpy as np

    if samples.ndim == 4:
        samples = samples[:, :, None]
    grey = np.nan_to_num((samples - low) / (high - low), nan=1.0).clip(0, 1)
    padded = np.pad(grey, ((0, 0), (0, 0), (0, 0), (0, 1), (0, 1)), constant_values=1.0)
    members, count, channels, height, width = padded.shape
    sheet = padded.transpose(0, 3, 1, 4, 2).reshape(members * height, count * width, channels)
    return _bytes(sheet[..., 0] if channels == 1 else sheet)


def _scatter(samples: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """Members four a row, each its points on [low, high]²; overlapping points are darker."""
    import numpy as np

    columns = min(4, len(samples))
    sheet = np.ones((math.ceil(len(samples) / columns) * (TILE + 1), columns * (TILE + 1)))
    for member, points in enumerate(samples):
        row, column = divmod(member, columns)
        scaled = (points - low) / (high - low)
        inside = points[np.isfinite(points).all(1) & (scaled > 0).all(1) & (scaled < 1).all(1)]
        at = ((inside - low) / (high - low) * TILE).astype(int)
        tile = sheet[row * (TILE + 1) :, column * (TILE + 1) :][:TILE, :TILE]
        np.multiply.at(tile, (TILE - 1 - at[:, 1], at[:, 0]), SHADE)
        sheet[row * (TILE + 1) + TILE, :] = sheet[:, column * (TILE + 1) + TILE] = 0.7
    return _bytes(sheet)


def _bytes(sheet: NDArray[np.floating]) -> NDArray[np.uint8]:
    import numpy as np

    return (sheet * 255).round().astype(np.uint8)


def _png(sheet: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(sheet).save(out, "png", compress_level=6)
    return out.getvalue()
