"""Files and folders that are their owner's alone: made so, and refused where they are anything else."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER, FILE = 0o700, 0o600


class NotPrivate(PermissionError):
    """Others can read it, or it is another's; the message says which, and what is allowed."""


def make_folder(path: Path, mode: int = FOLDER) -> Path:
    """The folder ``path``, made with ``mode`` where there is none, as are those above it.

    Raises:
        NotPrivate: it is there, and others may do more with it, or it is another user's.
    """
    for missing in reversed([each for each in (path, *path.parents) if not each.exists()]):
        with contextlib.suppress(FileExistsError):
            missing.mkdir(FOLDER)
            missing.chmod(mode)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotPrivate(f"{path}: not a folder; a folder of your own with mode {mode:04o} is allowed")
    _refuse_shared(path, found, mode)
    return path


def write_new(path: Path, text: str) -> None:
    """Writes a file of mode 0600, whole or not at all.

    Raises:
        FileExistsError: there is one.
    """
    with _aside(path, text, None) as aside:
        os.link(aside, path)  # which replaces nothing


def replace(path: Path, text: str, owner: int | None = None) -> None:
    """Writes a file of mode 0600 over what was there, whole; ``owner``'s, if that is another user."""
    with _aside(path, text, owner) as aside:
        aside.replace(path)


def read(path: Path) -> str:
    """What the file holds. What is looked at is what is read: another cannot be put in its place in between.

    Raises:
        FileNotFoundError: there is none.
        NotPrivate: others may read it, it is another user's, or it is no plain file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if path.is_symlink():
            raise NotPrivate(f"{path}: a link; a plain file of your own with mode 0600 is allowed") from None
        raise error
    with open(descriptor, encoding="utf-8") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NotPrivate(f"{path}: not a plain file; one of your own with mode 0600 is allowed")
        _refuse_shared(path, found, FILE)
        return file.read()


def made(path: Path, text: str) -> str:
    """What the file holds, which is ``text`` where there was none."""
    try:
        write_new(path, text)
    except FileExistsError:
        return read(path)
    return text


@contextmanager
def lock(path: Path, taken: Exception) -> Iterator[None]:
    """Holds the lock file ``path``, of mode 0600; raises ``taken`` where another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise taken from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _aside(path: Path, text: str, owner: int | None) -> Iterator[Path]:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
            if owner is not None:
                os.fchown(descriptor, owner, -1)
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def _refuse_shared(path: Path, found: os.stat_result, allowed: int) -> None:
    mode, told = stat.S_IMODE(found.st_mode), f"your own with mode {allowed:04o} is allowed"
    if found.st_uid != os.geteuid():
        raise NotPrivate(f"{path}: belongs to user {found.st_uid}, and you are {os.geteuid()}; {told}")
    if mode & ~allowed:
        raise NotPrivate(f"{path}: mode {mode:04o}, which others may read; {told}: chmod {allowed:o} {path}")
