"""Keeps a node on the loopback. Ray takes 127.0.0.1 for a slip and listens on all of the machine's interfaces instead.

Where Ray is told that a cluster has one node (``ONE_MACHINE``, its own choice anywhere but on Linux), it stays on the
loopback, head, agents and drivers alike, but refuses a second node: that one is let in by Ray's own hook for what
starts a node.
"""

from __future__ import annotations

from typing import Any

ADDRESS = "127.0.0.1"
ONE_MACHINE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
SECOND_NODE = {"RAY_START_HOOK": f"{__name__}.stay"}


def stay(ray_params: Any, head: bool) -> None:
    """Called by ``ray start`` before it starts anything."""
    from ray._private import ray_constants, services

    ray_constants.ENABLE_RAY_CLUSTER = True
    services.get_node_ip_address = lambda address=None: ADDRESS
