"""``cluster.yaml`` as it is written: plain data, the line of every key, and the problems that are reported there."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MAX_BYTES = 1 << 16
MAX_DEPTH = 12

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the top: ``("onprem", "workers", 0)``."""


class Problem(NamedTuple):
    """One thing wrong; printed as ``file:line: key: what is wrong; what is allowed``."""

    file: str
    line: int  # from 1; 0: the file as a whole, or none
    key: str
    what: str
    allowed: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        said = f"{self.what}; {self.allowed}" if self.allowed else self.what
        return ": ".join(part for part in (where, self.key, said) if part)


class ConfigErrors(ValueError):
    """All problems of a file, in the order of their lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda it: it.line)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass
class Source:
    """What was read. ``where`` maps each key path to its line; ``origin`` names the option that set a path instead."""

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    where: dict[KeyPath, int] = field(default_factory=dict)
    origin: dict[KeyPath, str] = field(default_factory=dict)

    def problem(self, path: KeyPath, what: str, allowed: str) -> Problem:
        """A problem at ``path``: at its line, or at that of the nearest thing above it that the text has."""
        place = path
        while place and place not in self.where and place not in self.origin:
            place = place[:-1]
        if place in self.origin:
            return Problem(self.origin[place], 0, dotted(path), what, allowed)
        return Problem(self.file, self.where.get(place, 0), dotted(path), what, allowed)


class _Loader(yaml.SafeLoader):
    """Composes nodes and builds no objects; ``no``, ``on`` and ``1:30`` are text, as YAML 1.2 has it."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own class attribute, emptied and refilled below


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"[-+]?(0|[1-9][0-9]{0,17})", list("-+0123456789")),
    ("float", r"[-+]?[0-9]{1,17}\.[0-9]{1,17}", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


def read(path: Path, overrides: Sequence[str] = ()) -> Source:
    """The file's mapping, with what ``overrides`` (``"workers=3"``, the value in YAML) set over it.

    Raises:
        ConfigErrors: it cannot be read, is not YAML, is no mapping, or holds a key twice, an alias or a tag.
    """
    source = Source(str(path))
    source.data = _mapping(source, _text(path), source.file)
    for assignment in overrides:
        _override(source, assignment)
    return source


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        text = raw.decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigErrors([Problem(str(path), 0, "", f"cannot be read: {reason}", "")]) from error
    if len(raw) > MAX_BYTES:
        raise ConfigErrors(
            [Problem(str(path), 0, "", f"is larger than {MAX_BYTES} bytes", "a page of YAML is allowed")]
        )
    return text


def _mapping(source: Source, text: str, file: str) -> dict[str, Any]:
    node = _compose(text, file)
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        what = "holds no mapping"
        raise ConfigErrors([Problem(file, node.start_mark.line + 1, "", what, "key: value lines are allowed")])
    made = _plain(source, node, ())
    assert isinstance(made, dict)
    return made


def _compose(text: str, file: str) -> yaml.Node | None:
    """The one document's tree."""
    try:
        events = list(yaml.parse(text, Loader=_Loader))
        _refuse(events, file)
        return _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, what = (mark.line + 1 if mark else 0), error.problem or error.context
    except yaml.reader.ReaderError as error:
        line, what = text.count("\n", 0, error.position) + 1, f"character {text[error.position]!a}: {error.reason}"
    raise ConfigErrors([Problem(file, line, "", f"cannot be read as YAML: {what}", "")])


def _refuse(events: Sequence[yaml.Event], file: str) -> None:
    """What a small file has no need of, and a hostile one has: aliases, tags, depth."""
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        what = None
        if isinstance(event, yaml.AliasEvent):
            what = "aliases (*name) are not allowed"
        elif getattr(event, "tag", None) not in (None, "!"):
            what = "tags (!name) are not allowed"
        elif depth > MAX_DEPTH:
            what = f"nested more than {MAX_DEPTH} deep"
        if what and event.start_mark:
            raise ConfigErrors([Problem(file, event.start_mark.line + 1, "", what, "")])


def _plain(source: Source, node: yaml.Node, path: KeyPath) -> Any:
    """The node as plain data; notes lines in ``source``."""
    source.where.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(source, item, (*path, index)) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    data: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = key.value if isinstance(key, yaml.ScalarNode) and key.tag.endswith(":str") else None
        if name is None or name in data:
            what = "no key" if name is None else f"given twice, first on line {source.where[(*path, name)]}"
            place = (*path, name) if name else path
            raise ConfigErrors([Problem(source.file, line, dotted(place), what, "each key once is allowed, a word")])
        source.where[(*path, name)] = line
        data[name] = _plain(source, value, (*path, name))
    return data


def _scalar(node: yaml.ScalarNode) -> Any:
    read_as: dict[str, Callable[[str], Any]] = {
        "null": lambda _: None,
        "bool": lambda text: text == "true",
        "int": int,
        "float": float,
    }
    return read_as.get(node.tag.rpartition(":")[2], str)(node.value)


def _override(source: Source, assignment: str) -> None:
    """``a.b=value`` set in the data; the mappings above it are made where they are missing."""
    key, given, text = assignment.partition("=")
    option = f"--set {shown(assignment)[1:-1]}"
    *above, last = key.split(".")
    if not given or not all((*above, last)):
        raise ConfigErrors([Problem(option, 0, "", "sets nothing", "--set key=value or key.key=value is allowed")])
    node = _compose(text, option)
    value = _plain(Source(option), node, ()) if node is not None else None
    inner = source.data
    for part in above:
        held = inner.setdefault(part, {})
        if not isinstance(held, dict):
            raise ConfigErrors(
                [Problem(option, 0, key, f"{part} holds {shown(held)}", "a key of a mapping is allowed")]
            )
        inner = held
    inner[last] = value
    source.where = {path: line for path, line in source.where.items() if path[: len(above) + 1] != (*above, last)}
    source.origin[(*above, last)] = option


def dotted(path: KeyPath) -> str:
    """A path as people write it.

    >>> dotted(("onprem", "workers", 0))
    'onprem.workers[0]'
    """
    words = (part if isinstance(part, int) or part.isprintable() else repr(part) for part in path)
    return "".join(f"[{word}]" if isinstance(word, int) else f".{word}" for word in words).removeprefix(".")


def shown(value: object) -> str:
    """A value in a message: short, control characters escaped.

    >>> shown("a\\n"), shown(None), shown({})
    ("'a\\\\n'", 'nothing', 'a mapping')
    """
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    return "a mapping" if isinstance(value, dict) else _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 62
