"""A user's game with which something is the matter: it hangs, wants memory, or its worker is to leave."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minmax.types import Game, Players

CALLS_BEFORE = 60  # of a loss: past a rehearsal, before the second report


def sick(
    trouble: str = "none", mark: str = "mark", megabytes: int = 0, only: float = 0.0, group: str = "", limit: int = 0
) -> Game:
    """f(x, y) = xy.

    ``trouble`` comes once, to the first trial that creates the file ``mark``: ``hang`` for ever, or ``leave``, a
    SIGTERM to its own process. ``megabytes`` are what each member takes for the length of a step, of trials whose x has
    moved beyond ``only``. With a control ``group`` they are written to, by a process that may have no more than
    ``limit`` megabytes more than it has: the kernel ends one that wants more.
    """
    calls = 0

    def value(players: Players, batch: Any) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == CALLS_BEFORE and trouble != "none":
            _once(trouble, Path(mark))
        x, y = players["x"], players["y"]
        if megabytes and len(x) > 1 and bool((x.abs() > only).any()):
            taken = torch.empty(len(x), megabytes, 2**18)  # counts once it is reserved
            if group and calls <= CALLS_BEFORE:  # it takes long
                _enter(Path(group) / str(os.getpid()), limit * 2**20)
                taken.fill_(1.0)
        return (x * y).sum(-1)

    return Game(
        init=lambda generator: {name: torch.rand((1,), generator=generator) + 0.5 for name in ("x", "y")},
        losses={"x": value, "y": lambda players, batch: -(players["x"] * players["y"]).sum(-1)},
        solution={name: torch.zeros(1) for name in "xy"},
        native=True,
    )


def _enter(group: Path, limit: int) -> None:
    """Makes this process a group of its own, as a container is one; what it has already counts elsewhere."""
    if not group.exists():
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(limit))
        (group / "cgroup.procs").write_text(str(os.getpid()))


def _once(trouble: str, mark: Path) -> None:
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    mark.write_text(str(os.getpid()))
    if trouble == "leave":
        os.kill(os.getpid(), signal.SIGTERM)
    while trouble == "hang":
        time.sleep(1)
