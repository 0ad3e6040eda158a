"""Pretend machines, each with a network, processes, a name, /tmp and shared memory of its own, all on one switch.

A machine is a set of Linux namespaces below one process, and dies whole with it; links can be cut and restored. Nothing
has a name outside (no ``ip netns``, no interface of the host), so nothing is left, also where the tests are killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import psutil
import pytest
from sweeping import wait_for

SHARED = "/mnt"  # where a machine has what machines share
NET = "10.77.0"
NEEDED = ("unshare", "nsenter", "setpriv", "ip", "mount")
ALL = ("--net", "--pid", "--mount", "--uts", "--ipc")
SETUP = """
set -e
mount -t tmpfs -o mode=0755,size=64m none /mnt
if [ -n "$2" ]; then mount --bind "$2" /mnt; fi
mount --bind "$3" /etc/hosts
mount --bind "$4" /etc/resolv.conf
mount -t tmpfs -o mode=1777 none /tmp
mount -t tmpfs -o mode=1777 none /dev/shm
hostname "$1"
ip link set lo up
echo up
exec >/dev/null 2>&1
while :; do sleep 3600 & wait; done
"""
RESOLVER = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"  # one that does not answer costs 10 s a look-up


def _may() -> bool:
    if os.geteuid() != 0 or not all(map(shutil.which, NEEDED)):
        return False
    return subprocess.run(["unshare", *ALL, "true"], capture_output=True).returncode == 0


needs_namespaces = pytest.mark.skipif(not _may(), reason="network namespaces need root, iproute2 and util-linux")


class Machine:
    """A machine ``name`` at ``address``, which all others know by its name."""

    def __init__(self, name: str, address: str, top: subprocess.Popen[str], network: Network) -> None:
        self.name, self.address = name, address
        self._top, self._network = top, network
        self.init = psutil.Process(top.pid).children()[0]

    def popen(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Starts a command there; what it starts in its turn dies with the machine at the latest."""
        started = subprocess.Popen(self._inside(command), **options)
        self._network.started.append(started)
        return started

    def start(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Starts a command there that writes to ``log``."""
        with open(log, "ab") as said:
            return self.popen(command, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/")

    def run(self, command: Sequence[str], timeout: float = 60, **options: Any) -> subprocess.CompletedProcess[str]:
        """A command there, to its end."""
        said = {"capture_output": True, "text": True, "cwd": "/", **options}
        return subprocess.run(self._inside(command), timeout=timeout, **said)

    def processes(self) -> list[psutil.Process]:
        """All that run there, seen from outside."""
        space = os.readlink(f"/proc/{self.init.pid}/ns/pid")
        found = []
        for pid in psutil.pids():
            try:
                if os.readlink(f"/proc/{pid}/ns/pid") == space:
                    found.append(psutil.Process(pid))
            except (OSError, psutil.NoSuchProcess):
                continue
        return found

    def kill(self) -> None:
        """The power goes: every process of it is gone, in whatever group or session."""
        below = self.processes()
        self._top.kill()
        self._top.wait()
        assert wait_for(lambda: not any(map(_lives, below)), 10), f"{self.name} lives on"

    def cut(self) -> None:
        """Takes it off the network; what runs there goes on."""
        self._network.switch("ip", "link", "set", self.name, "down")

    def restore(self) -> None:
        """Plugs it in again."""
        self._network.switch("ip", "link", "set", self.name, "up")

    def _inside(self, command: Sequence[str]) -> list[str]:
        return ["nsenter", f"--target={self.init.pid}", *ALL, "--", *command]


class Network:
    """A switch. Leaving the ``with`` block ends every machine on it."""

    def __init__(self, folder: Path) -> None:
        self._hosts, self._resolver = folder / "hosts", folder / "resolv.conf"
        self._hosts.write_text("127.0.0.1 localhost\n")
        self._resolver.write_text(RESOLVER)
        self.machines: dict[str, Machine] = {}
        self.started: list[subprocess.Popen[Any]] = []
        self._last = 0

    def __enter__(self) -> Network:
        self._top = _unshared("--net", "sh", "-c", "echo up; exec sleep infinity")
        self._switch = psutil.Process(self._top.pid).children()[0].pid
        self.switch("ip", "link", "add", "switch", "type", "bridge")
        self.switch("ip", "link", "set", "switch", "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tops = [machine._top for machine in self.machines.values()]
        for top in [*tops, self._top]:
            top.kill()
        for process in [*tops, self._top, *self.started]:
            with process:  # waits, and closes its pipes
                pass

    def machine(self, name: str, shared: Path | None = None) -> Machine:
        """A new machine, plugged in. It has the folder ``shared`` as ``/mnt``; without one, an empty folder there."""
        self._last += 1
        address = f"{NET}.{self._last}"
        with open(self._hosts, "a") as hosts:  # in place: machines have this very file
            hosts.write(f"{address} {name}\n")
        words = [name, str(shared or ""), str(self._hosts), str(self._resolver)]
        top = _unshared(*ALL, "--mount-proc", "bash", "-c", SETUP, "machine", *words)
        made = self.machines[name] = Machine(name, address, top, self)
        ends = ["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(made.init.pid)]
        self.switch(*ends)
        self.switch("ip", "link", "set", name, "master", "switch", "up")
        for line in (
            f"address add {address}/24 dev eth0",
            "link set eth0 up",
            f"route add default dev eth0 src {address}",
        ):
            done = made.run(["ip", *line.split()])
            assert done.returncode == 0, done.stderr
        return made

    def switch(self, *command: str) -> None:
        """A command on the switch itself."""
        done = subprocess.run(
            ["nsenter", f"--target={self._switch}", "--net", "--", *command], capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"


def _unshared(*words: str) -> subprocess.Popen[str]:
    """A process with namespaces of its own, which dies with this one, and everything in it with it."""
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child", *words]
    top = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    stream: IO[str] | None = top.stdout
    assert stream is not None
    said = stream.readline()
    assert said == "up\n", said + stream.read()
    return top


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
