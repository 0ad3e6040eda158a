"""A trial's failure: the one line that people read, and the traceback in its record."""

from __future__ import annotations

import contextlib
import traceback
from typing import TYPE_CHECKING, NamedTuple

from sweeps.run import memory
from sweeps.spec.redact import redacted

if TYPE_CHECKING:
    from sweeps.records.store import Store
    from sweeps.search.trials import Trial

LINE, TRACEBACK = 300, 100_000  # characters that are kept


class Failure(NamedTuple):
    """Why an attempt failed, in one line; whether another may fare better; whether memory was what it lacked."""

    error: str
    retry: bool = True
    out_of_memory: bool = False


def failure_of(error: BaseException, store: Store, trial: Trial) -> Failure:
    """What to tell the driver; the traceback goes into the record of the attempt."""
    whole = redacted("".join(traceback.format_exception(error)))
    text = whole if len(whole) <= TRACEBACK else f"{whole[: TRACEBACK // 2]}\n…\n{whole[-TRACEBACK // 2 :]}"
    with contextlib.suppress(OSError):  # where the storage itself is what failed, the one line must do
        place = f"trials/{trial.key}/attempt-{trial.attempt}/error.txt"
        store.replace(place, text.encode(errors="backslashreplace"))
    if memory.is_shortage(error):
        return Failure(out_of_memory(trial, line_of(error)), out_of_memory=True)
    return Failure(line_of(error), retry=not isinstance(error, (ValueError, TypeError)))


def out_of_memory(trial: Trial, detail: str) -> str:
    """The line of a trial that had too little memory."""
    members = len(trial.seeds)
    return f"out of memory with {members} members, {trial.chunk or members} at once: {detail}"[:LINE]


def line_of(error: BaseException) -> str:
    """An exception's type and message as one printable line, whatever its message is."""
    try:
        said = str(error)[: 10 * LINE]
    except Exception:  # a user's own exception may be unable to say anything
        said = "(its message cannot be made)"
    line = redacted(f"{type(error).__name__}: {' '.join(said.split())}").removesuffix(": ")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)[:LINE]
