"""What can be rendered: a kind is one module here, and one line of ``KINDS``.

Its module has ``render(cluster) -> list[File]``, pure, and a docstring whose first line says what it makes.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import NamedTuple, cast

from cluster.config import Cluster


class File(NamedTuple):
    """A rendered file: its name under the folder that is written to, its text, and whether it is to be executed."""

    name: str
    text: str
    executable: bool = False


KINDS: dict[str, str] = {
    "ray-aws": "cluster.render.ray_aws",
    "ray-gcp": "cluster.render.ray_gcp",
    "ray-onprem": "cluster.render.ray_onprem",
    "raycluster": "cluster.render.raycluster",
    "rayjob": "cluster.render.rayjob",
    "slurm": "cluster.render.slurm",
    "docker": "cluster.render.docker",
    "compose": "cluster.render.compose",
    "systemd": "cluster.render.systemd",
    "firewall": "cluster.render.firewall",
}
"""Kind -> the module that renders it."""


def render(kind: str, cluster: Cluster) -> list[File]:
    """The files of a kind.

    Raises:
        ConfigErrors: the file lacks what this kind needs.
    """
    return cast(list[File], importlib.import_module(KINDS[kind]).render(cluster))


def summary(kind: str) -> str:
    """What a kind makes: the first line of its module."""
    return (importlib.import_module(KINDS[kind]).__doc__ or "").partition("\n")[0]


def write(file: File, folder: Path) -> Path:
    """Writes the file whole, over an older one of its name; gives where it lies."""
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(file.text, encoding="utf-8")
    aside.chmod(0o755 if file.executable else 0o644)
    aside.replace(path)
    return path
