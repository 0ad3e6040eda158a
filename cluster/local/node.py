"""One node: the command line that starts it, with every port given, and the environment that locks it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cluster import token
from cluster.local import loopback, ports
from cluster.local.place import Place

OBJECT_STORE = 128 * 2**20  # bytes; nothing large goes through it
ROOT = Path(__file__).parents[2]
STALE = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_START_HOOK", "RAY_TMPDIR", "RAY_JOB_CONFIG_JSON_ENV_VAR")
STOP_WAIT = 30  # seconds that a driver has for its last report, when its job is stopped; Ray's 3 are too few


class Node(NamedTuple):
    """Node ``number`` (the head is 0): the first of its ports, what it offers to trials, and how many seconds trials
    have to leave it when it is told to end."""

    number: int
    port: int
    cpus: int
    gpus: int
    memory: int
    grace: int

    @property
    def name(self) -> str:
        """As it is called in logs and in what is shown."""
        return f"worker-{self.number}" if self.number else "head"


def command(node: Node, place: Place, head: int) -> list[str]:
    """``ray start``, which stays in the foreground. ``head``: the first of the head's ports."""
    options = {
        "node-manager-port": node.port + ports.NODE_MANAGER,
        "object-manager-port": node.port + ports.OBJECT_MANAGER,
        "dashboard-agent-listen-port": node.port + ports.AGENT,
        "dashboard-agent-grpc-port": node.port + ports.AGENT_GRPC,
        "runtime-env-agent-port": node.port + ports.RUNTIME_ENV,
        "metrics-export-port": node.port + ports.METRICS,
        "min-worker-port": node.port + ports.WORKERS,
        "max-worker-port": node.port + ports.BLOCK - 1,
        "node-name": node.name,
        "num-cpus": node.cpus,
        "num-gpus": node.gpus,
        "memory": node.memory,
        "object-store-memory": OBJECT_STORE,
        "temp-dir": place.temporary(node.number),
    }
    of_head = {
        "port": head + ports.GCS,
        "include-dashboard": "true",
        "dashboard-host": loopback.ADDRESS,
        "dashboard-port": head + ports.DASHBOARD,
        "ray-client-server-port": head + ports.CLIENT,
    }
    options |= {"address": f"{loopback.ADDRESS}:{head + ports.GCS}"} if node.number else of_head
    flags = ["--block", "--disable-usage-stats", *([] if node.number else ["--head", "--no-monitor"])]
    said = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "ray.scripts.scripts", "start", *flags, *said]


def environment(node: Node, place: Place, given: Mapping[str, str]) -> dict[str, str]:
    """What it inherits, and its drivers and workers with it: ``given``, locked.

    Raises:
        NotPrivate, BadToken: the token's file is not what we made.
    """
    known = {name: value for name, value in given.items() if name not in STALE}
    before = [given["PYTHONPATH"]] if given.get("PYTHONPATH") else []
    own = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *before]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), given.get("PATH", os.defpath)]),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(node.grace),
        "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT),
        "DASHBOARD_METRIC_PORT": str(node.port + ports.DASHBOARD_METRICS),
        "AUTOSCALER_METRIC_PORT": str(node.port + ports.AUTOSCALER_METRICS),
        **loopback.ONE_MACHINE,
        **(loopback.SECOND_NODE if node.number else {}),
    }
    if node.gpus:
        first = (max(node.number, 1) - 1) * node.gpus
        own["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, range(first, first + node.gpus)))
    return token.authenticated({**known, **own}, place.token)
