"""A Ray cluster on Google Compute Engine, for ``ray up``."""

from __future__ import annotations

from cluster.config import Cluster
from cluster.render import File
from cluster.render.rayup import check_gpus, check_storage, files, subnet


def render(cluster: Cluster) -> list[File]:
    """The YAML, and what nodes get.

    Raises:
        ConfigErrors: no section ``gcp``; storage that machines do not share; too large a subnet for TLS;
            GPUs of a machine that has none.
    """
    if cluster.gcp is None:
        raise cluster.errors("gcp", "is missing", "{project: …, zone: …, account: …} is allowed")
    check_storage(cluster)
    check_gpus(cluster, "gcp", cluster.gcp, "takes", "a machine type that does (n1-standard-4, …) is allowed")
    return files(cluster, "gcp", cluster.gcp, subnet(cluster))
