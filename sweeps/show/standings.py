"""The ranking in a terminal: a table with a bar for each interval, plain ASCII where the terminal is not one."""

from __future__ import annotations

import io
import sys
from typing import TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sweeps.judge.answer import shown
from sweeps.judge.pareto import ArmFront
from sweeps.judge.ranking import Ranking
from sweeps.judge.standing import Standing
from sweeps.show.wording import diagnosed, inert, number, p_value, percent, setting

WIDE = 100
CELLS, NARROW = 21, 11
NAME = 28
UNITS = "The search of each arm: trained, and saved by pruning, in field units."
GLYPHS = {"rail": "┈", "line": "━", "ends": "┣┫", "point": "●"}
ASCII = {"rail": ".", "line": "-", "ends": "[]", "point": "o"}


def show(ranking: Ranking, file: TextIO | None = None) -> None:
    """Prints the ranking: in colour on a terminal, as plain text into a file or a pipe."""
    file = file or sys.stdout
    console = Console(file=file)
    if console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf"):
        console.print(standings(ranking, console.width))
        return
    text = as_text(ranking, width=max(100, console.width), ascii_only=not console.encoding.startswith("utf"))
    file.write(text.encode(console.encoding, "replace").decode(console.encoding))


def as_text(ranking: Ranking, width: int = 100, ascii_only: bool = False) -> str:
    """The ranking as plain text."""
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=False, color_system=None, legacy_windows=False)
    console.print(standings(ranking, width, ascii_only))
    lines = (line.rstrip() for line in file.getvalue().splitlines())
    return "\n".join(lines) + "\n"


def standings(ranking: Ranking, width: int = 100, ascii_only: bool = False) -> RenderableType:
    """The sentence, the table, each arm's setting and budget, and what the intervals leave out."""
    parts: list[RenderableType] = [Text(inert(ranking.answer), style="bold")]
    if ranking.standings:
        parts += [_table(ranking, width, ascii_only)]
    if ranking.standings or ranking.unranked:
        parts += [_settings(ranking, width, ascii_only), Text(UNITS, style="dim")]
    parts += [_front(front, width, ascii_only) for front in ranking.fronts if front.points]
    if ranking.caveat:
        parts += [Text(ranking.caveat, style="dim")]
    return Group(*parts)


def bar(row: Standing, cells: int = CELLS, ascii_only: bool = False) -> Text:
    """The interval of a success rate between 0 and 1, with the rate on it.

    ``┈┈┈┣━━●━┫┈┈``
    """
    if row.interval is None or row.rate is None:
        return Text()
    glyphs = ASCII if ascii_only else GLYPHS
    low, point, high = (round(x * (cells - 1)) for x in (row.interval.low, row.rate, row.interval.high))
    line = [glyphs["line"]] * (high - low + 1)
    line[0], line[-1] = glyphs["ends"][0], glyphs["ends"][1]
    line[point - low] = glyphs["point"]
    rail = glyphs["rail"]
    return Text.assemble((rail * low, "dim"), ("".join(line), "cyan"), (rail * (cells - 1 - high), "dim"))


def _table(ranking: Ranking, width: int, ascii_only: bool) -> Table:
    cells = CELLS if width >= WIDE else NARROW
    rated = ranking.standings[0].rate is not None
    table = _frame(width, ascii_only)
    table.add_column("", justify="right", style="dim")
    table.add_column("arm", overflow="crop" if ascii_only else "ellipsis", no_wrap=True, max_width=NAME)
    if rated:
        table.add_column("success", justify="right", no_wrap=True)
        table.add_column("0%" + " " * (cells - 6) + "100%", no_wrap=True)
        table.add_column("interval", justify="right", no_wrap=True)
    table.add_column(f"median\n{inert(ranking.objective)}", justify="right")
    table.add_column("corrected\np", justify="right", no_wrap=True)
    for row in ranking.standings:
        line: list[RenderableType] = [str(row.place), Text(inert(row.arm), style="bold" if row.place == 1 else "")]
        if row.interval is not None and row.rate is not None:
            interval = f"{percent(row.interval.low)} to {percent(row.interval.high)}"
            line += [f"{row.successes}/{row.seeds} {percent(row.rate):>5}", bar(row, cells, ascii_only), interval]
        table.add_row(*line, number(row.median), _verdict(row))
    return table


def _verdict(row: Standing) -> Text:
    if row.corrected is None:
        return Text("-", style="dim")
    return Text(p_value(row.corrected), style="" if shown(row) else "dim")


def _front(front: ArmFront, width: int, ascii_only: bool) -> Table:
    """The front of one search: what each of its trials reached, and which of them was chosen to be confirmed."""
    separator = ", " if ascii_only else " · "
    table = _frame(width, ascii_only)
    which = f", repeat {front.repeat + 1}" if front.repeat else ""
    table.title, table.title_justify = f"front of {inert(front.arm)}{which}", "left"
    table.add_column("trial", justify="right")
    for measure in front.points[0].values:
        table.add_column(inert(measure), justify="right", no_wrap=True)
    table.add_column("setting")
    table.add_column("")
    for point in front.points:
        values = (number(value) for value in point.values.values())
        word = "confirmed" if point.confirmed else "chosen" if point.chosen else ""
        table.add_row(str(point.number), *values, setting(point.params, separator), word)
    return table


def _settings(ranking: Ranking, width: int, ascii_only: bool) -> Table:
    separator = ", " if ascii_only else " · "
    rows = [(row.arm, _confirmed(row, separator), row.diagnoses, row.budget) for row in ranking.standings]
    rows += [(other.arm, inert(other.reason), (), other.budget) for other in ranking.unranked]
    counts = [name for name in ("pruned", "diverged", "failed") if any(getattr(budget, name) for *_, budget in rows)]
    units = ["trained", "saved"] if any(budget.saved for *_, budget in rows) else ["trained"]
    table = _frame(width, ascii_only)
    table.add_column("arm", overflow="crop" if ascii_only else "ellipsis", no_wrap=True, max_width=NAME)
    table.add_column("setting confirmed")
    told = any(diagnoses for _, _, diagnoses, _ in rows)
    if told:
        table.add_column("diagnosis")
    for name in ("trials", *counts, *units):
        table.add_column(name, justify="right", no_wrap=True)
    for arm, words, diagnoses, budget in rows:
        numbers = [str(getattr(budget, name)) for name in ("trials", *counts)]
        numbers += [f"{amount:,.0f}" for amount in (budget.spent, budget.saved)[: len(units)]]
        table.add_row(Text(inert(arm)), Text(words), *([diagnosed(diagnoses, separator)] if told else []), *numbers)
    return table


def _confirmed(row: Standing, separator: str) -> str:
    """The settings confirmed, a line a repeat."""
    return "\n".join(setting(params, separator) for params in row.settings or (row.params,))


def _frame(width: int, ascii_only: bool) -> Table:
    style = box.MARKDOWN if ascii_only else box.SIMPLE_HEAD
    return Table(box=style, pad_edge=ascii_only, header_style="bold", padding=(0, 1), collapse_padding=width < WIDE)
