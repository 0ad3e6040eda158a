"""A Dockerfile of a node, and one with CUDA, each with its .dockerignore."""

from __future__ import annotations

import platform

from cluster.config import Cluster
from cluster.render import File
from cluster.render.template import fill

EXTRAS = "cluster,s3,services"


def render(cluster: Cluster) -> list[File]:
    """Both, whatever the workers have: an image for a laptop's tests need not be one for GPUs."""
    files = []
    for name, cuda in {"Dockerfile": False, "Dockerfile.cuda": True}.items():
        values = {"cluster": cluster, "name": name, "cuda": cuda, "python": platform.python_version(), "extras": EXTRAS}
        files += [File(name, fill("Dockerfile.j2", **values)), File(f"{name}.dockerignore", fill("dockerignore.j2"))]
    return files
