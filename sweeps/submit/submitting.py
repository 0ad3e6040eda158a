"""Submitting a sweep: checked and packed here, and handed to a supervised driver on the cluster's head."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sweeps.records.changed import modules
from sweeps.run.service import NoRoom
from sweeps.spec.environment import ADDRESSES, REFERENCE, refers
from sweeps.spec.limits import size
from sweeps.spec.reading import read
from sweeps.spec.source import Source, SpecErrors, shown
from sweeps.spec.sweep import load
from sweeps.spec.values import is_address
from sweeps.submit.jobs import Jobs, NodeSize
from sweeps.submit.pack import SPEC, pack

if TYPE_CHECKING:
    from sweeps.spec.limits import Resources

SUPERVISOR = "python -m sweeps.submit.supervise"
VARIABLES = {"RAY_JOB_STOP_WAIT_TIME_S": "30"}  # Ray's 3 seconds are too few for a last report
NEUTRAL = {"storage": tempfile.gettempdir(), "studies": "null", "tracking": "null"}


class Submitted(NamedTuple):
    """What was handed over: the job's name on the cluster, and the sweep's."""

    job: str
    sweep: str


def submit(jobs: Jobs, path: Path, overrides: Sequence[str], resume: bool, root: Path) -> Submitted:
    """Starts the driver of a spec's sweep on a cluster; with ``resume`` of one that was begun, wherever its driver was.

    Raises:
        SpecErrors: something is wrong with the spec, or its storage is not one that nodes share.
        NoRoom: a trial fits no node. NoCluster: it cannot be reached. TooLarge: the user's modules are.
    """
    source = read(path, overrides)
    sweep = load(path, [*overrides, *_elsewhere(source)])
    _refuse_own_folder(source)
    refuse_too_much(sweep.resources, jobs.nodes())
    package = jobs.upload(pack(source.text, modules(sweep.normalized()), root))
    job = f"sweep-{sweep.name}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    command = f"{SUPERVISOR} {SPEC}{' --resume' if resume else ''}"
    storage = str(source.data.get("storage", ""))
    jobs.submit(job, command, package, {"sweep": sweep.name, "storage": storage}, VARIABLES)
    return Submitted(job, sweep.name)


def refuse_too_much(resources: Resources, nodes: Sequence[NodeSize]) -> None:
    """Raises ``NoRoom`` if a trial fits no node, with what the largest node has. Of a cluster that has no node with any
    cores yet (they start when they are asked for) nothing can be said."""
    asked = {"CPU": resources.cpu, "GPU": resources.gpu, "memory": resources.memory or 0}
    takers = [node for node in nodes if node.has.get("CPU", 0) > 0]
    if not takers or any(all(node.has.get(name, 0) >= much for name, much in asked.items()) for node in takers):
        return
    largest = max(takers, key=lambda node: (node.has.get("GPU", 0), node.has.get("CPU", 0), node.has.get("memory", 0)))
    has = {name: largest.has.get(name, 0) for name in asked}
    short = next((name for name, much in asked.items() if much > has[name]), "CPU")
    said = size(int(asked[short])) if short == "memory" else f"{asked[short]:g}"
    there = f"cpu {has['CPU']:g}, gpu {has['GPU']:g}, memory {has['memory'] / 1e9:.1f}GB"
    raise NoRoom(f"resources.{short.lower()}: {said} asked for one trial, which fits no node; the largest is "
                 f"{largest.name} ({there})")  # fmt: skip


def _elsewhere(source: Source) -> list[str]:
    """What stands in, on this machine, for addresses that only the cluster's machines can use."""
    data: dict[str, Any] = source.data
    unset = [key for key in ADDRESSES if key != "storage" and _lacks(data.get(key))]
    return [f"{key}={NEUTRAL[key]}" for key in ("storage", *unset)]


def _lacks(text: object) -> bool:
    """Whether it refers to what is not set here; the head will say if it is not there either."""
    return isinstance(text, str) and any(
        found[2] is None and found[1] not in os.environ for found in REFERENCE.finditer(text)
    )


def _refuse_own_folder(source: Source) -> None:
    """Raises ``SpecErrors`` where each node would have a storage of its own."""
    said = source.data.get("storage", "./runs")
    if refers(said) or is_address(said) or os.path.isabs(said):
        return
    source.problems.clear()  # of what is not set here
    allowed = "an absolute path that all nodes share, s3://bucket/path, or ${env:NAME} of the nodes is allowed"
    source.report(("storage",), f"{shown(said)} is a folder of each node's own", allowed)
    raise SpecErrors(source.problems)
