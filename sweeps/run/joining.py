"""Which Ray a sweep runs on: one of its own, or the cluster that ``RAY_ADDRESS`` names, opened by that one's token."""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

ADDRESS, MODE, TOKEN, TOKEN_PATH = "RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
PATIENCE = 10.0  # seconds for a head to answer; Ray itself would ask for ever
_SHAPE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")


class NoCluster(RuntimeError):
    """The cluster that was named can't be joined; the message says which, and why."""


def address_of(environment: Mapping[str, str] = os.environ) -> str | None:
    """The address of the cluster to join; None where the sweep starts a Ray of its own.

    >>> address_of({"RAY_ADDRESS": "head:6379"}), address_of({"RAY_ADDRESS": "local"}), address_of({})
    ('head:6379', None, None)

    Raises:
        NoCluster: what is named is no address.
    """
    said = environment.get(ADDRESS, "")
    if said in ("", "local"):
        return None
    if not _SHAPE.fullmatch(said):
        raise NoCluster(f"{ADDRESS}: {said!r} is no address; HOST:PORT of a Ray head is allowed, or local")
    return said


def refuse_closed(address: str) -> None:
    """Raises ``NoCluster`` where nothing answers at ``address``, or there is no token for it that is ours alone."""
    _refuse_open_token(os.environ)
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise NoCluster(f"{ADDRESS}: nothing answers at {address}: {why}; a Ray head's is allowed, or local") from error


def _refuse_open_token(environment: Mapping[str, str]) -> None:
    if environment.get(MODE, "token") != "token" or environment.get(TOKEN):
        return
    path = Path(environment.get(TOKEN_PATH) or Path.home() / ".ray" / "auth_token")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        what = f"no token for the cluster of {ADDRESS}: {path}: {error.strerror}"
        raise NoCluster(f"{TOKEN_PATH}: {what}; the file that holds it is allowed, with mode 0600") from error
    if mode & 0o077:
        raise NoCluster(f"{TOKEN_PATH}: others can open {path} (mode {mode:04o}); mode 0600 is allowed")
