"""The pretend machines themselves: apart from each other and from this one, killed whole, cut off and back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from netns import SHARED, Machine, Network, needs_namespaces
from sweeping import wait_for

pytestmark = needs_namespaces
PYTHON = os.path.realpath(sys.executable)  # an environment below /tmp is not seen by a machine, which has its own
SERVER = """
import socket
server = socket.create_server(("", 7000))
print("up", flush=True)
while True:
    server.accept()[0].sendall(b"one")
"""
CLIENT = "import socket, sys; sys.exit(socket.create_connection((sys.argv[1], 7000), 1).recv(3) != b'one')"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    shared = tmp_path / "shared"
    shared.mkdir()
    with Network(tmp_path) as network:
        yield network.machine("one", shared), network.machine("two", shared)


def serves(machine: Machine) -> None:
    process = machine.popen([PYTHON, "-c", SERVER], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None and process.stdout.readline() == b"up\n"


def reaches(machine: Machine, host: str) -> bool:
    return machine.run([PYTHON, "-c", CLIENT, host]).returncode == 0


def test_a_link_is_cut_and_restored(pair: tuple[Machine, Machine]) -> None:
    one, two = pair
    serves(one)
    assert reaches(two, "one") and reaches(two, one.address)
    outside = subprocess.run([sys.executable, "-c", CLIENT, one.address], capture_output=True)
    assert outside.returncode != 0, "the host is on the network too"
    one.cut()
    assert not reaches(two, "one")
    assert reaches(one, "127.0.0.1"), "what runs there goes on"
    one.restore()
    assert wait_for(lambda: reaches(two, "one"), 20)


def test_a_machine_dies_whole(pair: tuple[Machine, Machine]) -> None:
    one, two = pair
    writer = "setsid sh -c 'while :; do date +%s%N > /mnt/beat; sleep 0.05; done' & exit 0"
    assert one.run(["sh", "-c", writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, capture_output=False)
    beat = Path(f"/proc/{two.init.pid}/root{SHARED}/beat")
    assert wait_for(beat.exists, 20), "what is shared is not"
    below = one.processes()
    assert len(below) > 2
    one.kill()
    assert not [process for process in below if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    last = beat.read_text()
    assert not wait_for(lambda: beat.read_text() != last, 0.5), "an orphan writes on"
    assert two.run(["true"]).returncode == 0


def test_machines_have_their_own(pair: tuple[Machine, Machine]) -> None:
    one, two = pair
    for place in ("/tmp/mine", "/dev/shm/mine"):
        assert one.run(["touch", place]).returncode == 0
        assert two.run(["test", "-e", place]).returncode == 1
        assert not Path(place).exists()
    assert one.run(["hostname"]).stdout == "one\n"
    seen = one.run(["sh", "-c", "ls -d /proc/[0-9]* | wc -l"])
    assert int(seen.stdout) < 10, "it sees the processes of others"


def test_nothing_is_left(tmp_path: Path) -> None:
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True).stdout
    with Network(tmp_path) as network:
        below = network.machine("one").processes()
        assert network.machines["one"].run(["sh", "-c", f"touch {SHARED}/alone"]).returncode == 0
    assert wait_for(lambda: not any(process.is_running() for process in below if _is_there(process)), 10)
    assert subprocess.run(["ip", "-br", "link"], capture_output=True, text=True).stdout == links
    assert not Path(SHARED, "alone").exists()


def _is_there(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
