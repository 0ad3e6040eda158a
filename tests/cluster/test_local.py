"""A cluster on this machine: locked while it is up, whatever becomes of it, and nothing is left when it is down."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from driving import environment
from sweeping import wait_for

from cluster import processes
from cluster.local import nodes, ports
from cluster.local.errors import LocalError
from cluster.local.node import Node, command
from cluster.local.node import environment as environment_of
from cluster.local.nodes import Size
from cluster.local.place import ABOVE, Place
from cluster.private import NotPrivate

NAME = f"t{os.getpid()}"
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # nodes outlive who starts them


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place(NAME)
    yield made
    nodes.down(made, grace=0)


def shared_memory(found: set[psutil.Process]) -> set[Path]:
    """What lies in shared memory and is these processes', by a map or an open file: others have theirs there."""
    held = set[str]()
    for process in found:
        with contextlib.suppress(psutil.Error, OSError):
            maps = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
            held |= {line.split(maxsplit=5)[-1] for line in maps} | {file.path for file in process.open_files()}
    return {Path(path.removesuffix(" (deleted)")) for path in held if path.startswith("/dev/shm/")}


def listening(found: set[psutil.Process]) -> dict[int, str]:
    """Port -> address, of these processes."""
    return {
        each.laddr.port: each.laddr.ip
        for process in found
        if process.is_running()
        for each in process.net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    }


def tree(place: Place) -> set[psutil.Process]:
    state = place.state()
    assert state is not None
    tops = [found for process in state.processes if (found := process.found)]
    return {*tops, *(child for top in tops for child in top.children(recursive=True))}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cluster", *arguments, "--name", NAME]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)


def test_up_is_locked_and_down_leaves_nothing(place: Place) -> None:
    came = run("up", "--nodes", "2", "--grace", "5")
    assert came.returncode == 0, came.stderr
    assert run("status").stdout in came.stdout
    found = tree(place)
    mark = place.state().mark  # type: ignore[union-attr]
    held = shared_memory(found)
    assert held, "Ray's object store is nowhere"

    heard = listening(found)
    assert len(heard) > 10 and {ip.removeprefix("::ffff:") for ip in heard.values()} == {"127.0.0.1"}
    firsts = {each.node.port for each in nodes.shown(place)}
    assert {port // ports.BLOCK * ports.BLOCK for port in heard} == firsts, "a port that was not given"
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(place.token.stat().st_mode) == 0o600
    secret = place.token.read_text().strip()
    assert not any(secret in " ".join(process.cmdline()) for process in found)
    url = nodes.dashboard(nodes.shown(place)[0].node) + nodes.JOBS
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(url, timeout=30)
    said = urllib.request.Request(url, headers={"Authorization": f"Bearer {secret}"})
    assert urllib.request.urlopen(said, timeout=30).status == 200

    with pytest.raises(LocalError, match=r"nodes: 1 given, and cluster .* is up: it has 2"):
        nodes.up(place, Size(1))
    with pytest.raises(LocalError, match=r"node: 7 is no worker of cluster .*; there are: 1"):
        nodes.leave(place, 7)

    _, worker = nodes.shown(place)
    psutil.Process(worker.pid).kill()  # and a cluster that is broken comes down as well
    assert wait_for(lambda: run("status").returncode == 1, 30)
    assert run("down").returncode == 0
    assert not [process for process in found if processes._lives(process)]
    assert not list(processes.marked(mark))
    assert not place.folder.exists()
    assert not [path for path in held if path.exists()]
    assert all(ports._is_free(first) for first in firsts)
    assert run("down").stdout == f"no cluster {NAME} on this machine\n"


def test_a_node_that_does_not_come_up_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "command", lambda *_: [sys.executable, "-c", "import sys; sys.exit('no Ray here')"])
    with pytest.raises(LocalError, match="head: ray start ended: no Ray here"):
        nodes.up(place, Size(2))
    assert not place.folder.exists()


def test_a_node_that_was_too_slow_is_tried_again(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = ["sh", "-c", f"echo x >> {tmp_path / 'tries'}; echo Exception: The current node timed out during startup."]
    monkeypatch.setattr(nodes, "command", lambda *_: slow)
    with pytest.raises(LocalError, match="head: ray start ended"):
        nodes.up(place, Size(2))
    assert (tmp_path / "tries").read_text() == "x\n" * nodes.TRIES
    assert not place.folder.exists()


def test_a_head_that_lets_anybody_in_is_taken_down(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    server = """
import http.server, sys
print("Ray runtime started", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), type("H", (http.server.BaseHTTPRequestHandler,), {
    "do_GET": lambda self: (self.send_response(200), self.end_headers())})).serve_forever()
"""

    def opened(node: Node, *_: object) -> list[str]:
        return [sys.executable, "-c", server, str(node.port + ports.DASHBOARD)]

    monkeypatch.setattr(nodes, "command", opened)
    with pytest.raises(LocalError, match="its dashboard answered 200 without a token, and 401 is what it must"):
        nodes.up(place, Size(1))
    assert not place.folder.exists()


def test_two_clusters_share_no_port_and_no_folder() -> None:
    first = ports.free_block(())
    assert ports.free_block({first}) != first
    assert Place("a").folder != Place("b").folder


def test_every_port_is_given_and_no_secret(place: Place) -> None:
    head = Node(0, 20_000, 0, 0, 10**9, 30)
    for node in (head, Node(1, 20_100, 2, 0, 10**9, 30)):
        said = command(node, place, head.port)
        given = [int(option.partition("=")[2]) for option in said if "-port=" in option]
        at_most = {20_000, *range(node.port, node.port + ports.BLOCK)}
        assert len(set(given)) == len(given) and set(given) <= at_most
        assert all("token" not in option for option in said)


def test_the_environment_is_locked_and_names_no_other_cluster(place: Place) -> None:
    place.make()
    with pytest.raises(FileNotFoundError):
        environment_of(Node(0, 20_000, 0, 0, 10**9, 30), place, {})
    nodes.token.make(place.token)
    given = {"RAY_ADDRESS": "elsewhere:1", "RAY_AUTH_TOKEN": "another", "RAY_AUTH_MODE": "disabled", "KEPT": "yes"}
    about = environment_of(Node(1, 20_000, 2, 2, 10**9, 30), place, given)
    assert about["RAY_AUTH_MODE"] == "token" and about["RAY_AUTH_TOKEN_PATH"] == str(place.token)
    assert about["KEPT"] == "yes" and about["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert not {"RAY_ADDRESS", "RAY_AUTH_TOKEN"} & set(about)
    place.token.chmod(0o644)
    with pytest.raises(NotPrivate, match="mode 0644"):
        environment_of(Node(0, 20_000, 0, 0, 10**9, 30), place, {})
    place.remove()


def test_a_folder_that_others_may_enter_is_refused() -> None:
    place = Place(f"{NAME}-open")
    place.folder.mkdir(mode=0o755)
    place.folder.chmod(0o755)
    try:
        with pytest.raises(NotPrivate, match="mode 0755"):
            nodes.up(place, Size(1))
    finally:
        place.folder.rmdir()


@pytest.mark.parametrize("name", ["", "a b", "x/../../etc", "..", "a\n", "ä"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(LocalError, match="letters, digits, - and _ are allowed"):
        Place(name)


def test_a_name_too_long_for_a_socket_is_refused() -> None:
    with pytest.raises(LocalError, match=r"is too long for a socket in /tmp; .* letters less are allowed"):
        Place("n" * 40).make()
    assert not list(Path(ABOVE).glob(f"minmax-*-{'n' * 40}"))
