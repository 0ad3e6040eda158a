"""A map in a terminal: a cell a point, told apart by its shape and, where there is colour, by that too."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.text import Text

from sweeps.judge.maps import ArmMap, Point, in_words, rows
from sweeps.search.lattice import Axis
from sweeps.show.ticks import ticks
from sweeps.show.wording import inert

HIGHEST = 40  # rows of a picture: more would not be seen at once
GLYPHS = {
    "converged": "█",
    "unsettled": "░",
    "diverged": "·",
    "vanished": "v",
    "collapsed": "c",
    "overfitting": "f",
    "cycling": "▚",
}
ASCII = {**GLYPHS, "converged": "#", "unsettled": "?", "diverged": ".", "cycling": "~"}
STYLES = {
    "converged": "blue",
    "unsettled": "bright_black",
    "diverged": "red",
    "vanished": "cyan",
    "collapsed": "magenta",
    "overfitting": "green",
    "cycling": "yellow",
}
RULES, ASCII_RULES = tuple("│┤└─┬"), tuple("||+-+")


def show(maps: Sequence[ArmMap], file: TextIO | None = None) -> None:
    """Prints the maps: in colour on a terminal, as plain text into a file or a pipe."""
    console = Console(file=file or sys.stdout)
    width = console.width if console.is_terminal else 80
    console = Console(file=file or sys.stdout, width=width, highlight=False)
    console.print(Group(*(phases(own, width, not console.encoding.startswith("utf")) for own in maps)))


def as_text(shown: ArmMap, width: int = 80, ascii_only: bool = False) -> str:
    """A map as plain text."""
    console = Console(width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(phases(shown, width, ascii_only))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def phases(shown: ArmMap, width: int = 80, ascii_only: bool = False) -> RenderableType:
    """The arm, the picture with its axes, what its shapes mean, and how many points of each there are."""
    glyphs = ASCII if ascii_only else GLYPHS
    parts = [Text(inert(shown.arm), style="bold"), *_picture(shown, width, glyphs, ascii_only)]
    legend = Text("  ").join(
        Text.assemble((2 * glyphs[word], STYLES[word]), f" {word} {n:,}") for word, n in shown.counts.items()
    )
    return Group(*parts, legend, Text(in_words(shown), style="dim"))


def _picture(shown: ArmMap, width: int, glyphs: dict[str, str], ascii_only: bool) -> list[Text]:
    wall, notch, corner, floor, mark = ASCII_RULES if ascii_only else RULES
    along, up = shown.axes[0], (shown.axes[1] if len(shown.axes) > 1 else None)
    labels = _labels(up, min(HIGHEST, len(rows(shown))))
    margin = max(map(len, labels.values()), default=0)
    skip = max(1, math.ceil(len(along.values) / max(1, width - margin - 2)))
    drop = max(1, math.ceil(len(rows(shown)) / HIGHEST))
    columns = len(along.values[::skip])
    wide = 2 if 2 * columns + margin + 2 <= width else 1
    lines = [Text(f"{up.name}" if up else "")] if up else []
    drawn = rows(shown)[::-1][::drop][::-1]
    for index, row in enumerate(drawn):
        height = len(drawn) - 1 - index
        label = labels.get(height * drop, "") if drop == 1 else _near(labels, height * drop, drop)
        edge = notch if label else wall
        lines.append(Text.assemble(f"{label:>{margin}}{edge}", *(_cell(p, glyphs, wide) for p in row[::skip])))
    return [*lines, *_floor(along, columns, wide, skip, margin, (corner, floor, mark)), *_left_out(skip, drop)]


def _cell(point: Point, glyphs: dict[str, str], wide: int) -> tuple[str, str]:
    return (" " * wide, "") if point.word is None else (glyphs[point.word] * wide, STYLES[point.word])


def _labels(up: Axis | None, height: int) -> dict[int, str]:
    """Row, counted from below -> label."""
    if up is None:
        return {}
    return {round(tick.place): tick.label for tick in ticks(up, max(2, height // 3))}


def _near(labels: dict[int, str], row: int, drop: int) -> str:
    return next((label for at, label in labels.items() if row <= at < row + drop), "")


def _floor(along: Axis, columns: int, wide: int, skip: int, margin: int, signs: tuple[str, str, str]) -> list[Text]:
    """The axis below, its labels centred under their marks as far as there is room, and its name."""
    corner, floor, mark = signs
    line, text = [floor] * (columns * wide), [" "] * (margin + 1 + columns * wide + 8)
    end = 0
    for tick in ticks(along, max(2, columns * wide // 10)):
        at = min(round(tick.place / skip) * wide + (wide - 1) // 2, len(line) - 1)
        start = max(0, margin + 1 + at - len(tick.label) // 2)
        if start >= end:
            line[at] = mark
            text[start : start + len(tick.label)] = tick.label
            end = start + len(tick.label) + 1
    name = f"{' ' * (margin + 1)}{along.name:^{columns * wide}}"
    return [Text(" " * margin + corner + "".join(line)), Text("".join(text).rstrip()), Text(name.rstrip())]


def _left_out(skip: int, drop: int) -> list[Text]:
    if skip == drop == 1:
        return []
    kept = [f"every {n}th {what}" for n, what in ((skip, "column"), (drop, "row")) if n > 1]
    return [Text(f"Shown: {' and '.join(kept)}; map.json has all.", style="dim")]
