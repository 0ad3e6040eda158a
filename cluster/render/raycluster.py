"""A Ray cluster on Kubernetes (KubeRay), with its Redis and network policies; sweeps are submitted to it."""

from __future__ import annotations

from cluster.config import Cluster
from cluster.render import File
from cluster.render.kuberay import context
from cluster.render.template import fill


def render(cluster: Cluster) -> list[File]:
    """One file of manifests."""
    return [File("raycluster.yaml", fill("kuberay/raycluster.yaml.j2", **context(cluster, {})))]
