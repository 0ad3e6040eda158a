"""Sample grids as MLflow's run page expects them: a step slider over a picture and its thumbnail."""

from __future__ import annotations

import io
import uuid

FOLDER = "images"
THUMBNAIL = 256  # pixels of the longer side, as in MLflow


def picture_name(key: str, step: int, time_ms: int) -> str:
    """File's name without ending: what ``MlflowClient.log_image`` builds, but the same every time it is asked.

    >>> picture_name("gda/search-0000", 400, 1732233600123)
    'samples+step+400+timestamp+1732233600123+6cc69b18-4da8-5d71-ade6-44d601b9d97d'
    """
    return f"samples+step+{step}+timestamp+{time_ms}+{uuid.uuid5(uuid.NAMESPACE_URL, f'{key}/{step}')}"


def thumbnail(png: bytes) -> bytes:
    """A small WebP of ``png``, which the page shows first."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png))
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    small = io.BytesIO()
    picture.save(small, "webp", method=1)  # the default takes twice as long for 2% fewer bytes
    return small.getvalue()
