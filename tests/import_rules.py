"""Which package may import which: read from the source by its syntax tree, function bodies included.

cluster → (nothing of ours), sweeps → minmax → torch. Ray, MLflow and Optuna each have their files; the network and
tracking are none of minmax's business.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OURS = {"cluster", "minmax", "sweeps"}
NETWORK = {"aiohttp", "fsspec", "ftplib", "http", "httpx", "requests", "smtplib", "socket", "urllib", "urllib3"}


class Rule(NamedTuple):
    """Files under ``folder``, except those named, import none of the forbidden top-level packages."""

    folder: str
    forbidden: set[str]
    exempt: set[str]


RAY = {f"sweeps/run/{name}.py" for name in ("actor", "adapters", "nodes", "slots", "tune")}
MLFLOW = {"sweeps/track/connection.py", "sweeps/track/ledger.py"}
RULES = [
    Rule("minmax", {"cluster", "mlflow", "optuna", "ray", "sweeps"} | NETWORK, set()),
    Rule("sweeps", {"cluster"}, set()),
    Rule("sweeps", {"ray"}, RAY),
    Rule("sweeps", {"mlflow"}, MLFLOW),
    Rule("cluster", OURS - {"cluster"}, set()),
    Rule("cluster", {"mlflow", "optuna", "torch"}, set()),  # it starts their programs
    Rule("cluster", {"ray"}, {"cluster/local/loopback.py"}),  # which runs in Ray's own program, as its hook
]


def violations(root: Path) -> list[str]:
    """``file:line: imports X`` for every forbidden import under ``root``."""
    found = []
    for rule in RULES:
        for path in sorted((root / rule.folder).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if name not in rule.exempt:
                found += [f"{name}:{line}: imports {what}" for line, what in imports(path) if what in rule.forbidden]
    return found


def unprepared(root: Path) -> list[str]:
    """The files of `RAY` that import Ray and not, above it, what it reads of the environment at import."""
    before = "from sweeps.run import before_ray"
    sources = {name: (root / name).read_text(encoding="utf-8") for name in sorted(RAY)}
    return [name for name, text in sources.items() if before not in text.partition("\nimport ray\n")[0]]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level package of every import, also of ``importlib.import_module("…")``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.split(".")[0]
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value.split(".")[0]


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))
