"""Registries: a name for everything a spec can ask for, and the user's own ``module:function`` beside it."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any


class UnknownName(ValueError):
    """A name that no registry holds; the message says what was meant and what there is."""


class Registry(Mapping[str, Callable[..., Any]]):
    """Builders by name. An entry is ``"package.module:attribute"`` and is imported when it is asked for.

    >>> colours = Registry("colour", {"red": "fractions:Fraction"})
    >>> colours.build("red", 1, 2)
    Fraction(1, 2)
    >>> colours["rad"]
    Traceback (most recent call last):
    minmax.registry.UnknownName: unknown colour 'rad'; did you mean 'red'? known: red; or your own as module:function
    """

    def __init__(self, kind: str, entries: dict[str, str]) -> None:
        self.kind = kind
        self._entries: dict[str, str | Callable[..., Any]] = dict(entries)

    def __getitem__(self, name: str) -> Callable[..., Any]:
        entry = self._entries.get(name)
        if callable(entry):
            return entry
        if entry is None and ":" not in name:
            raise UnknownName(self.explain(name))
        builder = _load(self.kind, entry or name)
        if entry is not None:
            self._entries[name] = builder
        return builder

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def build(self, name: str, /, *args: Any, **options: Any) -> Any:
        """What ``name`` builds with these options."""
        return self[name](*args, **options)

    def register(self, name: str, builder: str | Callable[..., Any]) -> None:
        """Adds a builder, or ``"module:function"``; a name is registered once."""
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered already")
        self._entries[name] = builder

    def explain(self, name: str) -> str:
        """One sentence for a name that is not here."""
        known = f"{did_you_mean(name, self._entries)}known: {', '.join(sorted(self._entries))}"
        return f"unknown {self.kind} {name!r}; {known}; or your own as module:function"


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """``did you mean 'trials'? `` where something known is close.

    >>> did_you_mean("trails", ["trials", "seeds"])
    "did you mean 'trials'? "
    """
    close = difflib.get_close_matches(given, list(known), n=1)
    return f"did you mean {close[0]!r}? " if close else ""


def check_known(option: str, given: str, known: Collection[str]) -> None:
    """That an option's value is one of those it has.

    Raises:
        ValueError: it is not.
    """
    if given not in known:
        raise ValueError(f"{option}: {given!r} given; allowed: {', '.join(known)}")


def _load(kind: str, path: str) -> Callable[..., Any]:
    module, _, attribute = path.partition(":")
    try:
        builder = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnknownName(f"{kind} {path!r} cannot be imported: {error}") from error
    if not callable(builder):
        raise UnknownName(f"{kind} {path!r} is a {type(builder).__name__}, not something to call")
    return builder
