"""What a driver elsewhere needs of this machine: the spec, and the user's modules that it names, in one zip."""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

SPEC = "spec.yaml"
MOST = 50 * 10**6  # bytes; data go through the storage
OWN = ("cluster", "minmax", "sweeps")  # installed there
BEGINNING = (1980, 1, 1, 0, 0, 0)  # a zip's earliest time: the same files make the same zip


class TooLarge(ValueError):
    """The user's modules are more than a package holds; the message says which file is the largest."""


def pack(spec: str, modules: Iterable[str], root: Path) -> bytes:
    """A zip of the spec's text and of ``modules`` that lie below ``root``, with what they import from there.

    A module that is installed is none of them: it must be installed on every node.

    Raises:
        TooLarge: it would be more than 50 MB.
    """
    files = {SPEC: spec.encode()}
    for path in sorted(_files(modules, root)):
        files[path.relative_to(root).as_posix()] = path.read_bytes()
    if sum(map(len, files.values())) > MOST:
        largest = max(files, key=lambda name: len(files[name]))
        raise TooLarge(f"{largest} and what goes with it are more than {MOST // 10**6} MB; data belong in the storage")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, BEGINNING), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _files(modules: Iterable[str], root: Path) -> set[Path]:
    """Source files of the modules and, over and over, of what these import."""
    found: set[Path] = set()
    names = {module.partition(".")[0] for module in modules}
    seen = set(OWN)
    while names - seen:
        name = (names - seen).pop()
        seen.add(name)
        for path in _own(name, root):
            found.add(path)
            names |= set(_imports(path))
    return found


def _own(name: str, root: Path) -> list[Path]:
    """The files of a top-level module below ``root``; of a package all of them, also those that are no code."""
    if (root / name / "__init__.py").exists():
        parts = (path for path in (root / name).rglob("*") if path.is_file())
        return [path for path in parts if "__pycache__" not in path.parts]
    return [root / f"{name}.py"] if (root / f"{name}.py").is_file() else []


def _imports(path: Path) -> Iterator[str]:
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]
