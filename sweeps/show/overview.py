"""A line a sweep: how far it is, who runs it, how old it is, what is best so far."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sweeps.search.decide import Done, confirmation_of, next_action
from sweeps.search.trials import MAP, RUNNING, SEARCH
from sweeps.show.wording import age, inert, percent

if TYPE_CHECKING:
    from sweeps.records.folder import Folder
    from sweeps.run.owner import Holder

STYLES = {"running": "cyan", "finished": "green", "stopped": "yellow", "not started": "dim"}


class Line(NamedTuple):
    """A sweep: its state in a word, search trials that ended and all of them, the same of arms confirmed (of a map its
    trials, and no arms), seconds since it was begun, its best arm (by confirmation; empty before one), who runs it."""

    name: str
    state: str
    done: int
    total: int
    confirmed: int
    arms: int
    age: float
    best: str
    owner: str


def of(folder: Folder, owner: Holder | None) -> Line:
    """A sweep's line, from its studies at a glance and its last ranking: no trial's record is read."""
    from sweeps.run.assemble import plan_of
    from sweeps.search.glance import Glance, glance
    from sweeps.spec.sweep import Sweep

    about = folder.read()
    sweep = Sweep.from_normalized(about["sweep"])
    plan = plan_of(sweep)
    begun = folder.has_studies
    seen = glance(folder.database, folder.title, plan) if begun else Glance([], 0.0)
    closed = sweep.limits.sweep is not None and seen.driven >= sweep.limits.sweep
    is_done = isinstance(next_action(plan.closed if closed else plan, seen.trials, ()), Done)
    ended = [trial for trial in seen.trials if trial.state != RUNNING]
    searches = [] if plan.chunks else plan.searches
    return Line(
        name=folder.name,
        state="running" if owner else "finished" if is_done else "stopped" if begun else "not started",
        done=sum(trial.kind in (SEARCH, MAP) for trial in ended),
        total=sum(plan.chunks) + sum(plan.share(arm) for arm, _ in searches),
        confirmed=sum(confirmation_of(plan, ended, *search) is not None for search in searches),
        arms=len(searches),
        age=time.time() - datetime.fromisoformat(about["created"]).timestamp(),
        best=_best(folder),
        owner=owner.told if owner else "",
    )


def show(lines: list[Line]) -> None:
    """Prints them as a table, in columns that a narrow terminal drops from the right."""
    console = Console()
    ascii_only = not console.encoding.startswith("utf")
    table = Table(box=box.ASCII2 if ascii_only else box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in ("sweep", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("trials", "confirmed", "age"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("best arm", "run by"):
        table.add_column(name, overflow="fold")
    for line in lines:
        counts = f"{line.done}/{line.total}", f"{line.confirmed}/{line.arms}" if line.arms else ""
        state = Text(line.state, style=STYLES[line.state])
        table.add_row(Text(inert(line.name)), state, *counts, age(line.age), Text(line.best), Text(inert(line.owner)))
    console.print(table)


def _best(folder: Folder) -> str:
    try:
        first = json.loads(folder.store.get("ranking.json"))["standings"][0]
    except (FileNotFoundError, ValueError, KeyError, IndexError):
        return ""
    rate = "" if first.get("rate") is None else f" {percent(first['rate'])}"
    return inert(f"{first['arm']}{rate}")
