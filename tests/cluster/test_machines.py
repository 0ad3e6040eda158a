"""A sweep over machines that die, lose their link, join late, and whose head dies: nothing is lost, nothing differs.

Three Ray nodes in network namespaces of their own with a shared storage, PostgreSQL and an MLflow server in a fourth; a
fifth submits the quick-start (shorter), one trial at a time: its ranking is the one of ``--serial`` on one machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from driving import ROOT, environment
from netns import Machine, Network, needs_namespaces
from services import POSTGRES, needs_postgres
from sweeping import wait_for

from sweeps.search.trials import COMPLETE

pytestmark = [needs_namespaces, needs_postgres, pytest.mark.slow]
QUICK_START = ROOT / "sweeps" / "specs" / "digits.yaml"
ARMS, TRIALS, EVERY = ("optimistic", "gda"), 1, 100
SHORTER = {
    "optimizers": list(ARMS), "trials": TRIALS, "seeds": 2, "confirm": {"seeds": 4},
    "length": 2000, "report_every": EVERY,
    "resources": {"cpu": 1, "max_concurrent": 1},
    "space": {"lr": {"log": [1.0e-4, 1.0e-2]}, "lr_ratio": {"log": [0.1, 10.0]}},
}  # fmt: skip
PATIENT = 900.0  # seconds for anything; of a machine that is busy with other things
CUT = 90.0
PASSWORD, GCS, DASHBOARD = "not-a-secret-here", 6379, 8265
AGAIN = ["sh", "-c", 'while :; do "$@"; sleep 2; done', "sh"]  # as systemd would
RAY = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]


def shorter() -> str:
    """The quick-start, for two cores that do much else."""
    return yaml.safe_dump({**yaml.safe_load(QUICK_START.read_text()), **SHORTER})


class Cluster:
    """The machines, and what runs on them."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network, self.folder, self.shared = network, folder, folder / "shared"
        for path in (self.shared, folder / "logs"):
            path.mkdir(mode=0o700)
        self._token()
        self.services = network.machine("services")
        self.laptop = network.machine("laptop")
        self._serve()
        self.start_head("head")
        self.workers: dict[str, Machine] = {}
        for name in ("one", "two"):
            self.join(name)
        self._until(lambda: all("Ray runtime started" in self._said(name) for name in self.workers), "workers")

    @property
    def records(self) -> Path:
        return self.shared / "runs" / "digits"

    def start_head(self, name: str) -> None:
        """A head, which takes no trials."""
        self.head = self.network.machine(name, self.shared)
        address = self.head.address
        options = [f"--node-ip-address={address}", f"--port={GCS}", f"--dashboard-host={address}", "--num-cpus=0"]
        options += [f"--dashboard-port={DASHBOARD}", "--include-dashboard=true", "--no-monitor", "--head"]
        self._start(self.head, options)
        url = f"http://{address}:{DASHBOARD}/api/version"
        said = {"Authorization": f"Bearer {self.token}"}
        probe = f"import urllib.request as u; u.urlopen(u.Request({url!r}, headers={said}), timeout=5)"
        self._until(lambda: self.laptop.run([sys.executable, "-c", probe]).returncode == 0, name)

    def join(self, name: str) -> None:
        """A worker with one core, on a new machine."""
        machine = self.workers[name] = self.network.machine(name, self.shared)
        self._start(
            machine, [f"--address={self.head.address}:{GCS}", f"--node-ip-address={machine.address}", "--num-cpus=1"]
        )

    def die(self, name: str) -> None:
        """The power of a worker goes."""
        self.workers.pop(name).kill()

    def submit(self, *options: str) -> None:
        """From the fifth machine, which shares nothing."""
        said = ["storage=/mnt/runs", f"tracking=http://{self.services.address}:5000", "studies=${env:STUDIES_URL}"]
        words = [word for each in said for word in ("--set", each)]
        self.laptop.run(["sh", "-c", "cat > /tmp/digits.yaml"], input=shorter())
        done = self.sweeps("submit", "/tmp/digits.yaml", *words, *options)
        assert done.returncode == 0, done.stderr

    def sweeps(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        known = {**self._known(), "RAY_API_SERVER_ADDRESS": f"http://{self.head.address}:{DASHBOARD}"}
        known = {name: value for name, value in known.items() if name not in ("STUDIES_URL", "RAY_AUTH_TOKEN_PATH")}
        known["RAY_AUTH_TOKEN"] = self.token
        return self.laptop.run([sys.executable, "-m", "sweeps", *arguments], env=known, timeout=PATIENT)

    def log(self) -> str:
        return self.sweeps("logs", "digits").stdout

    def _start(self, machine: Machine, options: list[str]) -> None:
        options = [*options, "--object-store-memory=134217728", "--temp-dir=/tmp/r", "--memory=4000000000"]
        machine.start([*AGAIN, *RAY, *options], self.folder / "logs" / machine.name, self._known())

    def _said(self, name: str) -> str:
        return (self.folder / "logs" / name).read_text(errors="replace")

    def _known(self) -> dict[str, str]:
        return {
            **environment(),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": "/tmp",
            "MINMAX_DATA": "/mnt/data",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": "/mnt/token",
            "RAY_USAGE_STATS_ENABLED": "0",
            "STUDIES_URL": f"postgresql://sweeps:{PASSWORD}@{self.services.address}:5432/postgres",
        }

    def _token(self) -> None:
        from cluster import token

        self.token = token.make(self.shared / "token")

    def _serve(self) -> None:
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        setup = f"""
umask 077; mkdir /tmp/pg; echo {PASSWORD} > /tmp/pg/password; chown -R postgres /tmp/pg
{" ".join(user)} {POSTGRES}/initdb --pgdata /tmp/pg/data --username=sweeps --auth=scram-sha-256 \
    --pwfile=/tmp/pg/password --no-sync --encoding=UTF8 --locale=C
echo "host all all 10.77.0.0/24 scram-sha-256" >> /tmp/pg/data/pg_hba.conf
"""
        done = self.services.run(["sh", "-c", setup], timeout=PATIENT)
        assert done.returncode == 0, done.stderr
        server = [f"{POSTGRES}/postgres", "-D", "/tmp/pg/data", "-k", "/tmp/pg", "-c", "listen_addresses=*"]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "HOME": "/tmp"}
        self.services.start([*user, *server], self.folder / "logs" / "postgres", {"PATH": "/usr/bin:/bin"})
        tracking = ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "1"]
        tracking += ["--backend-store-uri", "sqlite:////tmp/mlflow.db", "--artifacts-destination", "/tmp/artifacts"]
        self.services.start(
            [sys.executable, "-m", *tracking], self.folder / "logs" / "mlflow", {**environment(), **quiet}
        )
        for port in (5432, 5000):
            probe = f"import socket; socket.create_connection(('{self.services.address}', {port}), 2)"
            self._until(lambda: self.laptop.run([sys.executable, "-c", probe]).returncode == 0, str(port))  # noqa: B023

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        assert wait_for(condition, PATIENT), f"{what}: {[p.read_text()[-600:] for p in self.folder.glob('logs/*')]}"


class Attempt:
    """The newest attempt at a trial: its machine, and the steps that it committed so far."""

    def __init__(self, records: Path) -> None:
        begun = records.glob("trials/*/*/attempt-*/begin.json")
        self.path = max(begun, key=lambda path: path.stat().st_mtime_ns, default=records / "none" / "none").parent
        self.number = int(self.path.name.rpartition("-")[2]) if self.path.name != "none" else 0

    @property
    def machine(self) -> str | None:
        try:
            return str(json.loads((self.path / "worker.json").read_text())["host"])
        except (OSError, ValueError):
            return None

    @property
    def steps(self) -> list[int]:
        return sorted(int(path.parent.name) for path in self.path.glob("checkpoint/*/manifest.json"))

    @property
    def next(self) -> Path:
        return self.path.with_name(f"attempt-{self.number + 1}")


@pytest.fixture
def alone(tmp_path: Path) -> bytes:
    """The ranking of a sweep that nobody disturbs, on one machine."""
    (tmp_path / "digits.yaml").write_text(shorter())
    command = [sys.executable, "-m", "sweeps", "run", str(tmp_path / "digits.yaml"), "--serial", "--quiet"]
    command += ["--set", f"storage={tmp_path / 'alone'}"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return (tmp_path / "alone" / "digits" / "ranking.json").read_bytes()


@pytest.fixture
def cluster(tmp_path: Path, alone: bytes) -> Iterator[Cluster]:
    with Network(tmp_path) as network:
        yield Cluster(network, tmp_path)


def under_way(cluster: Cluster) -> Attempt:
    """Waits for an attempt that has reported twice, and has far to go."""
    found: list[Attempt] = []

    def there() -> bool:
        attempt = Attempt(cluster.records)
        if attempt.machine in cluster.workers and 2 <= len(attempt.steps) <= 10:
            found.append(attempt)
        return bool(found)

    assert wait_for(there, PATIENT), cluster.log()
    return found[0]


def resumed(cluster: Cluster, hit: Attempt, since: float) -> float:
    """Waits until the trial that was hit goes on, from a record and not anew; the seconds ``since``."""
    assert wait_for(lambda: any(hit.next.glob("checkpoint/*/manifest.json")), PATIENT), cluster.log()
    took = time.monotonic() - since
    first = min(int(path.parent.name) for path in hit.next.glob("checkpoint/*/manifest.json"))
    assert first > EVERY, f"{hit.path} began anew"
    return took


def test_nothing_is_lost_and_nothing_differs(
    cluster: Cluster, alone: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.submit()
    took: dict[str, float] = {}

    hit = under_way(cluster)
    assert hit.machine is not None
    since = time.monotonic()
    cluster.die(hit.machine)
    cluster.join("three")  # late
    took["a machine's power went"] = resumed(cluster, hit, since)

    hit = under_way(cluster)
    assert hit.machine is not None
    cut, since = cluster.workers[hit.machine], time.monotonic()
    cut.cut()
    took["a machine's link was cut"] = resumed(cluster, hit, since)
    time.sleep(max(0.0, since + CUT - time.monotonic()))
    both = sorted(set(hit.steps) & {int(path.parent.name) for path in hit.next.glob("checkpoint/*/manifest.json")})
    cut.restore()
    running = [process for process in cut.processes() if "raylet" in process.name()]
    assert wait_for(lambda: not any(map(_lives, running)), PATIENT), "a node that was given up did not end"

    hit = under_way(cluster)
    cluster.head.kill()
    for name in list(cluster.workers):
        cluster.die(name)
    before = len(hit.steps)
    cluster.start_head("head-b")
    cluster.join("four")
    since = time.monotonic()
    cluster.submit("--resume")
    took["the head's power went, from submit --resume"] = resumed(cluster, hit, since)
    assert len(hit.steps) == before, "a driver outlived its head"
    assert cluster.sweeps("logs", "digits", "--follow").returncode == 0, cluster.log()

    keys = {f"{arm}/{kind}" for arm in ARMS for kind in ("search-0000", "confirm-0000")}
    assert {f"{path.parent.name}/{path.name}" for path in cluster.records.glob("trials/*/*")} == keys
    for key in keys:
        last = max((cluster.records / "trials" / key).glob("attempt-*"), key=lambda path: int(path.name[8:]))
        assert json.loads((last / "end.json").read_text())["state"] == COMPLETE, key
    assert (cluster.records / "ranking.json").read_bytes() == alone
    with capsys.disabled():
        seconds = {what: round(took[what]) for what in took}
        print(f"\nseconds until a trial went on: {seconds}; steps that two attempts wrote: {both}")


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
