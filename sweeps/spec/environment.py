"""``${env:NAME}`` in a spec's text: what stands in the environment, and never in a message or a record.

An address (``ADDRESSES``) may hold a secret, so it stays text wherever it is kept, and is expanded where it is used.
Any other value is expanded when the spec is read.
"""

from __future__ import annotations

import os
import re

from sweeps.spec.redact import redacted, tells_password

ADDRESSES = ("storage", "tracking", "studies")
REFERENCE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Unset(LookupError):
    """A variable that a spec refers to is not set; the message names it."""


def refers(text: str) -> bool:
    """Whether there is something to expand."""
    return REFERENCE.search(text) is not None


def expand(text: str) -> str:
    """The text with the environment's values; ``${env:NAME:-else}`` is ``else`` where NAME is not set or empty.

    >>> expand("a ${env:NO_SUCH_NAME:-b}")
    'a b'

    Raises:
        Unset: a variable without a default is not set.
    """
    return REFERENCE.sub(_value, text)


def _value(reference: re.Match[str]) -> str:
    name, default = reference.groups()
    value = os.environ.get(name)
    if default is not None:
        return value or default
    if value is None:
        raise Unset(f"{reference[0]}: {name} is not set in the environment; `export {name}=…` before, or a default "
                    f"as in ${{env:{name}:-…}}, is allowed")  # fmt: skip
    return value


def trouble(text: str) -> tuple[str, str] | None:
    """What is wrong with the references in a text, and what is allowed; None where they can be expanded."""
    rest = REFERENCE.sub("", text)
    if "${" in rest:
        bad = rest[rest.index("${") :].partition("}")
        return f"{bad[0][:40] + bad[1]!r} refers to nothing", "${env:NAME} or ${env:NAME:-default} is allowed"
    try:
        value = expand(text)
    except Unset as error:
        what, _, allowed = str(error).partition("; ")
        return what, allowed
    if not value.isprintable():
        return f"what {text} holds cannot be printed", "text of one line is allowed"
    return None


def holds_password(text: str) -> bool:
    """Whether an address in the text gives a password itself, or as a default.

    >>> holds_password("http://me:hush@host"), holds_password("http://me:${env:PW}@host"), holds_password("http://h:80/")
    (True, False, False)
    """
    plain = REFERENCE.sub(lambda reference: reference[2] or "", text)
    return tells_password(plain)


def veiled(message: str, text: str) -> str:
    """A message in which nothing is said of what ``text`` refers to in the environment, nor any password."""
    for reference in REFERENCE.finditer(text):
        value = os.environ.get(reference[1])
        message = message.replace(value, reference[0]) if value else message
    return redacted(message)
