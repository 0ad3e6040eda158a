"""A folder with a short path for sockets and snapshots that nobody reads again."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACE, PREFIX = Path("/tmp"), "sweeps-"  # a socket's name must fit 107 characters, which $TMPDIR may fill by itself
LOCK = "driver.lock"


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder that is gone afterwards. One whose process was killed goes when the next one is made."""
    remove_orphaned()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PLACE))
    try:
        with open(folder / f".{LOCK}", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel lets go of it, however this process ends
            os.rename(lock.name, folder / LOCK)  # so that nobody sees it unlocked
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_orphaned() -> None:
    """Removes this user's folders whose processes are gone."""
    for folder in PLACE.glob(f"{PREFIX}*"):
        try:
            if folder.lstat().st_uid == os.getuid():
                with open(folder / LOCK) as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # its process lives, or it is none of ours
