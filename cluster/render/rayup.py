"""What the three ways to use ``ray up`` share: the files beside the YAML, and the addresses of a certificate."""

from __future__ import annotations

import ipaddress
from typing import Any

from cluster.config import Cluster
from cluster.render import File
from cluster.render.template import fill

FOLDER = "/home/sweeps/node"
MAX_ADDRESSES = 1024


def files(cluster: Cluster, provider: str, section: Any, addresses: list[str]) -> list[File]:
    """A folder to run ``ray up cluster.yaml`` in; ``addresses`` are those that nodes may have."""
    values = {"cluster": cluster, "ports": cluster.ports, "folder": FOLDER, provider: section}
    values["open_dashboard"] = provider == "onprem" and bool(cluster.network.people)  # in a cloud it is reached by ssh
    made = {
        "cluster.yaml": fill(f"rayup/{provider}.yaml.j2", **values),
        "node/start.sh": fill("rayup/start.sh.j2", **values),
        "make-secrets.sh": fill("rayup/make-secrets.sh.j2", **values),
    }
    if cluster.tls:
        made["tls.cnf"] = fill("rayup/tls.cnf.j2", addresses=addresses)
    return [File(f"ray-{provider}/{name}", text, name.endswith(".sh")) for name, text in made.items()]


def subnet(cluster: Cluster) -> list[str]:
    """Every address that a node of a cloud may get, where nodes talk TLS.

    Raises:
        ConfigErrors: they are too many for a certificate, or no storage is shared.
    """
    if not cluster.tls:
        return []
    networks = [ipaddress.ip_network(net) for net in cluster.network.nodes]
    if (count := sum(net.num_addresses for net in networks)) > MAX_ADDRESSES:
        allowed = f"subnets of {MAX_ADDRESSES} at most (as 10.0.4.0/22) are allowed, or tls: false"
        raise cluster.errors("network.nodes", f"a certificate for {count:,} addresses", allowed)
    return [str(address) for net in networks for address in net.hosts()]


def check_storage(cluster: Cluster) -> None:
    """Machines share no folder of their own.

    Raises:
        ConfigErrors: the storage is in one.
    """
    if not cluster.storage.startswith("s3://"):
        what = f"is {cluster.storage!r}, which the machines of a cloud do not share"
        raise cluster.errors("storage", what, "s3://bucket/path is allowed")


def check_gpus(cluster: Cluster, provider: str, section: Any, does: str, allowed: str) -> None:
    """The workers of a cloud where none are named are without GPUs.

    Raises:
        ConfigErrors: nodes are to have some.
    """
    if cluster.gpus and section.worker == type(section).model_fields["worker"].default:
        what = f"{section.worker} {does} no GPUs, and gpus is {cluster.gpus}"
        raise cluster.errors(f"{provider}.worker", what, allowed)
