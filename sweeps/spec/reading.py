"""Reading a spec: its file, what that extends, what the command line sets over both, what the environment fills in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from sweeps.spec.environment import ADDRESSES, expand, holds_password, trouble
from sweeps.spec.extending import over
from sweeps.spec.overriding import override
from sweeps.spec.source import KeyPath, Problem, Source, SpecErrors, shown
from sweeps.spec.strictyaml import KINDS, compose, dump, plain

MAX_BYTES = 1 << 20
MAX_CHAIN = 20


def read(path: Path, overrides: Sequence[str] = ()) -> Source:
    """Reads a spec with all that it extends, then sets what ``overrides`` say (``"confirm.seeds=4"``, in YAML).

    Raises:
        SpecErrors: it cannot be read, is not YAML, or is no mapping. A lesser problem (a key given twice, …) is left
            in ``problems``, for the caller to report along with its own.
    """
    source = _with_base(path, ())
    for assignment in overrides:
        override(source, assignment)
    if source.origin:  # not all of it stands in the file
        source.text = f"# {shown(source.file)} with what it extends and what the command line set\n{dump(source.data)}"
    source.data = {key: _filled(source, value, (key,)) for key, value in source.data.items()}
    return source


def _with_base(path: Path, below: tuple[str, ...]) -> Source:
    """The file, over the one that it extends; ``below`` are the files that extend it."""
    source = _alone(path)
    said = source.data.pop("extends", None)
    if said is None:
        return source
    below = (*below, os.path.realpath(path))
    try:
        base = _base(path, said, below)
    except SpecErrors as errors:
        file = errors.problems[0]
        if file.line:  # the other file's own problem, said there
            raise SpecErrors([*source.problems, *errors.problems]) from errors
        source.report(("extends",), f"{shown(said)} {file.what}", file.allowed)
        return source
    return over(base, source)


def _base(path: Path, said: Any, below: tuple[str, ...]) -> Source:
    """
    Raises:
        SpecErrors: it cannot be read, or extends what extends it.
    """
    if not isinstance(said, str) or not said:
        raise SpecErrors([Problem(str(path), 0, "", "is no file", "the path of a spec from here is allowed")])
    other = path.parent / said
    if "\0" not in said and os.path.realpath(other) in below:
        raise SpecErrors(
            [Problem(str(other), 0, "", "leads back here", "a file that extends no other here is allowed")]
        )
    if len(below) >= MAX_CHAIN:
        what = f"would be number {len(below) + 1} of a chain"
        raise SpecErrors([Problem(str(other), 0, "", what, f"at most {MAX_CHAIN} files are allowed")])
    return _with_base(other, below)


def _alone(path: Path) -> Source:
    """One file's mapping, and where everything in it stands."""
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
    node = compose(file, text)
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1 if node else 1
        what = "is empty" if node is None else f"holds {KINDS[type(node)]}"
        raise SpecErrors([Problem(file, line, "", what, "a mapping of keys (name, game, length, …) is allowed")])
    source.data = plain(source, node, ())
    return source


def _filled(source: Source, value: Any, path: KeyPath) -> Any:
    """The value with what its texts refer to in the environment; addresses stay as they are."""
    if isinstance(value, dict):
        return {key: _filled(source, item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(source, item, (*path, index)) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    if holds_password(value):
        source.report(path, "holds a password", "${env:NAME} in its place is allowed")
    elif "${" in value and (wrong := trouble(value)):
        source.report(path, *wrong)
    elif "${" in value and path[0] not in ADDRESSES:
        source.hide(path, value)
        return expand(value)
    return value
