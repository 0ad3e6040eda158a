"""A spec's text, read strictly: plain data, and the line of every key and value.

YAML as its 1.2 core schema has it, less what surprises people: ``1e-4`` is a number; ``no``, ``on``, ``1:30`` and
``2024-01-01`` are text; ``012`` (octal or decimal, depending on whom you ask) is refused, and so are keys given twice,
aliases (they can blow a small file up) and tags (they can ask for objects).
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MAX_BYTES = 1 << 20
MAX_NODES = 10_000
MAX_DEPTH = 20
MAX_DIGITS = 100

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
        return ": ".join(part for part in (where, self.key, said) if part)


class SpecErrors(ValueError):
    """All problems of a spec, in the order of its lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.line, problem.column))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass
class Source:
    """What was read. ``where`` maps each key path to its (line, column), counted from 1; ``origin`` names the
    override that a path comes from, where it comes from one."""

    file: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    where: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    origin: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _settled: set[KeyPath] = field(default_factory=set)

    def report(self, path: KeyPath, what: str, allowed: str = "", *, missing: bool = False) -> None:
        """Notes a problem at ``path``, or at the nearest thing above it that the text has; one problem a path.

        A ``missing`` key is named in full, at the line of what it is missing from.
        """
        place = path
        while place and place not in self.where and place not in self.origin:
            place = place[:-1]
        key = path if missing or not place else place
        if key in self._settled:
            return
        self._settled.add(key)
        line, column = self.where.get(place, (0, 0) if place in self.origin else (1, 1))
        self.problems.append(Problem(self.origin.get(place, self.file), line, dotted(key), what, allowed, column))

    def is_sound(self, path: KeyPath) -> bool:
        """Whether nothing was said about ``path`` or a part of it."""
        return not any(settled[: len(path)] == path for settled in self._settled)


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


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 62


def read(path: Path, overrides: Sequence[str] = ()) -> Source:
    """Reads a spec, then sets what ``overrides`` say (``"confirm.seeds=4"``, the value in YAML).

    Raises:
        SpecErrors: it cannot be read, is not YAML, or is no mapping. A lesser problem (a key given twice, …) is left
            in ``problems``, for the caller to report along with its own.
    """
    file = str(path)
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SpecErrors([Problem(file, 0, "", f"cannot be read: {reason}", "")]) from error
    if len(raw) > MAX_BYTES:
        raise SpecErrors([Problem(file, 0, "", "is larger than a megabyte", "a spec is a page of YAML")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise SpecErrors([Problem(file, line, "", what, "save it as UTF-8")]) from error
    source = Source(file, text)
    node = _compose(file, text)
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1 if node else 1
        what = "is empty" if node is None else f"holds {_KINDS[type(node)]}"
        raise SpecErrors([Problem(file, line, "", what, "a mapping of keys (name, game, length, …) is allowed")])
    source.data = _plain(source, node, ())
    for override in overrides:
        _override(source, override)
    return source


class _Loader(yaml.SafeLoader):
    """Composes nodes (and builds no objects), with few scalar types and a bound on what it takes in."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own class attribute, emptied and refilled below

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.depth = self.nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        self.nodes += 1
        if refusal := self._refusal(event):
            raise yaml.composer.ComposerError(None, None, refusal, event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _refusal(self, event: yaml.NodeEvent) -> str | None:
        if isinstance(event, yaml.AliasEvent):
            return "aliases (*name) are not allowed"
        if (tag := getattr(event, "tag", None)) not in (None, "!"):
            return f"tags ({shown(tag)}) are not allowed"
        if self.depth >= MAX_DEPTH:
            return f"nested more than {MAX_DEPTH} deep"
        return f"more than {MAX_NODES} values" if self.nodes > MAX_NODES else None


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("octal", r"[-+]?0[0-9]+", list("-+0")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)

_KINDS = {yaml.ScalarNode: "a single value", yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}


def _compose(file: str, text: str) -> yaml.Node | None:
    """The one document's tree.

    Raises:
        SpecErrors: not YAML, or YAML that is refused.
    """
    try:
        return _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.problem, error.context) if part)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    except yaml.reader.ReaderError as error:
        line, column = text.count("\n", 0, error.position) + 1, 1
        what = f"character {text[error.position]!a}: {error.reason}"
    raise SpecErrors([Problem(file, line, "", f"cannot be read as YAML: {what}", "", column)])


def _plain(source: Source, node: yaml.Node, path: KeyPath) -> Any:
    """The node as plain data; notes positions, and the problems of keys and numbers, in ``source``."""
    source.where.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(source, item, (*path, index)) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(source, node, path)
    data: dict[str, Any] = {}
    for key, value in node.value:
        line, column = key.start_mark.line + 1, key.start_mark.column + 1
        if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
            given = repr(key.value) if isinstance(key, yaml.ScalarNode) else _KINDS[type(key)]
            where = Problem(source.file, line, dotted(path), f"{given} is no key", "a key is a word", column)
            source.problems.append(where)
        elif key.value in data:
            first = source.where[(*path, key.value)][0]
            what = f"given twice, first on line {first}"
            twice = Problem(source.file, line, dotted((*path, key.value)), what, "each key once is allowed", column)
            source.problems.append(twice)
        else:
            source.where[(*path, key.value)] = (line, column)
            data[key.value] = _plain(source, value, (*path, key.value))
    return data


def _scalar(source: Source, node: yaml.ScalarNode, path: KeyPath) -> Any:
    text, tag = node.value, node.tag.rpartition(":")[2]
    if tag == "octal":
        source.report(path, f"{shown(text)} starts with 0", "write a number without it, or text in quotes")
    elif tag in ("int", "float"):
        if len(text) > MAX_DIGITS:
            source.report(path, f"a number of {len(text)} characters", f"at most {MAX_DIGITS} are allowed")
            return 0
        number = int(text) if tag == "int" else float(re.sub(r"\.(?=(inf|nan)$)", "", text.lower()))
        if not math.isfinite(number):
            source.report(path, f"is {text}", "a finite number is allowed")
        return number
    elif tag == "null":
        return None
    elif tag == "bool":
        return text[0] in "tT"
    return text


def _override(source: Source, override: str) -> None:
    """Sets one value, ``a.b=value``; makes the mappings on the way."""
    file = f"override {shown(override)}"
    key, equals, text = override.partition("=")
    *above, last = key.strip().split(".")
    if not equals or not all((*above, last)):
        source.problems.append(Problem(file, 0, "", "is no assignment", "key=value or key.key=value is allowed"))
        return
    try:
        node = _compose(file, text)
    except SpecErrors as errors:
        source.problems += [problem._replace(line=0, column=0) for problem in errors.problems]
        return
    data: Any = source.data
    for part in above:
        data = data.setdefault(part, {}) if isinstance(data, dict) else None
    if not isinstance(data, dict):
        source.problems.append(Problem(file, 0, key.strip(), "is not in a mapping", "keys of mappings can be set"))
        return
    path = (*above, last)
    inner = Source(file, text)
    data[last] = _plain(inner, node, path) if node else None
    source.problems += [problem._replace(line=0, column=0) for problem in inner.problems]
    source.where = {at: place for at, place in source.where.items() if at[: len(path)] != path}
    source.origin |= dict.fromkeys((*inner.where, path), file)
    source._settled |= inner._settled
