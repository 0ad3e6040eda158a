"""The token that opens a cluster, in a file of mode 0600 that we made; Ray is told where it lies, never what it says.

Ray by itself would make ``~/.ray/auth_token`` with mode 0644, or take whatever lies there.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from cluster import private
from cluster.errors import Told

BYTES = 32
_MADE = re.compile(rf"[0-9a-f]{{{2 * BYTES}}}")
MODE, PATH, VALUE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN"


class BadToken(Told):
    """The file holds something else; the message does not say what."""


def make(path: Path) -> str:
    """The token in ``path``, a new one where there is none. Two that come at once get the same.

    Raises:
        private.NotPrivate: others may read it. BadToken: it is not one of ours.
    """
    private.make_folder(path.parent)
    return _checked(path, private.made(path, secrets.token_hex(BYTES) + "\n"))


def read(path: Path) -> str:
    """The token in ``path``.

    Raises:
        FileNotFoundError: there is none. private.NotPrivate, BadToken: as of ``make``.
    """
    return _checked(path, private.read(path))


def authenticated(environment: Mapping[str, str], path: Path) -> dict[str, str]:
    """``environment`` for Ray with the token of ``path``; a token in the environment itself goes, as Ray prefers it.

    Raises:
        as ``read``.
    """
    read(path)
    return {**{name: value for name, value in environment.items() if name != VALUE}, MODE: "token", PATH: str(path)}


def _checked(path: Path, text: str) -> str:
    token = text.strip()
    if not _MADE.fullmatch(token):
        raise BadToken(f"{path}: no token of ours; one that `python -m cluster` made, or a copy of it, is allowed")
    return token
