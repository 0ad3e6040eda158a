"""Templates in which nothing is written unquoted: what a value is quoted for is said where it stands.

``{{ value | sh }}`` is a word of a shell, ``| yaml`` a value of YAML, and so on; a value without such a filter is
refused when it is rendered (numbers pass), so that a template that forgets one cannot be used at all.
"""

from __future__ import annotations

import functools
import math
import re
import shlex
from collections.abc import Iterable
from typing import Any

import jinja2
import yaml

PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_/.+-]*(:[A-Za-z0-9_/.+-]+)*")
BARE = re.compile(r"[A-Za-z0-9_/.,:=@%+-]+")


class Quoted(str):
    """Text that may stand where it is put."""


class Unquoted(TypeError):
    """A template puts a value into text without saying what for."""


def as_yaml(value: str) -> Quoted:
    """A text as a value of YAML on one line; without quotes where it is read back as the same text.

    >>> as_yaml("a b: c"), as_yaml("no"), as_yaml("/shared/runs")
    ('"a b: c"', '"no"', '/shared/runs')
    """
    if PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return Quoted(value)
    return Quoted(yaml.safe_dump(str(value), default_style='"', width=math.inf).removesuffix("\n"))


def as_block(text: str, indent: int) -> Quoted:
    """A text of several lines as a value of YAML: as it is, ``indent`` deep, where that is read back as the same text.

    >>> print("key: " + as_block("one\\ntwo\\n", 2))
    key: |
      one
      two
    """
    lines = "".join(f"{' ' * indent}{line}\n" if line else "\n" for line in text.split("\n")).rstrip("\n")
    made = f"|\n{lines}"
    try:
        whole = yaml.safe_load(f"key: {made}\n") == {"key": text}
    except yaml.YAMLError:
        whole = False
    return Quoted(made) if whole else as_yaml(text)


def as_quantity(amount: int) -> Quoted:
    """Bytes as Kubernetes says them.

    >>> as_quantity(16 * 10**9), as_quantity(4 * 2**30), as_quantity(1500)
    ('16G', '4Gi', '1500')
    """
    units = {"Ti": 2**40, "Gi": 2**30, "Mi": 2**20, "T": 10**12, "G": 10**9, "M": 10**6}
    unit = next((unit for unit, size in units.items() if amount % size == 0), "")
    return Quoted(f"{amount // units.get(unit, 1)}{unit}")


def as_shell(value: str | int) -> Quoted:
    """One word of a POSIX shell.

    >>> as_shell("$(id) it's")
    '\\'$(id) it\\'"\\'"\\'s\\''
    """
    return Quoted(shlex.quote(str(value)))


def as_bare(value: str | int) -> Quoted:
    """A word where nothing can be quoted (an #SBATCH line, an nftables set): refused if it would need to be.

    Raises:
        ValueError: it would.
    """
    if not BARE.fullmatch(str(value)):
        raise ValueError(f"{value!r} cannot be written here; letters, digits and _/.,:=@%+- are allowed")
    return Quoted(value)


def as_bare_list(values: Iterable[str | int]) -> Quoted:
    """Words as above, with commas between."""
    return Quoted(", ".join(map(as_bare, values)))


def as_systemd(value: str | int) -> Quoted:
    """One word of a systemd command line: its specifiers (%) and variables ($) are said literally.

    >>> as_systemd("50% of $HOME")
    '"50%% of $$HOME"'
    """
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return Quoted(escaped if BARE.fullmatch(escaped) else f'"{escaped}"')


def as_compose(value: str) -> str:
    """Text in which docker compose puts in nothing of the environment; to be quoted further.

    >>> as_compose("$HOME")
    '$$HOME'
    """
    return value.replace("$", "$$")


def _finalize(value: Any) -> Any:
    if isinstance(value, Quoted) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise Unquoted(f"a template writes {value!r} without a filter that quotes it")


FILTERS = {
    "yaml": as_yaml,
    "block": as_block,
    "quantity": as_quantity,
    "sh": as_shell,
    "bare": as_bare,
    "bare_list": as_bare_list,
    "systemd": as_systemd,
    "compose": as_compose,
}


@functools.cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("cluster"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # there is no HTML here; what quotes is said above
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= FILTERS
    return made


def fill(template: str, **values: Any) -> str:
    """The text of ``cluster/templates/TEMPLATE`` with these values."""
    return _environment().get_template(template).render(**values)
