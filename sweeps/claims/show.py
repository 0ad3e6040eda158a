"""Verdicts in the terminal, and as a block of the page of claims."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from sweeps.claims.claim import Claim, Cost, Judgement, Verdict
from sweeps.claims.judging import exact
from sweeps.judge.stats import Interval
from sweeps.records.store import Store
from sweeps.show.wording import percent

WORDS = {True: "consistent", False: "not consistent", None: "-"}
STYLES = {True: "green", False: "red", None: "dim"}
VERDICT, BOLD = "**Verdict:**", ("four-gaussians", "mnist01")
HEADING = "# Published claims, re-run"
TITLE = f"""{HEADING}

`sweeps reproduce CLAIM` appends below. A run is one seed; settings that are compared have the same seeds. *Consistent*:
the published rate lies in our Wilson 95% interval (the published number of runs is unknown, so no test is made of it);
a published single run lies where 95% of ours do; the value of a formula is met by every seed, whose range stands for
the interval.

`sweeps reproduce --list` says what there is and what it takes; without names, what fits half an hour on two cores runs.
`--seeds 10` runs at most ten of each setting, and a later call adds the others. What long claims' runs measured lies in
[claims/runs](claims/runs): `sweeps reproduce CLAIM --as-is --results docs/claims/runs` judges it anew, and without
`--as-is` runs what is missing.
"""


def table(claim: Claim, judgement: Judgement) -> Group:
    """What was claimed, row by row what came out, and what it comes to."""
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "published", "ours", "95% interval", ""):
        rows.add_column(name)
    for verdict in judgement.verdicts:
        told = Text(WORDS[verdict.consistent], style=STYLES[verdict.consistent])
        rows.add_row(verdict.what, verdict.published, verdict.ours, interval(verdict), told)
    heading = Text(f"{claim.name}: {claim.statement}", style="bold")
    return Group(heading, Text(claim.source, style="dim"), rows, Text(judgement.conclusion))


def show(claim: Claim, judgement: Judgement) -> None:
    """Prints the table."""
    Console().print(table(claim, judgement))


def duration(cost: Cost) -> str:
    """How long a claim takes.

    >>> duration(Cost(0.5)), duration(Cost(300, 12))
    ('1 minute on 2 cores, not measured on a GPU', '5.0 hours on 2 cores, 12 minutes on a GPU')
    """
    on_gpu = "not measured" if cost.gpu is None else _time(cost.gpu)
    return f"{_time(cost.two_cores)} on 2 cores, {on_gpu} on a GPU"


def _time(minutes: float) -> str:
    whole = max(1, round(minutes))
    if whole >= 90:
        return f"{minutes / 60:.1f} hours"
    return f"{whole} minute{'s' if whole > 1 else ''}"


def interval(verdict: Verdict) -> str:
    """``12% to 34%`` for a rate, else plain numbers."""
    if verdict.interval is None:
        return "-"
    return " to ".join(map(percent if _is_rate(verdict, verdict.interval) else exact, verdict.interval))


def _is_rate(verdict: Verdict, own: Interval) -> bool:
    return "%" in verdict.ours and own.low >= 0 and own.high <= 1


def block(claim: Claim, judgement: Judgement, chunks: Sequence[Mapping[str, Any]], pictures: Sequence[str]) -> str:
    """The claim's part of the page. ``chunks``: what was run, whose date, hardware, commit and number are told."""
    runs = [", ".join(sorted({chunk[key] for chunk in chunks})) for key in ("date", "hardware", "commit")]
    hours = sum(chunk["seconds"] for chunk in chunks) / 3600
    lines = [
        f"## {claim.name}, {runs[0]}",
        "",
        claim.statement,
        f"({claim.source}.)",
        "",
        f"Run on {runs[1]}; commit {runs[2]}; {hours:.2g} hours of one process{_so_far(claim, chunks)}. "
        f"The whole takes about {duration(claim.cost)}.",
        "",
        f"{VERDICT} {judgement.conclusion.replace(chr(10) + '- ', chr(10) * 2 + '- ', 1)}",
        "",
        "| | published | ours | 95% interval | |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(map(_cell, _columns(verdict)))} |" for verdict in judgement.verdicts),
        "",
        *(f"![{Path(picture).stem}]({picture})" for picture in pictures),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _so_far(claim: Claim, chunks: Sequence[Mapping[str, Any]]) -> str:
    """How much of it was run, where that is not all."""
    run, asked = sum(len(chunk["curves"]["seeds"]) for chunk in chunks), sum(c.seeds for c in claim.cells.values())
    return f"; so far {run} of {asked} runs" if run < asked else ""


def _columns(verdict: Verdict) -> list[str]:
    return [verdict.what, verdict.published, verdict.ours, interval(verdict), WORDS[verdict.consistent]]


def _cell(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.replace("|", "\\|"))


class NoPage(ValueError):
    """A file that is no page of claims, and is not to be written over."""


def check(page: Path) -> None:
    """Raises ``NoPage`` where there is another file than a page of claims."""
    if page.exists() and not page.read_text(encoding="utf-8", errors="replace").startswith(HEADING):
        raise NoPage(f"page: {page} is no page of claims; a new file, or one that begins with {HEADING!r}, is allowed")


def append(page: Path, text: str, claims: Sequence[Claim] = ()) -> None:
    """Adds a block at the page's end, and says anew at its beginning what all of them come to, and what of ``claims``
    was not run. The page is written whole or not at all.

    Raises:
        NoPage: that file is none.
    """
    check(page)
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    blocks = [*re.split(r"^(?=## )", before, flags=re.MULTILINE)[2:], text]  # after the title and what is in short
    parts = (part.strip() for part in (TITLE, in_short(blocks, claims), *blocks))
    Store(str(page.parent)).replace(page.name, ("\n\n".join(parts) + "\n").encode())


def in_short(blocks: Sequence[str], claims: Sequence[Claim] = ()) -> str:
    """The last verdict on each claim, the boldest claims first; then those of ``claims`` that have none."""
    last: dict[str, str] = {}
    for text in blocks:
        name, verdict = re.match(r"## ([\w-]+)", text), re.search(rf"^{re.escape(VERDICT)} (.*)$", text, re.MULTILINE)
        if name and verdict:
            part = re.search(r"so far \d+ of \d+ runs", text)
            last[name[1]] = f"({part[0]}) {verdict[1]}" if part else verdict[1]
    names = sorted(last, key=lambda name: (name not in BOLD, list(last).index(name)))
    rest = [f"- {claim.name}: not run; it takes {duration(claim.cost)}." for claim in claims if claim.name not in last]
    return "\n".join(["## In short", "", *(f"- **{name}**: {last[name]}" for name in names), *rest])
