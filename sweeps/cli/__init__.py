"""The command line, a file a theme. Heavy imports are inside the commands that need them, so ``--help`` is quick."""

from __future__ import annotations

import importlib
import os
import sys

from sweeps.cli.base import app

THEMES = ("run", "look", "published")  # as --help lists their commands

for theme in THEMES:
    importlib.import_module(f"sweeps.cli.{theme}")


def main() -> None:
    """The entry point. The working directory is where a user's own ``module:function`` lies."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    app()
