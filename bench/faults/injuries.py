"""What is done to files, databases and servers."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.faults.processes import wait_for
from bench.ports import free_port
from minmax import checkpoint


def halve(path: Path) -> None:
    """Cuts a file in half."""
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    """Flips the highest bit of the mantissa of player x, wherever in the file of a checkpoint it lies."""
    data = bytearray(path.read_bytes())
    if path.suffix == ".safetensors":
        state = checkpoint.loads(bytes(data))
    else:
        import torch

        state = torch.load(path)
    number = state["players"]["x"].numpy().tobytes()
    for at in _places(data, number):
        data[at + len(number) - 2] ^= 0x40
    path.write_bytes(data)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Holds the database's write lock.

    Raises:
        AssertionError: another could have written all the same.
    """
    with sqlite3.connect(database, timeout=60, isolation_level=None) as held:
        held.execute("BEGIN EXCLUSIVE")
        try:
            with sqlite3.connect(database, timeout=0) as other:
                try:
                    other.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    assert "locked" in str(error), error
                else:
                    raise AssertionError("the database is not locked")
            yield
        finally:
            held.execute("ROLLBACK")
    held.close()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own over an empty folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "faults", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """No byte is left below ``folder``: a file takes whatever there is, again and again, until the end.

    Raises:
        AssertionError: the disk did not say that it is full.
    """
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        assert _fill(file.fileno()), "the disk is not full"
        yield
    ballast.unlink()


class Server:
    """An MLflow server on the loopback whose database and artifacts lie in ``folder``; it can be killed and started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        self.database = f"sqlite:///{folder / 'server.db'}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers."""
        where = ["--backend-store-uri", self.database, "--artifacts-destination", str(self._folder / "artifacts")]
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)]
        with open(self._folder / "server.txt", "ab") as said:
            self._process = subprocess.Popen(
                [*command, "--workers", "1", *where], stdout=said, stderr=said, start_new_session=True
            )
        if not wait_for(self.answers, 180):
            raise TimeoutError("MLflow's server does not answer")

    def kill(self) -> None:
        """SIGKILL, of the server and its workers: they are a group of their own."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def answers(self) -> bool:
        """Whether somebody listens."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A server that is not running yet, and is not when this ends."""
    made = Server(folder)
    try:
        yield made
    finally:
        made.kill()


def _fill(file: int) -> bool:
    """Writes until there is no room; whether the disk said so."""
    for size in (2**20, 2**12, 1):
        try:
            for _ in range(2**16):
                os.write(file, b"\0" * size)
        except OSError as error:
            full = error.errno == errno.ENOSPC
    return full


def _places(data: bytes | bytearray, number: bytes) -> Iterator[int]:
    at = data.find(number)
    while at >= 0:
        yield at
        at = data.find(number, at + 1)


def sleep_until(moment: float) -> None:
    """On the clock of the steps."""
    time.sleep(max(0.0, moment - time.time()))
