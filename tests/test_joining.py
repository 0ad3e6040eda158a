"""A sweep joins the Ray that ``RAY_ADDRESS`` names, with its token and not without, and leaves it running."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from driving import environment
from services import answers, free_port
from sweeping import wait_for

from sweeps.run.joining import NoCluster, address_of

SPEC = """
name: joined
game: {data: {name: gaussians, modes: 2, std: 0.3, count: 500}, net: {name: mlp, widths: [8]}, batch: 8, latent: 2}
length: 20
seeds: 2
optimizers: [extragradient]
trials: 2
objective: {maximize: mean.high_quality}
report_every: 10
confirm: {seeds: 3}
"""
BOUND = 240


class Head(NamedTuple):
    """A Ray head that somebody else started."""

    address: str
    token: Path
    process: psutil.Process


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    folder, port = Path(tempfile.mkdtemp(prefix="h", dir="/tmp")), free_port()  # short, for the sockets below it
    token = _token(folder / "token", "ab" * 32)
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}"]
    command += ["--node-ip-address=127.0.0.1", "--num-cpus=1", "--include-dashboard=false", "--disable-usage-stats"]
    command += ["--object-store-memory=134217728", f"--temp-dir={folder}"]
    known = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    with open(folder / "said", "wb") as said:
        started = subprocess.Popen(command, env={**without_token(), **known}, stdout=said, stderr=said)
    process = psutil.Process(started.pid)
    below: list[psutil.Process] = []
    try:
        assert wait_for(lambda: b"started" in (folder / "said").read_bytes(), 120), (folder / "said").read_text()
        yield Head(f"127.0.0.1:{port}", token, process)
        below = process.children(recursive=True)
    finally:
        for each in [process, *below]:
            _end(each)
        started.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _end(process: psutil.Process) -> None:
    if process.is_running():
        process.kill()


def _token(path: Path, said: str, mode: int = 0o600) -> Path:
    path.write_text(said)
    path.chmod(mode)
    return path


def without_token() -> dict[str, str]:
    """Where tests of this process imported Ray, the environment has a token of theirs."""
    return {name: value for name, value in environment().items() if name != "RAY_AUTH_TOKEN"}


def _run(place: Path, address: str, token: Path) -> subprocess.CompletedProcess[str]:
    (place / "spec.yaml").write_text(SPEC)
    said = {"RAY_ADDRESS": address, "RAY_AUTH_TOKEN_PATH": str(token)}
    command = [sys.executable, "-m", "sweeps", "run", "spec.yaml", "--plain"]
    return subprocess.run(
        command, cwd=place, env={**without_token(), **said}, capture_output=True, text=True, timeout=BOUND, check=False
    )


def test_a_sweep_runs_on_the_ray_that_is_named_and_leaves_it_there(head: Head, tmp_path: Path) -> None:
    done = _run(tmp_path, head.address, head.token)
    assert done.returncode == 0, done.stderr
    assert "extragradient/confirm-0000 complete" in done.stdout
    assert head.process.is_running() and answers(int(head.address.rpartition(":")[2]))


@pytest.mark.slow  # Ray asks for half a minute
def test_another_token_is_refused_and_not_told(head: Head, tmp_path: Path) -> None:
    done = _run(tmp_path, head.address, _token(tmp_path / "token", "cd" * 32))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"sweeps: RAY_ADDRESS: {head.address} let us not in")
    assert "cd" * 32 not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("address", "mode", "said"),
    [
        ("127.0.0.1:1", 0o600, "RAY_ADDRESS: nothing answers at 127.0.0.1:1: Connection refused"),
        ("127.0.0.1:1", 0o644, "RAY_AUTH_TOKEN_PATH: others can open "),
        ("ray://head:10001", 0o600, "RAY_ADDRESS: 'ray://head:10001' is no address; HOST:PORT"),
    ],
)
def test_what_cannot_be_joined_is_said_before_anything_is_made(
    tmp_path: Path, address: str, mode: int, said: str
) -> None:
    done = _run(tmp_path, address, _token(tmp_path / "token", "ab" * 32, mode))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"sweeps: {said}")
    assert sorted(os.listdir(tmp_path)) == ["spec.yaml", "token"]


@pytest.mark.parametrize("said", ["auto", "head", ":6379", "a b:1", "head:6379\n", "head:123456", "$(id):1"])
def test_what_is_no_address_is_refused(said: str) -> None:
    with pytest.raises(NoCluster, match="HOST:PORT"):
        address_of({"RAY_ADDRESS": said})


def test_a_ray_of_its_own_listens_on_the_loopback_alone(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    command = [sys.executable, "-m", "sweeps", "run", "spec.yaml", "--quiet"]
    known = {name: value for name, value in environment().items() if not name.startswith("RAY_")}
    heard: dict[int, str] = {}
    with subprocess.Popen(command, cwd=tmp_path, env=known) as process:
        driver = psutil.Process(process.pid)
        while process.poll() is None:
            heard |= listening([driver, *driver.children(recursive=True)])
            time.sleep(1)
    assert process.returncode == 0
    assert len(heard) > 3 and {ip.removeprefix("::ffff:") for ip in heard.values()} == {"127.0.0.1"}, heard


def listening(processes: list[psutil.Process]) -> dict[int, str]:
    """Port -> address, of these processes."""
    found = {}
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for each in process.net_connections("inet"):
                if each.status == psutil.CONN_LISTEN:
                    found[each.laddr.port] = each.laddr.ip
    return found
