"""Kubernetes' network policies, decided as a cluster's network does: what no policy lets through is refused."""

from __future__ import annotations

import ipaddress
from typing import Any, NamedTuple


class Pod(NamedTuple):
    """One end of a connection: a pod by its namespace and labels, or (``address``) something outside."""

    namespace: str = ""
    labels: dict[str, str] | None = None
    address: str = ""


def allows(policies: list[dict[str, Any]], source: Pod, target: Pod, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection from ``source`` to ``target`` comes through."""
    return _one_way(policies, "Egress", source, target, port, protocol) and _one_way(
        policies, "Ingress", target, source, port, protocol
    )


def _one_way(policies: list[dict[str, Any]], way: str, own: Pod, other: Pod, port: int, protocol: str) -> bool:
    chosen = [
        policy["spec"]
        for policy in policies
        if policy["metadata"]["namespace"] == own.namespace
        and way in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], own.labels or {})
    ]
    if own.labels is None or not chosen:  # outside, or a pod that no policy is about
        return True
    rules = [(spec, rule) for spec in chosen for rule in spec.get(way.lower(), [])]
    peers = "to" if way == "Egress" else "from"
    return any(_ports(rule, port, protocol) and _peer(rule, peers, own.namespace, other) for _, rule in rules)


def _ports(rule: dict[str, Any], port: int, protocol: str) -> bool:
    return "ports" not in rule or {"port": port, "protocol": protocol} in rule["ports"]


def _peer(rule: dict[str, Any], key: str, namespace: str, other: Pod) -> bool:
    return key not in rule or any(_matches(peer, namespace, other) for peer in rule[key])


def _matches(peer: dict[str, Any], namespace: str, other: Pod) -> bool:
    if "ipBlock" in peer:
        network = ipaddress.ip_network(peer["ipBlock"]["cidr"])
        return bool(other.address) and ipaddress.ip_address(other.address) in network
    if other.labels is None:
        return False
    spaces = peer.get("namespaceSelector", {"matchLabels": {"kubernetes.io/metadata.name": namespace}})
    names = {"kubernetes.io/metadata.name": other.namespace}
    return _selects(spaces, names) and _selects(peer.get("podSelector", {}), other.labels)


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
