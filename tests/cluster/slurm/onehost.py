"""A real Slurm on one machine: munged, slurmctld and several slurmd, each a node, in a folder of their own.

Nothing of it touches a Slurm that the machine may have: own ports, own sockets, own key. It ends by pid.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from driving import environment
from services import free_ports
from sweeping import wait_for

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol")
SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
lacks = [name for name in NEEDED if shutil.which(name, path=SBIN) is None]
needs_slurm = pytest.mark.skipif(
    bool(lacks) or os.geteuid() != 0, reason="Slurm is not installed, or this is not root: `make test-slurm`"
)
CONFIG = """
ClusterName=onehost
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2
KillWait=30
GresTypes=gpu
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=90
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=9 PreemptMode=OFF
"""
NODE = "NodeName=node{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=8000"


class Slurm:
    """A running one. Its clients (``sbatch`` …) find it by ``environment``."""

    def __init__(self, folder: Path, nodes: int, cpus: int) -> None:
        self.folder = folder
        self.environment = {**environment(), "PATH": SBIN, "SLURM_CONF": str(folder / "slurm.conf")}
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._nodes, self._cpus = nodes, cpus

    def start(self) -> None:
        """Every daemon, and every node idle."""
        self._configure()
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        named = ("socket", "pid-file", "log-file", "seed-file")
        files = [f"--{name}={self.folder}/munge.{name.partition('-')[0]}" for name in named]
        self._daemon("munged", "--foreground", "--force", f"--key-file={key}", *files)
        assert wait_for((self.folder / "munge.socket").exists, 30), self.said()
        self._daemon("slurmctld", "-D", "-f", self.environment["SLURM_CONF"])
        for number in range(1, self._nodes + 1):
            self._daemon("slurmd", "-D", "-N", f"node{number}", "-f", self.environment["SLURM_CONF"])
        assert wait_for(lambda: self._idle() == self._nodes, 120), self.said()

    def stop(self) -> None:
        """Ends the daemons, and whatever a job left behind."""
        with suppress(subprocess.SubprocessError):
            self.call("scancel", "--user=root")
            wait_for(lambda: not self.call("squeue", "--noheader"), 60)
        below = [child for daemon in self._daemons for child in _below(daemon.pid)]
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in self._daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for child in below:
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def call(self, *command: str, place: Path | None = None) -> str:
        """What a client says."""
        done = subprocess.run(
            command, env=self.environment, cwd=place, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise subprocess.SubprocessError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def submit(self, script: Path, *options: str, place: Path) -> str:
        """The job's id."""
        return self.call("sbatch", "--parsable", *options, str(script), place=place)

    def state(self, job: str) -> str:
        """``RUNNING``, ``PENDING``, ``COMPLETED`` …"""
        return self.about(job)["JobState"]

    def about(self, job: str) -> dict[str, str]:
        """All that ``scontrol show job`` knows."""
        words = self.call("scontrol", "--oneliner", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def said(self) -> str:
        """The ends of all logs, for when something is wrong."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-800:]}" for log in logs)

    def _configure(self) -> None:
        ports, host = free_ports(self._nodes + 1), socket.gethostname()
        nodes = [
            NODE.format(number=number, host=host, port=port, cpus=self._cpus)
            for number, port in enumerate(ports[1:], start=1)
        ]
        text = CONFIG.format(host=host, controller=ports[0], folder=self.folder, nodes="\n".join(nodes))
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "state").mkdir()

    def _daemon(self, *command: str) -> None:
        with open(self.folder / f"{command[0]}-{len(self._daemons)}.said.log", "wb") as said:
            self._daemons.append(subprocess.Popen(command, env=self.environment, stdout=said, stderr=said))

    def _idle(self) -> int:
        with suppress(subprocess.SubprocessError):
            return self.call("sinfo", "--noheader", "--partition=main", "-N", "-o", "%t").split().count("idle")
        return 0


@contextmanager
def onehost(nodes: int, cpus: int) -> Iterator[Slurm]:
    """A Slurm for the length of a ``with`` block."""
    folder = Path(tempfile.mkdtemp(prefix="sl", dir="/tmp"))
    slurm = Slurm(folder, nodes, cpus)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _below(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
