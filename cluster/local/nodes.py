"""Bringing a local cluster up and down, node by node, and saying what runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import psutil

from cluster import processes, token
from cluster.local import loopback, ports
from cluster.local.errors import LocalError
from cluster.local.node import Node, command, environment
from cluster.local.place import Place, State, new_state
from cluster.processes import Process, Step

UP_WITHIN, LOOK = 180.0, 0.2  # seconds: for a node to come up, on a machine that is busy; between looks
STARTED, SLOW = "Ray runtime started", "timed out during startup"
TRIES = 3  # Ray gives a node 30 s, which are few on a machine that is busy
AFTER_GRACE = 15.0  # seconds for Ray's own processes to end, once trials have left
JOBS = "/api/jobs/"


class TooSlow(LocalError):
    """Ray gave a node up that was coming."""


class Size(NamedTuple):
    """How many nodes, the head one of them; what each worker offers to trials, or the head where it is alone."""

    nodes: int
    cpus: int | None = None
    gpus: int = 0
    grace: int = 30


class Shown(NamedTuple):
    """A node as it is now."""

    node: Node
    pid: int
    lives: bool


def up(place: Place, size: Size) -> list[Shown]:
    """Brings the cluster up; where it is up, adds the workers that are missing. One that fails is taken down again.

    Raises:
        LocalError: a node does not come up, or there are more nodes already.
        NotPrivate: the folder or the token is not ours alone.
    """
    for _ in range(TRIES - 1):
        with contextlib.suppress(TooSlow):
            return _up(place, size)
    return _up(place, size)


def _up(place: Place, size: Size) -> list[Shown]:
    place.make()
    with place.alone():
        state = place.state() or new_state()
        _refuse(place, state, size)
        was = len(state.processes)
        wanted = [_node(number, state, size) for number in _missing(state, size)]
        token.make(place.token)
        try:
            if wanted and wanted[0].number == 0:
                state = _start(place, state, wanted[:1])
                _refuse_open(state)
                wanted = wanted[1:]
            state = _start(place, state, wanted)
        except BaseException:
            _end(place, place.state() or state, place_is_new=was == 0, keep=was)
            raise
        return shown(place)


def down(place: Place, grace: int | None = None) -> bool:
    """Ends every process of the cluster by its pid, workers first, and removes its folder; whether there was one.

    Trials have the nodes' own grace time to come to a report, or ``grace`` seconds. What then lives is killed.

    Raises:
        LocalError: something cannot be ended.
    """
    if place.state() is None:
        return False
    with place.alone():
        state = place.state()
        if state is None:
            return False
        _end(place, state, grace=grace)
    return True


def leave(place: Place, number: int, grace: int | None = None) -> None:
    """Ends one worker, as a machine that is taken away does: its trials come to a report and go on elsewhere.

    Raises:
        LocalError: there is no such worker, or it cannot be ended.
    """
    if place.state() is None:
        raise LocalError(f"node: {number} given, and there is no cluster {place.name}; `python -m cluster up` makes it")
    with place.alone():
        state = place.state() or new_state()
        workers = _numbers(state)[1:]
        if number not in workers:
            there = ", ".join(map(str, workers)) or "none"
            raise LocalError(f"node: {number} is no worker of cluster {place.name}; there are: {there}")
        at = _numbers(state).index(number)
        if not processes.end(state.processes[at], _steps(state.nodes[at]["grace"], grace)):
            raise LocalError(f"node {number}: process {state.processes[at].pid} does not end")
        _forget(place, state, [at])


def shown(place: Place) -> list[Shown]:
    """The nodes that were started, the head first; empty where there is no cluster."""
    state = place.state()
    if state is None:
        return []
    pairs = zip(state.nodes, state.processes, strict=False)
    return [Shown(Node(**node), process.pid, process.found is not None) for node, process in pairs]


def dashboard(head: Node) -> str:
    """Where jobs are submitted to."""
    return f"http://{loopback.ADDRESS}:{head.port + ports.DASHBOARD}"


def _numbers(state: State) -> list[int]:
    return [node["number"] for node in state.nodes]


def _refuse(place: Place, state: State, size: Size) -> None:
    """Raises ``LocalError`` where what is there is not a part of what is asked for."""
    if size.nodes < 1:
        raise LocalError(f"nodes: {size.nodes} given; 1 or more are allowed")
    if any(process.found is None for process in state.processes):
        raise LocalError(f"cluster {place.name}: some of its nodes have died; `python -m cluster down` first")
    if len(state.nodes) > size.nodes:
        have = f"it has {len(state.nodes)}; `python -m cluster down` first, or `down --node N`"
        raise LocalError(f"nodes: {size.nodes} given, and cluster {place.name} is up: {have}")
    if _numbers(state) == [0] and state.nodes[0]["cpus"] and size.nodes > 1:
        raise LocalError(f"cluster {place.name}: its head takes trials; `python -m cluster down` first")


def _missing(state: State, size: Size) -> list[int]:
    free = (number for number in range(size.nodes + len(state.nodes)) if number not in _numbers(state))
    return [next(free) for _ in range(size.nodes - len(state.nodes))]


def _node(number: int, state: State, size: Size) -> Node:
    """A node's share of the machine; its ports are found when it starts."""
    takers = max(1, size.nodes - 1)
    takes = number > 0 or size.nodes == 1
    cpus = (size.cpus or max(1, (os.cpu_count() or 1) // takers)) if takes else 0
    memory = psutil.virtual_memory().total // (2 * takers)  # half of it: there are other programs
    return Node(number, 0, cpus, size.gpus if takes else 0, memory if takes else 2**30, size.grace)


def _start(place: Place, state: State, wanted: Sequence[Node]) -> State:
    """Starts nodes side by side and waits until they are up; notes each before it does anything else."""
    for node in wanted:
        taken = [known["port"] for known in state.nodes]
        placed = node._replace(port=ports.free_block(taken))
        head = state.nodes[0]["port"] if state.nodes else placed.port
        state = State(state.mark, [*state.nodes, placed._asdict()], state.processes)
        place.started(state)
        about = environment(placed, place, os.environ)
        place.log(placed.name).unlink(missing_ok=True)  # an earlier node's of that name
        started = processes.start(
            placed.name, command(placed, place, head), about, place.folder, place.log(placed.name), state.mark
        )
        state = State(state.mark, state.nodes, [*state.processes, started])
        place.started(state)
    end = time.monotonic() + UP_WITHIN
    for process in state.processes[len(state.processes) - len(wanted) :]:
        _wait(place, process, end)
    return state


def _wait(place: Place, process: Process, end: float) -> None:
    log = place.log(process.name)
    while STARTED not in (said := log.read_text(errors="replace")):
        if process.found is None or time.monotonic() > end:
            what = "ended" if process.found is None else f"is not up after {UP_WITHIN:g} s"
            last = " ".join(said.split())[-300:]
            kind = TooSlow if SLOW in said else LocalError
            raise kind(f"{process.name}: ray start {what}: {last or 'it said nothing'}")
        time.sleep(LOOK)


def _refuse_open(state: State) -> None:
    """Raises ``LocalError`` unless the head refuses who has no token: better none than one that anybody can use."""
    try:
        with urllib.request.urlopen(dashboard(Node(**state.nodes[0])) + JOBS, timeout=10) as answer:
            code = answer.status
    except urllib.error.HTTPError as error:
        code = error.code
    except OSError as error:
        raise LocalError(f"head: its dashboard does not answer: {error}") from error
    if code not in (401, 403):
        raise LocalError(f"head: its dashboard answered {code} without a token, and 401 is what it must")


def _end(place: Place, state: State, grace: int | None = None, place_is_new: bool = True, keep: int = 0) -> None:
    """Ends the nodes after the first ``keep``, workers before the head; without any left, the folder goes too."""
    pairs = list(zip(state.nodes, state.processes, strict=False))[keep:]
    workers, head = [pair for pair in pairs if pair[0]["number"]], [pair for pair in pairs if not pair[0]["number"]]
    for group in (workers, head):
        with ThreadPoolExecutor(max(1, len(group))) as pool:
            ended = list(pool.map(lambda pair: processes.end(pair[1], _steps(pair[0]["grace"], grace)), group))
        if not all(ended):
            raise LocalError(f"cluster {place.name}: a process does not end; {place.folder} is left as it is")
    if keep:
        _forget(place, state, range(keep, len(state.nodes)))
        return
    if not processes.kill(list(processes.marked(state.mark))):
        raise LocalError(f"cluster {place.name}: a process does not end; {place.folder} is left as it is")
    if place_is_new:
        place.remove()


def _forget(place: Place, state: State, gone: Sequence[int]) -> None:
    for at in gone:
        shutil.rmtree(place.temporary(state.nodes[at]["number"]), ignore_errors=True)
    nodes = [node for at, node in enumerate(state.nodes) if at not in gone]
    place.started(State(state.mark, nodes, [each for at, each in enumerate(state.processes) if at not in gone]))


def _steps(own: int, asked: int | None) -> list[Step]:
    seconds = own if asked is None else min(own, asked)
    return [Step(signal.SIGTERM, seconds + AFTER_GRACE if seconds else 0.0)]
