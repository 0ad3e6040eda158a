"""An nftables table for a node: only nodes and people reach what Ray leaves open."""

from __future__ import annotations

from cluster.config import Cluster
from cluster.render import File
from cluster.render.template import fill


def render(cluster: Cluster) -> list[File]:
    """The one table; loaded with ``nft -f``, it replaces only itself."""
    table = cluster.name.replace("-", "_")
    singles = [(name, port) for name, port in cluster.ports if not name.startswith("workers")]
    text = fill("firewall.nft.j2", cluster=cluster, table=table, singles=singles, families=_families(cluster))
    return [File(f"{cluster.name}.nft", text)]


def _families(cluster: Cluster) -> dict[str, dict[str, list[str]]]:
    """Who may come in, by the version of their address: ``{"ip": {"nodes": […], "people": […]}, "ip6": …}``."""
    networks = {"nodes": cluster.network.nodes, "people": cluster.network.people}
    return {
        family: {who: [net for net in nets if (":" in net) == (family == "ip6")] for who, nets in networks.items()}
        for family in ("ip", "ip6")
    }
