"""What the command line sets over a spec: ``optimizers[0].transform=sgd``, the value in YAML."""

from __future__ import annotations

import re
from typing import Any

from sweeps.spec.source import KeyPath, Problem, Source, SpecErrors, dotted, shown
from sweeps.spec.strictyaml import compose, plain

_KEY = re.compile(r"[^.\[\]]+(\[[0-9]{1,6}\])*(\.[^.\[\]]+(\[[0-9]{1,6}\])*)*")
_PART = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")


def override(source: Source, assignment: str) -> None:
    """Sets one value; makes the mappings on the way, a bare name on the way into ``{name: …}``."""
    file = f"override {shown(assignment)}"
    key, equals, text = assignment.partition("=")
    if not equals or not _KEY.fullmatch(key.strip()):
        what = "key=value, key.key=value or key[0].key=value is allowed"
        source.problems.append(Problem(file, 0, "", "is no assignment", what))
        return
    try:
        node = compose(file, text)
    except SpecErrors as errors:
        source.problems += [problem._replace(line=0, column=0) for problem in errors.problems]
        return
    path: KeyPath = tuple(int(index) if index else word for index, word in _PART.findall(key.strip()))
    around = _around(source, path)
    if not _holds(around, path[-1]):
        source.problems.append(Problem(file, 0, dotted(path), *_why_not(around, path[-1])))
        return
    inner = Source(file, text)
    around[path[-1]] = plain(inner, node, path) if node else None
    source.problems += [problem._replace(line=0, column=0) for problem in inner.problems]
    source.where = {at: place for at, place in source.where.items() if at[: len(path)] != path}
    source.origin = {at: it for at, it in source.origin.items() if at[: len(path)] != path}
    source.origin |= dict.fromkeys((*inner.where, path), file)
    source.settled |= inner.settled


def _around(source: Source, path: KeyPath) -> Any:
    """What the last part of ``path`` is to be set in; None where there is nothing of the kind."""
    data: Any = source.data
    for depth, part in enumerate(path[:-1], start=1):
        if isinstance(data, dict) and isinstance(part, str):
            data.setdefault(part, {})
        if not _holds(data, part):
            return None
        if isinstance(data[part], str):
            data[part] = {"name": data[part]}
            _same_place(source, path[:depth], (*path[:depth], "name"))
        data = data[part]
    return data


def _holds(data: Any, part: str | int) -> bool:
    """Whether ``part`` can be set in ``data``."""
    if isinstance(part, int):
        return isinstance(data, list) and part < len(data)
    return isinstance(data, dict)


def _why_not(data: Any, part: str | int) -> tuple[str, str]:
    if isinstance(part, int) and isinstance(data, list) and data:
        return "is not in a list so long", f"[0] to [{len(data) - 1}] are there"
    return f"is not in a {'list' if isinstance(part, int) else 'mapping'}", "what is in one can be set"


def _same_place(source: Source, whole: KeyPath, part: KeyPath) -> None:
    if whole in source.where:
        source.where[part] = source.where[whole]
    if whole in source.origin:
        source.origin[part] = source.origin[whole]
