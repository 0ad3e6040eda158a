"""The command line, a file a theme. Heavy imports are inside the commands that need them, so ``--help`` is quick."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import TextIO, cast

from sweeps.cli.base import app
from sweeps.cli.codes import UNFORESEEN
from sweeps.show.unbreakable import Unbreakable

THEMES = ("run", "submit", "stop", "look", "trials", "editor", "published", "sync")  # as --help lists their commands

for theme in THEMES:
    importlib.import_module(f"sweeps.cli.{theme}")


def main() -> None:
    """The entry point. The working directory is where a user's own ``module:function`` lies."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    sys.stdout = cast(TextIO, Unbreakable(sys.stdout))  # `| head` and a terminal that closes are no reason to stop
    sys.stderr = cast(TextIO, Unbreakable(sys.stderr))
    try:
        app()
    except Exception:
        traceback.print_exc()
        sys.exit(UNFORESEEN)
