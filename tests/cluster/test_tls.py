"""What ``ray-onprem`` renders, on two machines: they talk TLS, and with nobody who does not, or not by our key."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from configured import configured, placed
from netns import SHARED, Machine, Network, needs_namespaces

pytestmark = [
    pytest.mark.slow,
    needs_namespaces,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]
LAB = """
name: lab
workers: 1
cpus: 1
storage: /mnt/runs
network: {interface: eth0, nodes: [10.77.0.1/32, 10.77.0.2/32]}
onprem: {head: 10.77.0.1, workers: [10.77.0.2]}
"""
TASK = """
import ray
ray.init(address="10.77.0.1:6379", log_to_driver=False)
print("ran on", ray.get(ray.remote(num_cpus=1)(ray.util.get_node_ip_address).remote(), timeout=90))
"""
PROGRAMS = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def environment(node: str, **changes: str) -> dict[str, str]:
    """A driver's: the node's own files, less or other than that where ``changes`` say so."""
    tls = {"CA_CERT": "ca.crt", "SERVER_CERT": "node.crt", "SERVER_KEY": "node.key"}
    made = {f"RAY_TLS_{name}": f"{node}/{file}" for name, file in tls.items()}
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": f"{node}/token"}
    return {
        "PATH": PROGRAMS,
        "HOME": "/tmp",
        "RAY_USE_TLS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        **token,
        **made,
    } | changes


def started(machine: Machine, role: str) -> None:
    done = machine.run(
        ["sh", f"{SHARED}/ray-onprem/node/start.sh", role],
        timeout=180,
        env={"PATH": PROGRAMS, "HOME": "/tmp", "RAY_HEAD_IP": "10.77.0.1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def said(machine: Machine, seconds: int, env: dict[str, str]) -> str:
    """What a driver on ``machine`` says; nothing where it gets no answer in time."""
    try:
        done = machine.run([sys.executable, "-c", TASK], timeout=seconds, env=env)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip()


def test_nodes_talk_tls_and_with_nobody_else(tmp_path: Path) -> None:
    placed("ray-onprem", configured(tmp_path, text=LAB), tmp_path)
    folder = tmp_path / "ray-onprem"
    subprocess.run([str(folder / "make-secrets.sh")], check=True)
    stranger = tmp_path / "stranger"  # who has the token, and certificates of another authority
    shutil.copytree(folder, stranger, ignore=shutil.ignore_patterns("ca", "*.crt", "*.key"))
    subprocess.run([str(stranger / "make-secrets.sh")], check=True)
    ours, theirs = f"{SHARED}/ray-onprem/node", f"{SHARED}/stranger/node"
    with Network(tmp_path) as network:
        head, worker = network.machine("head", tmp_path), network.machine("worker", tmp_path)
        started(head, "head")
        started(worker, "worker")
        again = worker.run(["sh", f"{ours}/start.sh", "worker"], env=environment(ours))
        assert again.returncode == 0 and "Ray runs here already" in again.stderr
        assert said(worker, 180, environment(ours)) == "ran on 10.77.0.2"
        assert said(worker, 40, environment(ours, RAY_USE_TLS="0")) == "", "the token alone, in the clear"
        assert said(worker, 40, environment(theirs)) == "", "a certificate of another authority"
        assert said(worker, 180, environment(ours)) == "ran on 10.77.0.2", "and all that for another reason"
