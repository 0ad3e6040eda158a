"""A Ray cluster on Amazon EC2, for ``ray up``."""

from __future__ import annotations

from cluster.config import Cluster
from cluster.render import File
from cluster.render.rayup import check_gpus, check_storage, files, subnet


def render(cluster: Cluster) -> list[File]:
    """The YAML, and what nodes get.

    Raises:
        ConfigErrors: no section ``aws``; storage that machines do not share; too large a subnet for TLS;
            GPUs of a machine that has none.
    """
    if cluster.aws is None:
        raise cluster.errors("aws", "is missing", "{region: …, ami: …, subnet: …} is allowed")
    check_storage(cluster)
    check_gpus(cluster, "aws", cluster.aws, "has", "an instance type that has them is allowed")
    return files(cluster, "aws", cluster.aws, subnet(cluster))
