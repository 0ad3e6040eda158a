"""A Ray cluster on machines that are there, for ``ray up``."""

from __future__ import annotations

import ipaddress

from cluster.config import Cluster
from cluster.render import File
from cluster.render.rayup import files


def render(cluster: Cluster) -> list[File]:
    """The YAML, and what nodes get.

    Raises:
        ConfigErrors: no section ``onprem``; storage that machines do not share; TLS for a host without its address.
    """
    if cluster.onprem is None:
        raise cluster.errors("onprem", "is missing", "{head: address, workers: [addresses]} is allowed")
    if not cluster.storage.startswith(("/", "s3://")):
        what = f"is {cluster.storage!r}, which machines do not share"
        raise cluster.errors("storage", what, "/folder on a shared file system, or s3://bucket/path, is allowed")
    if any(mark in cluster.storage for mark in ',"'):  # which end a value in docker's list of a mount
        raise cluster.errors("storage", f"is {cluster.storage!r}", 'a folder without , and " in its name is allowed')
    hosts = {"onprem.head": cluster.onprem.head}
    hosts |= {f"onprem.workers.{at}": host for at, host in enumerate(cluster.onprem.workers)}
    for key, host in hosts.items() if cluster.tls else ():
        try:
            ipaddress.ip_address(host)
        except ValueError:
            what = f"is {host!r}, and a certificate is for addresses"
            raise cluster.errors(key, what, "an IP address is allowed, or tls: false") from None
    return files(cluster, "onprem", cluster.onprem, list(hosts.values()))
