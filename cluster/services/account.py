"""Whom servers run as. PostgreSQL refuses root, and MLflow has no need of it: what root starts runs as another user."""

from __future__ import annotations

import os
import pwd
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from cluster.services.errors import ServiceError

USER = "postgres"  # Debian's package makes it


class Account(NamedTuple):
    """A user. ``foreign`` if it is not the one that we are."""

    name: str
    uid: int
    gid: int
    foreign: bool

    def own(self, path: Path) -> Path:
        """Gives it a file or folder."""
        if self.foreign:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        return path

    def command(self, command: Iterable[str], needs: Iterable[Path] = ()) -> list[str]:
        """``command`` run as this user, who can reach the folders that it ``needs`` even where they lie in a folder
        that it may not enter (a Python in root's home): in a view of the file system of its own, read only."""
        if not self.foreign:
            return list(command)
        drop = ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--no-new-privs"]
        hidden = [(path, closed) for path in needs if (closed := self.closed(path)) is not None]
        if not hidden:
            return [*drop, *command]
        view = ["unshare", "--mount", "--propagation=private", "sh", "-c", _view(hidden), "sh"]
        return [*view, *drop, *command]

    def closed(self, path: Path) -> Path | None:
        """The first folder on the way to ``path``, itself included, that the user may not enter; None if it may all."""
        if self.foreign:
            for folder in [*reversed(path.parents), path]:
                found = folder.stat()
                shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
                if not found.st_mode >> shift & 1:
                    return folder
        return None


def account(user: str | None) -> Account:
    """The user that servers run as: ``user``, by default us, and ``postgres`` where we are root.

    Raises:
        ServiceError: there is no such user, it is root, or we may not become it.
    """
    ours = os.geteuid()
    name = user or (USER if ours == 0 else pwd.getpwuid(ours).pw_name)
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise ServiceError(f"user: there is no {name!r}; an ordinary user of this machine is allowed") from None
    if found.pw_uid == 0:
        raise ServiceError("user: PostgreSQL refuses root; an ordinary user of this machine is allowed")
    if ours not in (0, found.pw_uid):
        raise ServiceError(f"user: only root can start servers as {name!r}; yourself is allowed")
    return Account(name, found.pw_uid, found.pw_gid, found.pw_uid != ours)


def python_folders() -> list[Path]:
    """What this Python needs to run."""
    return [Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()]


def _view(hidden: list[tuple[Path, Path]]) -> str:
    """A shell script that runs its words, with what is needed, read only, in empty folders over the closed ones."""
    lines = ["set -e", "umask 022"]
    lines += [f"exec {number}<{shlex.quote(str(path))}" for number, (path, _) in enumerate(hidden, 3)]
    closed = sorted({closed for _, closed in hidden})
    lines += [f"mount -t tmpfs -o mode=0755,size=1m tmpfs {shlex.quote(str(folder))}" for folder in closed]
    for number, (path, _) in enumerate(hidden, 3):
        there = shlex.quote(str(path))
        lines.append(f"mkdir -p {there}; mount --no-canonicalize --bind /proc/self/fd/{number} {there}")
        lines.append(f"mount -o remount,bind,ro {there}; exec {number}<&-")
    return "\n".join([*lines, "umask 077", 'exec "$@"'])
