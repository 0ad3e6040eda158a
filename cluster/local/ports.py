"""Every port that a node listens on: a block of a hundred that are free, below those that the system gives out."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection
from contextlib import ExitStack

from cluster.local.errors import LocalError
from cluster.local.loopback import ADDRESS

BLOCK, FIRST, END = 100, 20_000, 32_000
GCS, DASHBOARD, CLIENT, DASHBOARD_METRICS, AUTOSCALER_METRICS = range(5)  # of a head; places in a node's block
NODE_MANAGER, OBJECT_MANAGER, AGENT, AGENT_GRPC, RUNTIME_ENV, METRICS = range(10, 16)
WORKERS = 20  # and all that follow


def free_block(taken: Collection[int]) -> int:
    """The first port of a block that is free, and not one of those ``taken``.

    Raises:
        LocalError: there is none.
    """
    blocks = [first for first in range(FIRST, END, BLOCK) if first not in taken]
    random.shuffle(blocks)  # so that two clusters that come up at once do not take the same
    for first in blocks:
        if _is_free(first):
            return first
    raise LocalError(f"ports: no {BLOCK} in a row are free between {FIRST} and {END} on {ADDRESS}")


def _is_free(first: int) -> bool:
    with ExitStack() as held:
        try:
            for port in range(first, first + BLOCK):
                probe = held.enter_context(socket.socket())
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True
