"""A file that takes many steps to make is made beside its place, so that a kill leaves all of it or none."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def made_aside(path: Path, make: Callable[[Path], None]) -> None:
    """Has ``make`` write a file beside ``path`` and puts it there, unless there is one: also another process's.

    ``OSError`` where the folder cannot be written.
    """
    hidden = f".{path.name}."
    if not path.exists():
        aside = path.with_name(hidden + secrets.token_hex(4))
        make(aside)
        try:
            os.link(aside, path)  # which replaces nothing
        except (FileExistsError, FileNotFoundError):
            pass  # another process was faster, and has tidied up
        except OSError:
            os.rename(aside, path)  # a file system without hard links
    for left in path.parent.glob(f"{hidden}*"):
        with contextlib.suppress(FileNotFoundError):
            left.unlink()
