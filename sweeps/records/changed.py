"""What differs between a sweep as it was begun and as it would be gone on with: its spec, versions, code."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sweeps.spec.redact import redacted

if TYPE_CHECKING:
    from sweeps.spec.sweep import Sweep

OWN = ("minmax", "sweeps")
OPEN = {"trials", "budget", "search", "resources", "limits", "tracking"}  # keys that may change as a sweep goes on
PLACES = {"storage", "studies", "tracking"}  # which name no function
FUNCTION = re.compile(r"([A-Za-z_][\w.]*):[A-Za-z_]\w*")
LONG = 60  # characters of a value that are shown


class Changed(RuntimeError):
    """A sweep would be gone on with otherwise than it was begun; the message lists every difference."""


class Change(NamedTuple):
    """One difference. ``key``: ``spec.trials``, ``versions.torch``, ``code.mygame``."""

    key: str
    before: Any
    after: Any

    @property
    def is_bound(self) -> bool:
        """Whether nobody may accept it: trials before and after could not be compared."""
        part, _, key = self.key.partition(".")
        if part != "spec":
            return False
        return key not in OPEN or (key == "resources" and bool(self.before["gpu"]) != bool(self.after["gpu"]))

    def __str__(self) -> str:
        return f"{self.key}: {_short(self.before)} -> {_short(self.after)}{' (bound)' if self.is_bound else ''}"


def code_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of what runs: this project's own source, and each module of the user's that the spec names."""
    root = Path(__file__).parents[2]
    own = hashlib.sha256()
    for path in sorted(path for package in OWN for path in (root / package).rglob("*.py")):
        own.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return {"minmax-sweeps": own.hexdigest(), **{name: _source(name) for name in sorted(set(modules(spec)))}}


def of_spec(begun: Sweep, asked: Sweep) -> list[Change]:
    """Keys that the spec now says otherwise; where a sweep lies is not one of them."""
    before, after = begun.normalized(), asked.normalized()
    keys = [key for key in {**before, **after} if key not in ("name", "storage")]
    return [Change(f"spec.{key}", before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


def of_what_runs(about: Mapping[str, Any], versions: Mapping[str, str], code: Mapping[str, str]) -> list[Change]:
    """Versions and code that are not those in the sweep's own note ``about`` it.

    A commit says nothing by itself: the code may be the same, or be changed since. It counts where no code was noted.
    """
    noted = about.get("code")
    skipped = set() if noted is None else {"commit"}
    pairs = [("versions", about["versions"], versions, skipped), ("code", noted or {}, code if noted else {}, set())]
    return [
        Change(f"{part}.{key}", before.get(key), after.get(key))
        for part, before, after, without in pairs
        for key in {**before, **after}
        if key not in without and before.get(key) != after.get(key)
    ]


def refused(name: str, changes: Sequence[Change]) -> Changed:
    """The error that lists them."""
    bound = any(change.is_bound for change in changes)
    way = (
        "what is bound decides what a trial is: the spec as it is now needs another name"
        if bound
        else "`--accept-changes` goes on all the same and notes them in the sweep"
    )
    listed = "\n".join(f"  {change}" for change in changes)
    return Changed(f"sweep {name} was begun otherwise:\n{listed}\n{way}")


def modules(value: Any, key: str = "") -> Iterator[str]:
    """The user's modules that a spec names (``module:function``), as often as it does."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from modules(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from modules(each, key)
    elif isinstance(value, str) and key not in PLACES and (found := FUNCTION.fullmatch(value)):
        yield found[1]


def _source(module: str) -> str:
    try:
        found = importlib.util.find_spec(module)
        return hashlib.sha256(Path(str(found and found.origin)).read_bytes()).hexdigest()
    except (ImportError, OSError, ValueError):
        return "missing"


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = redacted(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    digest = re.fullmatch(r"[0-9a-f]{64}", text)
    return text[:12] if digest else text if len(text) <= LONG else f"{text[:LONG]}…"
