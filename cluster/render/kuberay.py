"""What KubeRay's two objects share: what stands before them in the file, and what a template is given."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from cluster.config import Cluster
from cluster.values import REFERENCE


def context(cluster: Cluster, sweep: dict[str, str]) -> dict[str, Any]:
    """The names that the templates use; ``sweep`` are the files that are mounted at /etc/sweep.

    Raises:
        ConfigErrors: storage that pods cannot reach, or an autoscaler that cannot reach the API server.
    """
    autoscaling = cluster.workers.min < cluster.workers.max
    _check_storage(cluster)
    if autoscaling and cluster.kubernetes.api is None:
        allowed = "{to: network, port: N} of the API server (see `kubectl get endpoints kubernetes`) is allowed"
        raise cluster.errors("kubernetes.api", "is missing, and workers that come and go need it", allowed)
    return {
        "cluster": cluster,
        "k8s": cluster.kubernetes,
        "autoscaling": autoscaling,
        "ray": version("ray"),
        "sweep": sweep,
        "variables": variables(cluster),
    }


def variables(cluster: Cluster) -> dict[str, list[str]]:
    """The secret variables of all nodes, and those of the head alone: only the driver opens studies and tracking."""
    named = REFERENCE.findall(cluster.studies or "")
    everywhere = [name for name in cluster.secrets if name not in named and not name.startswith("MLFLOW_")]
    return {"everywhere": everywhere, "head": sorted({*cluster.secrets, *named} - set(everywhere))}


def _check_storage(cluster: Cluster) -> None:
    kubernetes, storage = cluster.kubernetes, cluster.storage
    outside = {"storage": storage if storage.startswith("s3://") else None}
    outside |= {"tracking": cluster.tracking, "studies": cluster.studies}
    if not outside["storage"] and not storage.startswith("/"):
        raise cluster.errors("storage", f"is {storage!r}, which pods do not share", "/folder or s3://… is allowed")
    if not outside["storage"] and kubernetes.claim is None:
        allowed = f"the name of a ReadWriteMany claim, to be mounted at {storage}, is allowed"
        raise cluster.errors("kubernetes.claim", "is missing", allowed)
    if any(outside.values()) and not kubernetes.reach:
        what = f"is empty, and pods reach nothing else: no {', '.join(key for key, said in outside.items() if said)}"
        raise cluster.errors("kubernetes.reach", what, "[{to: network, port: N}] of each is allowed")
