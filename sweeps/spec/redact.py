"""Passwords and tokens taken out of what is shown: each message or tag that may hold an address comes by here."""

from __future__ import annotations

import re

HIDDEN = "***"
VALUE = r"""[^&\s"]*[^&\s"'(),;:\]}>]"""  # a name's; what a sentence or a list ends with is not of it
NAMES = (
    r"passw(?:or)?d|passphrase|pwd|token|secret|signature|credentials?"
    r"|(?:api|access|secret|private|account)[_-]?key(?:[_-]?id)?"
)
IS = r"(?:\[\w*\]|%5B\w*%5D)?(?:=|%3D)"  # also where an address is part of another one's query
PASSWORDS = [
    re.compile(r"(://[^\s/:@?#\[]*:)(?!\d*(?:[/?#\s]|$))\S{1,512}(@)"),  # also with a / in it, which no port has
    re.compile(r"(?i)(%3A%2F%2F[^\s/:@?#&%]*%3A)(?!\d*(?:%2F|[&\s]|$))[^\s&]{1,512}?(%40)"),
    re.compile(rf"(?i)((?:{NAMES}){IS}){VALUE}()"),
    re.compile(rf"(?i)([?&;#](?:auth|key|sig){IS}){VALUE}()"),
]
TOKEN = re.compile(r"(https?://)[^\s/:@?#]+(@)")  # where one stands in place of a user, as in a git remote


def redacted(text: str) -> str:
    """``text`` without the passwords of its addresses.

    >>> redacted("no answer from postgresql://sweeps:pa:ss@db/studies?sslmode=require")
    'no answer from postgresql://sweeps:***@db/studies?sslmode=require'
    >>> redacted("https://ghp_12345@example.org/a.git, postgresql://sweeps@db/x?password=123&application_name=a")
    'https://***@example.org/a.git, postgresql://sweeps@db/x?password=***&application_name=a'
    """
    for pattern in (*PASSWORDS, TOKEN):
        text = pattern.sub(rf"\g<1>{HIDDEN}\g<2>", text)
    return text


def tells_password(text: str) -> bool:
    """Whether an address in the text gives a password or a token; a user's name alone may be one or not, and is none.

    >>> tells_password("http://me@host?user=me"), tells_password("http://host/?access_token=hush")
    (False, True)
    """
    return any(pattern.search(text) for pattern in PASSWORDS)
