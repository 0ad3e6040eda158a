"""Draws the gallery: ``python -m gallery [NAME …]``."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from pathlib import Path

import torch

from gallery.page import captions_of, page, write
from gallery.registry import FIGURES, THEMES

FOLDER = Path(__file__).parents[1] / "docs" / "gallery"


def main(arguments: list[str] | None = None) -> int:
    """Draws the figures named, or all, and writes the page."""
    parser = ArgumentParser(prog="python -m gallery", description="draws docs/gallery")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which figures: {', '.join(FIGURES)}; by default all")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to (docs/gallery)")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.names) - set(FIGURES)):
        parser.error(f"{unknown[0]}: no such figure; known: {', '.join(FIGURES)}")
    torch.set_num_threads(1)  # the same rounding on every machine with the same libraries
    draw(given.names or list(FIGURES), given.folder)
    return 0


def draw(names: list[str], folder: Path) -> None:
    """Draws the figures named into ``folder``; captions of the others are kept as its page has them."""
    path = folder / "README.md"
    captions = captions_of(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in names:
        began = time.perf_counter()
        figure, captions[name] = FIGURES[name].draw()
        write(folder, name, figure)
        path.write_text(page(THEMES, captions), encoding="utf-8")
        print(f"{name:18} {time.perf_counter() - began:6.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
