"""Standard output and error, which may go away: a pipe that closes, a terminal that hangs up, a locale of ASCII."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO


class Unbreakable:
    """A text file to show things on, which shows nothing any more once it breaks, and replaces what it can't encode."""

    def __init__(self, file: TextIO) -> None:
        self._file: TextIO | None = file
        self.encoding: str = getattr(file, "encoding", None) or "utf-8"
        self.errors = "replace"

    def write(self, text: str) -> int:
        """Writes what can be written; an encoding that lacks a character gets a question mark."""
        if self._file is not None:
            try:
                self._file.write(text.encode(self.encoding, "replace").decode(self.encoding))
            except (OSError, ValueError):
                self._break()
        return len(text)

    def flush(self) -> None:
        """Flushes, if there is still something to flush to."""
        if self._file is not None:
            try:
                self._file.flush()
            except (OSError, ValueError):
                self._break()

    def isatty(self) -> bool:
        """Whether the file is a terminal still."""
        try:
            return self._file is not None and self._file.isatty()
        except ValueError:
            return False

    def fileno(self) -> int:
        """The file's descriptor.

        Raises:
            OSError: the file is broken or has none.
        """
        if self._file is None:
            raise OSError("the display's file is closed")
        return int(self._file.fileno())

    def _break(self) -> None:
        """Python flushes what is standard once more when it exits, and would complain there about the same pipe."""
        broken, self._file = self._file, None
        if broken is not None and any(broken is standard for standard in (sys.__stdout__, sys.__stderr__)):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), broken.fileno())
