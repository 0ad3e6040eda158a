"""Where prepared data and trained classifiers are kept: made once, written whole, read by every worker."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def root() -> Path:
    """``MINMAX_DATA``, or the platform's cache folder."""
    import platformdirs

    return Path(os.environ.get("MINMAX_DATA") or platformdirs.user_cache_dir("minmax"))


def cached(name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors stored as ``name``; made and stored first where they are missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save

    path = root() / f"{name}.safetensors"
    try:
        return load_file(path)
    except (FileNotFoundError, SafetensorError):
        tensors = make()
        _write_whole(path, save(tensors))
        return tensors


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(aside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)  # two makers at once: both wrote the same, and no reader sees half a file
    finally:
        aside.unlink(missing_ok=True)
