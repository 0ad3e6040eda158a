"""A command from outside: how long it takes, what its own process holds in memory, how busy its whole tree is."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil


class Look(NamedTuple):
    """One moment: seconds since the start, megabytes of the process itself, CPU seconds of it and all below it, and
    how many trials were ``done``."""

    seconds: float
    megabytes: float
    cpu: float
    done: int


class Watched(NamedTuple):
    """A command that has ended well."""

    seconds: float
    looks: list[Look]

    def growth(self, first: int, last: int) -> float:
        """Megabytes by which the process grew per 1000 trials, from the ``first`` until the ``last``: a fitted line."""
        from scipy.stats import linregress

        inside = [look for look in self.looks if first <= look.done < last]
        return 1000 * float(linregress([x.done for x in inside], [x.megabytes for x in inside]).slope)

    def busy(self, since: float, until: float) -> float:
        """Cores that were busy on average between two moments."""
        inside = [look for look in self.looks if since <= look.seconds <= until]
        return (inside[-1].cpu - inside[0].cpu) / (inside[-1].seconds - inside[0].seconds)


class Ended(RuntimeError):
    """The command failed; the message holds what it said."""


def watch(command: Sequence[str], log: Path, done: Callable[[], int] = lambda: 0, every: float = 0.5) -> Watched:
    """Runs ``command`` with its output in ``log`` and looks at it now and then; ``done`` counts trials.

    Raises:
        Ended: its exit code is not 0.
    """
    began, looks = time.monotonic(), []
    spent: dict[int, float] = {}  # of processes below, by pid: the dead ones count too
    with open(log, "wb") as output:
        process = psutil.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            try:
                for each in (process, *process.children(recursive=True)):
                    times = each.cpu_times()
                    spent[each.pid] = times.user + times.system
                held = process.memory_info().rss / 1e6
            except psutil.NoSuchProcess:
                continue
            looks.append(Look(time.monotonic() - began, held, sum(spent.values()), done()))
            time.sleep(every)
    seconds = time.monotonic() - began
    if process.returncode != 0:
        raise Ended(f"{' '.join(command)}: exit code {process.returncode}\n{log.read_text(errors='replace')[-3000:]}")
    return Watched(seconds, looks)
