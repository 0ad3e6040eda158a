"""The command line, a file a theme. Heavy imports are inside the commands that need them, so ``--help`` is quick."""

from __future__ import annotations

import importlib

from cluster.cli.base import app

THEMES = (
    "local",
    "render",
    "services",
)  # as --help lists their commands; a new one is a file here and its name in this line

for theme in THEMES:
    importlib.import_module(f"cluster.cli.{theme}")


def main() -> None:
    """The entry point."""
    app()
