"""One sweep as a job on Kubernetes (KubeRay): a Ray cluster that is made for it and goes with it."""

from __future__ import annotations

import re
from pathlib import Path

from cluster.config import Cluster
from cluster.render import File
from cluster.render.kuberay import context
from cluster.render.template import fill

ENTRYPOINT = "python -m sweeps.submit.supervise /etc/sweep/run.yaml --resume"
"""Starts the driver, again where it crashes; it goes on with what is recorded, and begins where nothing is."""

MAX_BYTES = 900_000  # a ConfigMap holds a mebibyte at most


def render(cluster: Cluster) -> list[File]:
    """One file of manifests, with the spec and the user's modules in it.

    Raises:
        ConfigErrors: no sweep is named, its files cannot be read, or they are too large for a ConfigMap.
    """
    values = context(cluster, _files(cluster))
    return [File("rayjob.yaml", fill("kuberay/rayjob.yaml.j2", entrypoint=ENTRYPOINT, **values))]


def _files(cluster: Cluster) -> dict[str, str]:
    if cluster.job is None:
        raise cluster.errors("job", "is missing", "{spec: file, modules: [files]} is allowed")
    named = {"job.spec": ("spec.yaml", cluster.job.spec)}
    named |= {f"job.modules.{at}": (Path(file).name, file) for at, file in enumerate(cluster.job.modules)}
    files = {"run.yaml": fill("kuberay/run.yaml.j2", cluster=cluster)}
    for key, (name, file) in named.items():
        if name in files or not re.fullmatch(r"spec\.yaml|[A-Za-z_][A-Za-z0-9_]*\.py", name):
            raise cluster.errors(key, f"is {file!r}", "a file name.py, each name once, is allowed")
        try:
            files[name] = Path(file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise cluster.errors(key, f"{file!r} cannot be read: {reason}", "a file from here is allowed") from None
    if (size := sum(len(text.encode()) for text in files.values())) > MAX_BYTES:
        raise cluster.errors("job", f"its files have {size:,} bytes", f"at most {MAX_BYTES:,} are allowed")
    return files
