"""Where a spec's values come from: their places in its files, and the problems that are reported there."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sweeps.spec.environment import REFERENCE, expand
from sweeps.spec.redact import redacted

UNREMARKABLE = 5
"""Letters of a value from the environment that is hidden in quotes only: such words stand in any message."""

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the top: ``("optimizers", 4, "name")``."""


class Problem(NamedTuple):
    """One thing wrong with a spec; printed as ``file:line: key: what is wrong; what is allowed``."""

    file: str
    line: int  # from 1; 0: the file as a whole
    key: str
    what: str
    allowed: str
    column: int = 0

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        said = f"{self.what}; {self.allowed}" if self.allowed else self.what
        return redacted(": ".join(part for part in (where, self.key, said) if part))


class SpecErrors(ValueError):
    """All problems of a spec: those without a line first, then file by file in the order of their lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda it: (it.line > 0, it.line > 0 and it.file, it.line, it.column))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass
class Source:
    """What was read. ``where`` maps each key path to its (line, column), counted from 1; ``origin`` names the other
    file, or the override (which has no line), that a path comes from. ``text`` says it all as one file would."""

    file: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    where: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    origin: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    settled: set[KeyPath] = field(default_factory=set)
    _hidden: dict[KeyPath, str] = field(default_factory=dict)
    _veils: list[tuple[re.Pattern[str], str]] = field(default_factory=list)

    def report(
        self, path: KeyPath, what: str, allowed: str = "", *, missing: bool = False, of_key: bool = False
    ) -> None:
        """Notes a problem at ``path``, or at the nearest thing above it that the text has; one problem a path.

        A ``missing`` key is named in full, at the line of what it is missing from. Nothing that the environment holds
        is said: neither what is wrong with it (a problem ``of_key`` is not about the value) nor the value itself.
        """
        place = path
        while place and place not in self.where and place not in self.origin:
            place = place[:-1]
        key = path if missing or not place else place
        if key in self.settled:
            return
        self.settled.add(key)
        reference = next((text for hidden, text in self._hidden.items() if path[: len(hidden)] == hidden), None)
        if reference is not None and not missing and not of_key:
            what, allowed = f"what {reference} holds is not allowed here", "the value itself in its place says why"
        for veil, text in self._veils:
            what, allowed = veil.sub(lambda _: text, what), veil.sub(lambda _: text, allowed)  # noqa: B023  # at once
        line, column = self.where.get(place, (0, 0) if place in self.origin else (1, 1))
        file = self.origin.get(place, self.file)
        self.problems.append(Problem(file, line, dotted(key), what, allowed, column))

    def hide(self, path: KeyPath, text: str) -> None:
        """Takes what ``text`` refers to in the environment, which stands at ``path``, for something not to be said."""
        self._hidden[path] = shown(text)
        for value in {expand(text), *(expand(reference[0]) for reference in REFERENCE.finditer(text))}:
            forms = {shown(value), repr(value), *([value] if len(value) > UNREMARKABLE else [])}
            pattern = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
            self._veils.append((re.compile(rf"(?<!\w)(?:{pattern})(?!\w)"), shown(text)))

    def is_sound(self, path: KeyPath) -> bool:
        """Whether nothing was said about ``path`` or a part of it."""
        return not any(settled[: len(path)] == path for settled in self.settled)


def dotted(path: KeyPath) -> str:
    """A path as people write it.

    >>> dotted(("optimizers", 4, "name"))
    'optimizers[4].name'
    """
    words = (part if isinstance(part, int) or part.isprintable() else repr(part) for part in path)
    return "".join(f"[{word}]" if isinstance(word, int) else f".{word}" for word in words).removeprefix(".")


def shown(value: object) -> str:
    """A value in a message: short, and with control characters escaped.

    >>> shown(True), shown("x" * 100), shown({})
    ('true', "'xxxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxxx'", 'a mapping')
    """
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    return "a mapping" if isinstance(value, dict) else _SHORT.repr(value)


class _Short(reprlib.Repr):
    def repr_str(self, x: str, level: int) -> str:
        return super().repr_str(redacted(x), level)  # before the middle is left out, and with it what tells a password


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 62
