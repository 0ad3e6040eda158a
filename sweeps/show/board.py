"""What the progress display shows: a table of arms for terminals, one line for everything else."""

from __future__ import annotations

from typing import Literal, NamedTuple

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sweeps.judge.stats import wilson
from sweeps.show.progress import ArmProgress, Leader, Snapshot, TrialProgress
from sweeps.show.wording import duration, inert, number, percent, sparkline

WIDE, NARROW = 112, 76
SHOWN = 8  # running trials below the arms
COUNTS = {"running": "run", "pruned": "pruned", "diverged": "div", "failed": "fail"}
STYLES = {"waiting": "dim", "running": "cyan", "done": "green", "failed": "red", "none": "dim"}


class Board(NamedTuple):
    """A snapshot with its times in seconds (``left`` is None while unknown) and the last messages."""

    snapshot: Snapshot
    elapsed: float
    left: float | None
    messages: tuple[str, ...] = ()


def line(state: Board) -> str:
    """The totals in one line: ``12/36 trials, 3 running, 2 pruned; 41% of the work; 1:20 elapsed, about 1:55 left``."""
    arms = state.snapshot.arms
    counts = [f"{_total(arms, 'done')}/{_total(arms, 'total')} trials"]
    counts += [f"{n} {name}" for name in ("running", "pruned", "diverged", "failed") if (n := _total(arms, name))]
    confirmed = sum(arm.confirm == "done" for arm in arms)
    counts += [f"{confirmed}/{len(arms)} arms confirmed"] if confirmed else []
    doing = f"; {state.snapshot.doing}" if state.snapshot.doing else ""
    return f"{', '.join(counts)}; {percent(state.snapshot.share)} of the work; {_times(state)}{doing}"


def board(state: Board, width: int, ascii_only: bool = False) -> RenderableType:
    """The table: the totals first, so that a low window cuts arms and not them, then a row an arm, then messages."""
    arms = arms_table(state.snapshot.arms, width, ascii_only)
    parts: list[RenderableType] = [_totals(state, width, ascii_only), arms]
    if state.snapshot.leader is not None:
        parts.insert(1, _leading(state.snapshot.leader, width, ascii_only))
    if state.snapshot.trials:
        parts.append(trials_table(state.snapshot.trials[:SHOWN], width, ascii_only))
    for message in state.messages:
        text = Text(inert(message), style="dim", no_wrap=True, overflow="ellipsis")
        text.truncate(max(width - 1, 1), overflow="crop" if ascii_only else "ellipsis")
        parts.append(text)
    return Group(*parts)


def trials_table(trials: tuple[TrialProgress, ...], width: int, ascii_only: bool = False) -> Table:
    """A row a running trial: how far it is, and its objective over its reports."""
    wide = width >= NARROW
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    overflow: Literal["crop", "ellipsis"] = "crop" if ascii_only else "ellipsis"
    table.add_column(no_wrap=True, overflow=overflow, max_width=36 if wide else 22)
    for _ in range(4 if wide else 3):
        table.add_column(no_wrap=True, overflow="crop")
    for trial in trials:
        share = trial.step / trial.length if trial.length else 0.0
        bar = [meter(share, 10, ascii_only)] if wide else []
        curve = sparkline(trial.values, 24 if wide else 8, ascii_only)
        now = number(trial.values[-1]) if trial.values else ""
        success = "" if trial.success is None else percent(trial.success)
        table.add_row(Text(inert(trial.key)), *bar, Text(f"{percent(share):>4}"), Text(curve, style="magenta"),
                      Text(f"{now}{', success ' if success and wide else ''}{success if wide else ''}"))  # fmt: skip
    return table


def meter(share: float, cells: int, ascii_only: bool = False, style: str = "cyan") -> Text:
    """A bar filled to ``share``."""
    full, rest = ("#", ".") if ascii_only else ("━", "─")
    filled = min(cells, int(share * cells + 1e-9))
    return Text.assemble((full * filled, style), (rest * (cells - filled), "bright_black"))


def _leading(leader: Leader, width: int, ascii_only: bool) -> Text:
    text = Text.assemble("best so far  ", (inert(leader.key), "bold"), f" {number(leader.value)}", no_wrap=True)
    if leader.successes is not None:
        low, high = wilson(leader.successes, leader.seeds)
        text.append(f", success {leader.successes}/{leader.seeds} ({percent(low)} to {percent(high)})")
    text.truncate(max(width - 1, 1), overflow="crop" if ascii_only else "ellipsis")
    return text


def _totals(state: Board, width: int, ascii_only: bool) -> Text:
    share = state.snapshot.share
    bar = meter(share, max(10, min(40, width - 60)), ascii_only, "green" if share >= 1 else "cyan")
    arms = state.snapshot.arms
    trials = f"{_total(arms, 'done')}/{_total(arms, 'total')} trials"
    shown = (bar, " ") if width >= NARROW else ()
    text = Text.assemble((trials, "bold"), "  ", *shown, f"{percent(share)}  ", _times(state))
    if state.snapshot.doing:
        text.append(f"  {inert(state.snapshot.doing)}", style="dim")
    return text


def arms_table(arms: tuple[ArmProgress, ...], width: int, ascii_only: bool = False) -> Table:
    """A row an arm."""
    wide, narrow = width >= WIDE, width < NARROW
    shape = box.ASCII2 if ascii_only else box.SIMPLE_HEAD
    table = Table(box=shape, pad_edge=False, header_style="bold", padding=(0, 1), collapse_padding=not wide)
    overflow: Literal["crop", "ellipsis"] = "crop" if ascii_only else "ellipsis"
    table.add_column("arm", no_wrap=True, overflow=overflow, max_width=28 if wide else 18)
    if wide:
        table.add_column("", no_wrap=True, overflow=overflow)
    counts = () if narrow else tuple(COUNTS) if wide else tuple(COUNTS.values())
    for name in ("trials", *counts, "best", "success"):
        table.add_column(name, justify="right", no_wrap=True, overflow=overflow)
    table.add_column("confirm", no_wrap=True, overflow=overflow)
    for arm in arms:
        bar = [meter(arm.done / arm.total if arm.total else 0.0, 16, ascii_only)] if wide else []
        table.add_row(Text(inert(arm.arm)), *bar, *_cells(arm, bool(counts), ascii_only))
    return table


def _cells(arm: ArmProgress, counts: bool, ascii_only: bool) -> list[Text]:
    styles = {"running": "cyan", "diverged": "yellow", "failed": "red"}
    none = Text("-" if ascii_only else "·", style="dim")
    numbers = [Text(str(n), style=styles.get(name, "")) if (n := getattr(arm, name)) else none for name in COUNTS]
    return [
        Text(f"{arm.done}/{arm.total}"),
        *(numbers if counts else []),
        Text("" if arm.best is None else number(arm.best)),
        Text("" if arm.success is None else percent(arm.success)),
        Text(inert(arm.confirm), style=STYLES.get(arm.confirm, "")),
    ]


def _times(state: Board) -> str:
    if state.snapshot.share >= 1:
        return f"{duration(state.elapsed)} elapsed"
    left = "time left not known yet" if state.left is None else f"about {duration(state.left)} left"
    return f"{duration(state.elapsed)} elapsed, {left}"


def _total(arms: tuple[ArmProgress, ...], name: str) -> int:
    return int(sum(getattr(arm, name) for arm in arms))
