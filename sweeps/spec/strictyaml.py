"""A spec's text, read strictly: plain data, and the line of every key and value.

YAML as its 1.2 core schema has it, less what surprises people: ``1e-4`` is a number; ``no``, ``on``, ``1:30`` and
``2024-01-01`` are text; ``012`` (octal or decimal, depending on whom you ask) is refused, and so are keys given twice,
aliases (they can blow a small file up) and tags (they can ask for objects).
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from sweeps.spec.source import KeyPath, Problem, Source, SpecErrors, dotted, shown

MAX_NODES = 10_000
MAX_DEPTH = 20
MAX_DIGITS = 100


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

KINDS = {yaml.ScalarNode: "a single value", yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}


def compose(file: str, text: str) -> yaml.Node | None:
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


def plain(source: Source, node: yaml.Node, path: KeyPath) -> Any:
    """The node as plain data; notes positions, and the problems of keys and numbers, in ``source``."""
    source.where.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        return [plain(source, item, (*path, index)) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(source, node, path)
    data: dict[str, Any] = {}
    for key, value in node.value:
        line, column = key.start_mark.line + 1, key.start_mark.column + 1
        if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
            given = repr(key.value) if isinstance(key, yaml.ScalarNode) else KINDS[type(key)]
            where = Problem(source.file, line, dotted(path), f"{given} is no key", "a key is a word", column)
            source.problems.append(where)
        elif key.value in data:
            first = source.where[(*path, key.value)][0]
            what = f"given twice, first on line {first}"
            twice = Problem(source.file, line, dotted((*path, key.value)), what, "each key once is allowed", column)
            source.problems.append(twice)
        else:
            source.where[(*path, key.value)] = (line, column)
            data[key.value] = plain(source, value, (*path, key.value))
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


class _Dumper(yaml.SafeDumper):
    """Quotes what the loader above would take for something else; says everything in full."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump(data: Any) -> str:
    """Plain data as text that is read as the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
