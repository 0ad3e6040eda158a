"""Passwords and tokens taken out of what is shown: each message or tag that may hold an address comes by here."""

from __future__ import annotations

import re

HIDDEN = "***"
PASSWORD = re.compile(r"(://[^\s/:@?#\[]*:)(?!\d*(?:[/?#\s]|$))\S{1,512}@")  # also with a / in it, which no port has
_TOKEN = re.compile(r"(https?://)[^\s/:@?#]+@")  # where a token stands in place of a user, as in a git remote
_NAMED = re.compile(
    r"(?i)\b((?:[a-z0-9]+[_-])*(?:password|passwd|token|secret|signature|(?:api|access|secret)_?key)=)[^&\s'\"]+"
)


def redacted(text: str) -> str:
    """``text`` without the passwords of its addresses.

    >>> redacted("no answer from postgresql://sweeps:pa:ss@db/studies?sslmode=require")
    'no answer from postgresql://sweeps:***@db/studies?sslmode=require'
    >>> redacted("https://ghp_12345@example.org/a.git, postgresql://sweeps@db/x?password=123&application_name=a")
    'https://***@example.org/a.git, postgresql://sweeps@db/x?password=***&application_name=a'
    """
    hidden = PASSWORD.sub(rf"\g<1>{HIDDEN}@", text)
    return _NAMED.sub(rf"\g<1>{HIDDEN}", _TOKEN.sub(rf"\g<1>{HIDDEN}@", hidden))
