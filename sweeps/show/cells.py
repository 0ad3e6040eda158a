"""Texts of others as cells of tables: in CSV no spreadsheet takes one for a formula, in Markdown none is markup."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from sweeps.show.wording import inert

FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula, in full width too."""


def as_csv(rows: Iterable[Sequence[object]]) -> str:
    r"""Rows as CSV. Numbers keep every digit; a text that looks like a formula gets an apostrophe before it.

    >>> as_csv([["arm", "rate"], ["=cmd|' /C calc'!A1", -0.5]])
    "arm,rate\n'=cmd|' /C calc'!A1,-0.5\n"
    """
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerows([[_plain(cell) for cell in row] for row in rows])
    return file.getvalue()


def as_markdown(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table in Markdown; the columns ``numbers`` are set to the right."""
    lines = [head, [("---:" if at in numbers else ":---") for at in range(len(head))]]
    shown = [*lines, *([escaped(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in shown)


def escaped(text: str) -> str:
    r"""Text that Markdown shows as it is, in one line.

    >>> escaped("a|b <script> [x](javascript:y) 1_000")
    'a\\|b \\<script\\> \\[x\\](javascript:y) 1\\_000'
    """
    return re.sub(r"([\\`*_\[\]<>|#~!&$])", r"\\\1", inert(text))


def _plain(cell: object) -> object:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return cell
    text = inert(cell)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text
