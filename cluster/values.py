"""What one value of ``cluster.yaml`` may be: the types that its models put on their fields.

Each check raises ``wrong(what, allowed)``, which names no key: the reader knows where the value stands. A value that is
accepted has no control character in it and no line break, so that no template has to think of one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from cluster.source import shown

REFERENCE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
"""Where a value comes from at run time: a name in the environment, and never what stands there."""

PASSWORD = re.compile(r"://[^\s/@]*:[^\s/@]+@|(?i:password|passwd|token|secret|access_?key)=")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


class Model(BaseModel):
    """A part of the file. Frozen: no value is set but through its checks."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def wrong(what: str, allowed: str) -> PydanticCustomError:
    """The error of a value: what is wrong with it, what is allowed."""
    return PydanticCustomError("config", "{what}; {allowed}", {"what": what, "allowed": allowed})


def matching(pattern: str, allowed: str) -> AfterValidator:
    """A check that a text is the pattern as a whole."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise wrong(f"is {shown(text)}", f"{allowed} is allowed")
        return text

    return AfterValidator(check)


def _quantity(units: dict[str, int], example: str) -> Callable[[Any], int]:
    pattern = re.compile(rf"(\d{{1,9}}(?:\.\d{{1,3}})?) ?({'|'.join(units)})", re.ASCII)

    def check(given: Any) -> int:
        found = pattern.fullmatch(given) if isinstance(given, str) else None
        amount = round(float(found[1]) * units[found[2]]) if found else 0
        if amount <= 0:
            raise wrong(f"is {shown(given)}", f"{example} is allowed")
        return amount

    return check


def in_words(units: dict[str, int]) -> Callable[[int], str]:
    """The inverse: in the largest unit of which an amount is a whole number.

    >>> in_words(BYTES)(16 * 10**9), in_words(SECONDS)(5400)
    ('16GB', '90m')
    """
    by_size = sorted(units, key=lambda unit: units[unit], reverse=True)

    def words(amount: int) -> str:
        unit = next((unit for unit in by_size if amount % units[unit] == 0), by_size[-1])
        return f"{amount / units[unit]:.15g}{unit}"

    return words


def no_secret(text: str) -> str:
    """An address that gives no password itself."""
    if PASSWORD.search(REFERENCE.sub("", text)):
        raise wrong("holds a secret", "${env:NAME} in its place is allowed")
    return text


def _place(text: str) -> str:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s?#]*)?|(?![a-z0-9]+://).+", text):
        raise wrong(f"is {shown(text)}", "a folder, or an address such as s3://bucket/path, is allowed")
    return text


def _database(text: str) -> str:
    if not REFERENCE.fullmatch(text) and not re.fullmatch(r"postgresql://\S+", text):
        raise wrong(f"is {shown(text)}", "${env:NAME}, or postgresql://user@host/name without a password, is allowed")
    return text


def _net(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise wrong(f"is {shown(text)}", "a network such as 10.0.0.0/16 is allowed") from None


def _line(text: str) -> str:
    if not text or not text.isprintable():
        raise wrong(f"is {shown(text)}", "printable text of one line is allowed")
    return text


LABEL = r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?"
Name = Annotated[str, matching(LABEL, "1 to 40 of a-z, 0-9 and -, a letter first and no - last")]
Word = Annotated[str, matching(r"[A-Za-z0-9_][A-Za-z0-9_.+:@%=-]{0,127}", "a word of letters, digits and _.+:@%=-")]
User = Annotated[str, matching(r"[a-z_][a-z0-9_-]{0,31}", "a user's name (a-z, 0-9, _ and -)")]
Variable = Annotated[str, matching(r"[A-Z_][A-Z0-9_]{0,127}", "the name of an environment variable (A-Z, 0-9, _)")]
Host = Annotated[str, matching(r"(?!-)[A-Za-z0-9.-]{1,253}(?<![-.])|[0-9a-fA-F:]{2,39}", "a host's name or IP address")]
Net = Annotated[str, AfterValidator(_net)]
Port = Annotated[int, Field(ge=1024, le=65535)]
Count = Annotated[int, Field(ge=1, le=10_000)]
Image = Annotated[
    str,
    matching(
        r"[a-z0-9][a-z0-9./_-]{0,200}(:[0-9]+/[a-z0-9./_-]{1,200})?(:(?!latest\Z)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
        r"|@sha256:[0-9a-f]{64})",
        "an image with its tag (not latest) or digest, as registry.example.org/sweeps:1.2",
    ),
]
Line = Annotated[str, AfterValidator(_line)]
Path = Annotated[Line, matching(r"/.*", "an absolute path")]
Place = Annotated[Line, AfterValidator(no_secret), AfterValidator(_place)]
Database = Annotated[Line, AfterValidator(no_secret), AfterValidator(_database)]
Url = Annotated[
    Line,
    AfterValidator(no_secret),
    matching(r"https?://[A-Za-z0-9.:\[\]-]+(/\S*)?", "http://host:port or https://host"),
]
Size = Annotated[
    int, BeforeValidator(_quantity(BYTES, "a size such as 500MB, 16GB or 4GiB")), PlainSerializer(in_words(BYTES))
]
Duration = Annotated[
    int, BeforeValidator(_quantity(SECONDS, "a time such as 90s, 10m, 2h or 1d")), PlainSerializer(in_words(SECONDS))
]
