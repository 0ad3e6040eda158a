"""The files of data sets: where they lie, and what is said when one is missing or broken. Nothing here fetches."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from minmax.data import cache

GZIP = b"\x1f\x8b"


class BadFile(ValueError):
    """A file that is not what it should be: the message names it, what it holds and what was expected."""

    def __init__(self, path: Path, what: str, expected: str) -> None:
        super().__init__(f"{path}: {what}; {expected} expected")


def folder_of(name: str, given: str | None) -> Path:
    """The folder of a data set's files: the given one, or ``NAME`` in the cache."""
    return Path(given).expanduser() if given is not None else cache.root() / name


def find(folder: Path, name: str, file: str, others: tuple[str, ...] = ()) -> Path:
    """The first of ``file`` and its other spellings that is in the folder.

    Raises:
        ValueError: none is; ``name`` is the data set's.
    """
    for spelling in (file, *others):
        if (folder / spelling).is_file():
            return folder / spelling
    spellings = " or ".join((file, *others))
    raise ValueError(f"{name}: no {spellings} in {folder}; `sweeps fetch {name}` gets it, or put it there yourself")


def content(path: Path) -> bytes:
    """The whole file, unpacked if it is gzip.

    Raises:
        BadFile: it is empty, or damaged gzip.
    """
    raw = path.read_bytes()
    if not raw:
        raise BadFile(path, "empty", "a file with content")
    if not raw.startswith(GZIP):
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as error:
        raise BadFile(path, f"gzip that cannot be unpacked ({error})", "a whole file") from error
