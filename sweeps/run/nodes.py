"""The nodes of a cluster that was joined: each must run what the driver runs, and share the sweep's storage with it.

A node writes down what it is in ``nodes/ID.json`` of the sweep's records, then reads what the others wrote: a storage
that each has for itself is found out so. Nodes that differ when a sweep starts stop it, with a table; one that joins
later is sent away.
"""

from __future__ import annotations

import json
import platform
import secrets
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

from sweeps.run import before_ray  # noqa: F401  # Ray reads it at import

# isort: split
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sweeps.records.changed import code_of
from sweeps.records.store import Store

LOOK = 1.0  # seconds between looks at what nodes there are
ANSWER = 180.0  # seconds for a node to start a process and answer
AWAY = 30.0  # seconds until a node that differs is taken out of the cluster
PREEMPTION = 2  # among Ray's reasons for a node to end, the one that is not asked whether it is idle
FACTS = ("python", "ray", "torch", "minmax-sweeps")


class NodesDiffer(RuntimeError):
    """Some nodes would train other trials than the rest, or cannot share their records; the message is a table."""


class Seen(NamedTuple):
    """What a node says of itself. ``trouble``: of the storage, or that it did not answer; empty where there is none."""

    name: str
    facts: dict[str, str]
    trouble: str = ""


def facts() -> dict[str, str]:
    """What decides how a trial comes out, of this process; our own version with the source's hash."""
    own = f"{version('minmax-sweeps')} {code_of({})['minmax-sweeps'][:12]}"
    libraries = {name: version(name) for name in FACTS if name not in ("python", "minmax-sweeps")}
    return {"python": platform.python_version(), **libraries, "minmax-sweeps": own}


def refuse_different(store: Store) -> set[str]:
    """Asks every living node; returns their ids.

    Raises:
        NodesDiffer: they are not all alike, or do not share the storage.
    """
    ids, word = living(), secrets.token_hex(8)
    written = _ask(_writes, ids, store.root, word)
    both = _ask(_reads, ids, store.root, word, ids) if not any(seen.trouble for seen in written.values()) else written
    table = differing(facts(), list(both.values()))
    if table:
        raise NodesDiffer(table)
    return ids


def living() -> set[str]:
    """Ids of the nodes that are there and not leaving."""
    leaving = draining()
    return {node["NodeID"] for node in ray.nodes() if node["Alive"] and node["NodeID"] not in leaving}


def draining() -> set[str]:
    """Ids of the nodes that were told to end; empty where nobody can say."""
    try:
        return set(ray._private.state.state.get_draining_nodes())
    except Exception:  # the head is away for a moment
        return set()


def is_gone(error: object) -> bool:
    """Whether a worker's process is gone because its whole machine is, or leaves."""
    if not isinstance(error, ray.exceptions.RayActorError):
        return False
    return bool(error.preempted) or "node has died" in str(error)


class Newcomers:
    """Nodes that join later, looked at without waiting for them; ``tell`` is called with a line for each sent away."""

    def __init__(self, store: Store, known: Iterable[str], tell: Any) -> None:
        self._store, self._known, self._tell = store, set(known), tell
        self._asked: dict[Any, str] = {}

    def look(self) -> None:
        """Asks those that are new, and takes in the answers that have come."""
        for node in living() - self._known:
            self._known.add(node)
            word = secrets.token_hex(8)
            self._asked[_there(_writes, node).remote(node, self._store.root, word)] = node
        answered, _ = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0) if self._asked else ([], [])
        for answer in answered:
            node = self._asked.pop(answer)
            seen, own = _answer(node, answer, 0), facts()
            wrong = [
                f"{name} {seen.facts.get(name, '?')} and not {own[name]}"
                for name in own
                if own[name] != seen.facts.get(name)
            ]
            if seen.trouble or wrong:
                why = f"its storage {seen.trouble}" if seen.trouble else "; ".join(wrong)
                self._tell(f"{seen.name} joined, is not like the other nodes ({why}), and was sent away")
                _send_away(node)


def differing(own: Mapping[str, str], nodes: Sequence[Seen]) -> str:
    """A table of the nodes and the driver where any of them differs; empty where none does.

    >>> differing({"python": "3.11.2"}, [Seen("a", {"python": "3.11.2"})])
    ''
    """
    wrong = [seen for seen in nodes if seen.trouble or seen.facts != dict(own)]
    if not wrong:
        return ""
    rows = [("node", *own, "storage"), ("(driver)", *own.values(), "")]
    for seen in nodes:
        said = [seen.facts.get(name, "?") for name in own]
        marked = [f"{each} (!)" if each != own[name] else each for name, each in zip(own, said, strict=True)]
        rows.append((seen.name, *marked, seen.trouble or "shared"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(["nodes differ; the same versions and a storage that all share are allowed", *lines])


def _ask(task: Any, ids: Iterable[str], *arguments: Any) -> dict[str, Seen]:
    asked = {node: _there(task, node).remote(node, *arguments) for node in ids}
    end = time.monotonic() + ANSWER
    return {node: _answer(node, answer, end - time.monotonic()) for node, answer in asked.items()}


def _there(task: Any, node: str) -> Any:
    where = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
    return ray.remote(num_cpus=0, max_retries=0)(task).options(scheduling_strategy=where)


def _answer(node: str, answer: Any, seconds: float) -> Seen:
    try:
        return Seen(*ray.get(answer, timeout=max(seconds, 1.0)))
    except ray.exceptions.RayError as error:
        said = " ".join(str(error).split())[-200:]
        return Seen(node[:12], {}, "no answer" if isinstance(error, ray.exceptions.GetTimeoutError) else said)


def _writes(node: str, root: str, word: str) -> Seen:
    """Runs on the node: it writes what it is."""
    own, name = facts(), socket.gethostname()
    about = {"host": name, "word": word, "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **own}
    try:
        Store(root).replace(_place(node), json.dumps(about, indent=1).encode())
        return Seen(name, own, _unread(root, word, [node]))
    except OSError as error:
        return Seen(name, own, f"cannot be written: {error.strerror or error}")


def _reads(node: str, root: str, word: str, others: Sequence[str]) -> Seen:
    """Runs on the node: it reads what all wrote."""
    return Seen(socket.gethostname(), facts(), _unread(root, word, others))


def _unread(root: str, word: str, nodes: Iterable[str]) -> str:
    for node in nodes:
        try:
            if json.loads(Store(root).get(_place(node)))["word"] != word:
                return f"does not show what {node[:12]} wrote"
        except FileNotFoundError:
            return f"does not show what {node[:12]} wrote"
        except (OSError, ValueError, KeyError) as error:
            return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    return ""


def _place(node: str) -> str:
    return f"nodes/{node}.json"


def _send_away(node: str) -> None:
    """No trial is placed there any more; Ray ends the node's own processes."""
    worker: Any = ray._private.worker.global_worker
    worker.gcs_client.drain_node(node, PREEMPTION, "it is not like the others", int(1000 * (time.time() + AWAY)))
