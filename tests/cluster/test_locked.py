"""A Ray cluster of two machines and the services on a third, tried by a stranger: every port, every door behind it.

Ports come from ``ss``, doors from Ray's own sources: each HTTP route and each gRPC method that this version knows.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import ray
from netns import SHARED, Machine, Network, needs_namespaces
from services import needs_postgres
from sweeping import wait_for
from test_services import CHANGES, ROUTES

from cluster import render
from cluster.config import Cluster, load
from cluster.private import make_folder

ROOT, PROBE = Path(__file__).parents[2], Path(__file__).with_name("probe.py")
pytestmark = [
    pytest.mark.slow,
    needs_namespaces,
    needs_postgres,
    pytest.mark.skipif(shutil.which("nft") is None, reason="nftables is not installed"),
]
LAB = """
name: locked
workers: 1
cpus: 1
storage: /mnt/runs
tls: false
network: {interface: eth0, nodes: [10.77.0.1/32, 10.77.0.2/32], people: [10.77.0.4/32]}
onprem: {head: 10.77.0.1, workers: [10.77.0.2]}
"""
JOB = f"""{Path(sys.executable)} -c '
import ray; ray.init(address="auto")
where = ray.remote(num_cpus=1)(lambda: ray.util.get_node_ip_address())
print("ran on", ray.get(where.remote()))'"""
BUSY = f"""{Path(sys.executable)} -c '
import ray, time; ray.init(address="auto")
ray.get(ray.remote(num_cpus=1)(lambda: time.sleep(1200)).remote())'"""
ASK = """
import json, sys, urllib.request
asked = json.load(sys.stdin)
data = None if asked["about"] is None else json.dumps(asked["about"]).encode()
headers = {"Authorization": "Bearer " + asked["token"], "Content-Type": "application/json"}
with urllib.request.urlopen(urllib.request.Request(asked["url"], data, headers), timeout=60) as answer:
    print(answer.read().decode())
"""
ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=30).read().decode().strip())"
PROMETHEUS = re.compile(r"# (HELP|TYPE|EOF)|[a-z_][a-z_:0-9]*[{ ]|$")
SHUT_HTTP = {401, 403, 404, 405, None}
SHUT_GRPC = {"UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"}
NOTHING, ANYTHING = "GET /nothing/of/this/name", "GET *"  # where the one answers, there is a single door for all
HARMLESS = {"http": ["/api/jobs/", "/nodes?view=summary"], "grpc": ["/ray.rpc.NodeInfoGcsService/GetAllNodeInfo"]}
OPEN = re.compile(r"^\| `(\w+)` \| `([^`]+)` \|", re.MULTILINE)


class Door(NamedTuple):
    """A port by its name in `cluster.yaml`, and what answered there."""

    port: str
    what: str


class Lab(NamedTuple):
    """All that is up."""

    cluster: Cluster
    folder: Path
    token: str
    head: Machine
    worker: Machine
    services: Machine
    laptop: Machine
    stranger: Machine
    exports: dict[str, str]

    def ports(self, *machines: Machine) -> list[tuple[str, int]]:
        """Address and port of what listens on these machines, on more than the loopback."""
        found = set()
        for machine in machines:
            for line in machine.run(["ss", "-ltnH"]).stdout.splitlines():
                address, _, port = line.split()[3].rpartition(":")
                if not address.strip("[]").startswith(("127.", "::ffff:127.", "::1")):
                    found.add((machine.address, int(port)))
        return sorted(found)

    def name(self, port: int) -> str:
        """A port's name in the file; the number, of one that the file does not know."""
        named = {number: name for name, number in self.cluster.ports if not name.startswith("workers")}
        ours = self.cluster.ports
        return named.get(port, "workers" if ours.workers <= port <= ours.workers_end else str(port))

    def probe(
        self, who: Machine, targets: list[tuple[str, int]], token: str | None, paths: list[str], methods: list[str]
    ) -> list[tuple[str, int, dict[str, Any]]]:
        """What ``who`` finds there."""
        asked = json.dumps({"targets": targets, "token": token, "paths": paths, "methods": methods})
        done = who.run([sys.executable, str(PROBE)], timeout=600, input=asked)
        assert done.returncode == 0, done.stderr
        return [(host, port, answer) for host, port, answer in json.loads(done.stdout)]

    def ask(self, who: Machine, path: str, about: Any = None) -> Any:
        """The dashboard's answer to ``who``, who has the token."""
        url = f"http://{self.head.address}:{self.cluster.ports.dashboard}{path}"
        asked = json.dumps({"url": url, "token": self.token, "about": about})
        done = who.run([sys.executable, "-c", ASK], input=asked)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def submit(self, who: Machine, entrypoint: str) -> str:
        """The number of a new job."""
        return str(self.ask(who, "/api/jobs/", {"entrypoint": entrypoint})["submission_id"])

    def status(self, who: Machine, number: str) -> str:
        return str(self.ask(who, f"/api/jobs/{number}")["status"])

    def works(self, who: Machine) -> bool:
        """Whether a job that ``who`` submits runs, a task of it on the worker."""
        number = self.submit(who, JOB)
        assert wait_for(lambda: self.status(who, number) in ENDED, 240), "it does not end"
        said = self.ask(who, f"/api/jobs/{number}/logs")["logs"]
        assert self.status(who, number) == "SUCCEEDED", said
        return f"ran on {self.worker.address}" in said

    @contextmanager
    def busy(self) -> Iterator[None]:
        """A job runs, so that its driver and a worker listen too."""
        number = self.submit(self.laptop, BUSY)

        def listening() -> set[str]:
            return {host for host, port in self.ports(self.head, self.worker) if self.name(port) == "workers"}

        assert wait_for(lambda: len(listening()) == 2 or self.status(self.laptop, number) in ENDED, 240)
        assert len(listening()) == 2, self.ask(self.laptop, f"/api/jobs/{number}/logs")["logs"]
        yield
        self.ask(self.laptop, f"/api/jobs/{number}/stop", {})
        assert wait_for(lambda: self.status(self.laptop, number) in ENDED, 120)


def routes() -> list[str]:
    """Every HTTP route of Ray's dashboard and agents, its parameters filled in."""
    found = set()
    for path in (Path(ray.__file__).parent / "dashboard").rglob("*.py"):
        for verb, route in re.findall(r"\.(get|post|put|delete)\(\s*\"(/[^\"]*)\"", path.read_text()):
            found.add(f"{verb.upper()} {re.sub('{[^}]*}', 'x', route)}")
    return sorted(found | {NOTHING, "GET /metrics", "GET /static/x", "GET /logs/x"})


def methods() -> list[str]:
    """Every gRPC method that Ray's own stubs know, and the standard health check."""
    found = {"/grpc.health.v1.Health/Check"}
    for path in (Path(ray.__file__).parent / "core" / "generated").rglob("*_grpc.py"):
        found |= set(re.findall(r"'(/[a-z.]+\.\w+/\w+)'", path.read_text()))
    return sorted(found)


def left_open() -> set[Door]:
    """The list of docs/cluster.md."""
    return {Door(*found) for found in OPEN.findall((ROOT / "docs" / "cluster.md").read_text())}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    shared = make_folder(folder / "shared")
    (folder / "cluster.yaml").write_text(LAB)
    cluster = load(folder / "cluster.yaml")
    for kind in ("ray-onprem", "firewall"):
        for file in render.render(kind, cluster):
            render.write(file, shared)
    subprocess.run(["sh", str(shared / "ray-onprem" / "make-secrets.sh")], check=True)
    token = (shared / "ray-onprem" / "node" / "token").read_text()
    with Network(folder) as network:
        head, worker = network.machine("head", shared), network.machine("worker", shared)
        services, laptop, stranger = (network.machine(name) for name in ("services", "laptop", "stranger"))
        _start_ray(head, "head", folder)
        _start_ray(worker, "worker", folder)
        exports = _start_services(services, folder)
        yield Lab(cluster, folder, token, head, worker, services, laptop, stranger, exports)


def _start_ray(machine: Machine, role: str, folder: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    known = {"PATH": path, "HOME": SHARED, "PYTHONPATH": str(ROOT), "RAY_HEAD_IP": "10.77.0.1"}
    command = ["sh", f"{SHARED}/ray-onprem/node/start.sh", role]
    log = folder / f"{role}.log"
    assert machine.start(command, log, known).wait(240) == 0, log.read_text()


def _start_services(machine: Machine, folder: Path) -> dict[str, str]:
    log, place = folder / "services.log", "/tmp/services"  # of that machine
    command = [sys.executable, "-m", "cluster", "services-up", "--folder", place, "--host", machine.address]
    up = machine.start(command, log, {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)})
    assert up.wait(400) == 0, log.read_text()
    said = machine.run(["sh", "-c", f". {place}/exports; env"], env={}).stdout
    return dict(line.split("=", 1) for line in said.splitlines() if line.startswith(("STUDIES", "MLFLOW")))


def doors(lab: Lab, found: list[tuple[str, int, dict[str, Any]]]) -> set[Door]:
    """Those that did not refuse."""
    answered = set()
    for _, port, answer in found:
        codes = {path: code for path, code in answer["http"].items() if code not in SHUT_HTTP}
        if NOTHING in codes:
            codes = {path: code for path, code in codes.items() if not path.startswith("GET ")} | {ANYTHING: 200}
        codes |= {method: code for method, code in answer["grpc"].items() if code not in SHUT_GRPC}
        answered |= {Door(lab.name(port), what) for what in codes}
    return answered


@pytest.mark.parametrize("token", [None, "0" * 64], ids=["no token", "a wrong one"])
def test_what_answers_a_stranger_is_on_the_list(lab: Lab, token: str | None) -> None:
    with lab.busy():
        targets = lab.ports(lab.head, lab.worker)
        found = lab.probe(lab.stranger, targets, token, routes(), methods())
    known = {name for name, _ in lab.cluster.ports}
    assert {lab.name(port) for _, port in targets} <= known, "a port that the firewall does not know"
    assert {lab.name(port) for _, port in targets} == known - {"workers_end"}, "a port of the file is not used"
    assert len(routes()) > 60 and len(methods()) > 130
    assert all(answer["connects"] for _, _, answer in found)
    refused = {code for _, _, answer in found for code in (*answer["http"].values(), *answer["grpc"].values())}
    assert {401 if token is None else 403, "UNAUTHENTICATED"} <= refused
    silent = [(host, lab.name(port)) for host, port, answer in found if not answer["http"] and not answer["grpc"]]
    assert silent == [], "neither HTTP nor gRPC: what is it?"
    assert doors(lab, found) == left_open()
    for host, port in targets:
        if lab.name(port).endswith("metrics"):
            said = lab.stranger.run([sys.executable, "-c", FETCH, f"http://{host}:{port}/api/v0/jobs"]).stdout
            assert said and all(map(PROMETHEUS.match, said.splitlines())), said
            assert lab.token not in said


def test_with_the_token_the_doors_open(lab: Lab) -> None:
    head = lab.head.address
    targets = [(head, lab.cluster.ports.dashboard), (head, lab.cluster.ports.gcs)]
    for token, expected in ((lab.token, True), ("0" * 64, False), (None, False)):
        found = {port: answer for _, port, answer in lab.probe(lab.stranger, targets, token, *HARMLESS.values())}
        codes = set(found[lab.cluster.ports.dashboard]["http"].values())
        assert codes == ({200} if expected else {403 if token else 401})
        said = set(found[lab.cluster.ports.gcs]["grpc"].values())
        assert ("OK" in said) == expected, said
    assert lab.works(lab.laptop)


def test_the_services_refuse_a_stranger(lab: Lab) -> None:
    targets = lab.ports(lab.services)
    tracking = int(lab.exports["MLFLOW_TRACKING_URI"].rpartition(":")[2])
    assert len(targets) == 2 and tracking in {port for _, port in targets}, targets
    paths = [*(f"GET {route}" for route in ROUTES), *(f"POST {route}" for route, _ in CHANGES)]
    paths += ["PUT /api/2.0/mlflow-artifacts/artifacts/planted", "GET /health"]
    found = {port: answer for _, port, answer in lab.probe(lab.stranger, targets, None, paths, [])}
    assert found[tracking]["tls"], "passwords would go over the network in the clear"
    answered = {path for path, code in found[tracking]["http"].items() if code not in SHUT_HTTP}
    assert answered == {"GET /health"}
    assert found[tracking]["http"]["GET /api/2.0/mlflow-artifacts/artifacts?path="] == 401


def test_the_studies_are_open_with_the_password_over_tls_alone(lab: Lab) -> None:
    url = lab.exports["STUDIES_URL"]
    login = url.removeprefix("postgresql://").partition("@")[0]
    trusted = lab.services.run(["cat", lab.exports["MLFLOW_TRACKING_SERVER_CERT_PATH"]]).stdout
    assert lab.stranger.run(["sh", "-c", "cat > /tmp/trusted.pem"], input=trusted).returncode == 0
    address = url.partition("?")[0]
    full = f"{address}?sslmode=verify-full&sslrootcert=/tmp/trusted.pem"
    tried = {
        full: True,
        f"{address}?sslmode=disable": False,
        full.replace(login, "studies:wrong"): False,
        full.replace(login, "studies"): False,
        full.replace("/studies?", "/mlflow?"): False,
    }
    script = "import psycopg, sys; psycopg.connect(sys.stdin.read(), passfile='/nowhere', connect_timeout=20).close()"
    for each, expected in tried.items():
        done = lab.stranger.run([sys.executable, "-c", script], input=each)
        assert (done.returncode == 0) == expected, f"{each}: {done.stderr[-300:]}"


def test_behind_the_firewall_a_stranger_reaches_nothing(lab: Lab) -> None:
    targets = lab.ports(lab.head, lab.worker)
    for machine in (lab.head, lab.worker):
        for _ in range(2):  # the second replaces the first
            loaded = machine.run(["nft", "-f", f"{SHARED}/locked.nft"])
            assert loaded.returncode == 0, loaded.stderr
        assert machine.run(["nft", "list", "tables"]).stdout.count("table") == 1
    strangers = lab.probe(lab.stranger, targets, lab.token, [], [])
    assert [(port, host) for host, port, answer in strangers if answer["connects"]] == []
    assert {answer["why"] for _, _, answer in strangers} == {"ConnectionRefusedError"}, "told at once"
    people = lab.probe(lab.laptop, targets, lab.token, ["/api/jobs/"], [])
    reached = {(host, lab.name(port)) for host, port, answer in people if answer["connects"]}
    assert reached == {(lab.head.address, "dashboard")}
    assert lab.works(lab.laptop)
