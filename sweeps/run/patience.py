"""What a worker does when the storage is out (a full disk, a network that is down): it waits, and says that it does."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Generator
from typing import NamedTuple, TypeVar

from sweeps.records.store import RecordExists

FIRST, LONGEST = 0.2, 10.0  # seconds between tries, doubling

T = TypeVar("T")


class Waiting(NamedTuple):
    """A worker waits for its storage: why, and whether that is for room on a disk, which it has all the time for."""

    reason: str
    for_room: bool


def persist(action: Callable[[], T]) -> Generator[Waiting, None, T]:
    """Does it as soon as the storage lets it, yielding before every wait. ``action`` must be safe to begin again.

    Raises:
        RecordExists: that is no outage.
    """
    pause = FIRST
    while True:
        try:
            return action()
        except RecordExists:
            raise
        except OSError as error:
            yield waiting_for(error)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST)


def waiting_for(error: OSError) -> Waiting:
    """What the storage's error is a reason to wait for."""
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return Waiting(reason, error.errno in (errno.ENOSPC, errno.EDQUOT))
