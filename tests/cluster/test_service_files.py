"""The shared services as files: units by systemd's own checks, compose by ours, and set up and asked for real."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from configured import configured, documents, placed, rendered
from services import free_port

BINARIES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))), None)
HOSTS = ["127.0.0.1", "10.0.0.9"]
systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def units(folder: Path, host: str) -> list[Path]:
    postgres = [f"services.postgres_bin={BINARIES}"] if BINARIES else ["services.postgres_bin=/usr/bin"]
    cluster = configured(folder, f"services.host={host}", f"services.python={sys.executable}", *postgres)
    return [path for path in placed("systemd", cluster, folder) if path.suffix == ".service"]


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@systemd
@pytest.mark.skipif(BINARIES is None, reason="PostgreSQL is not installed")
@pytest.mark.parametrize("host", HOSTS)
def test_systemd_takes_the_units(tmp_path: Path, host: str) -> None:
    done = analyze("verify", "--man=no", *units(tmp_path, host))
    assert (done.returncode, done.stderr) == (0, "")


@systemd
@pytest.mark.skipif(BINARIES is None, reason="PostgreSQL is not installed")
@pytest.mark.parametrize(
    ("was", "becomes"),
    [("ProtectSystem=", "ProtectSytem="), ("[Service]", "[Servce]"), ("ExecStart=/", "ExecStart=/none"), ("%t", "%!")],
)
def test_systemd_finds_a_planted_fault(tmp_path: Path, was: str, becomes: str) -> None:
    mlflow = units(tmp_path, HOSTS[0])[1]
    text = mlflow.read_text()
    assert was in text
    mlflow.write_text(text.replace(was, becomes))
    assert analyze("verify", "--man=no", mlflow).stderr


@systemd
def test_units_are_exposed_to_little(tmp_path: Path) -> None:
    mlflow, loose = units(tmp_path, HOSTS[1])[1], tmp_path / "loose.service"
    security = ("security", "--offline=true", "--no-pager", "--threshold=20")  # tenths; 96 is a unit that says nothing
    assert analyze(*security, mlflow).returncode == 0
    loose.write_text(mlflow.read_text().replace("ProtectSystem=strict", "").replace("SystemCallFilter", "X"))
    assert analyze(*security, loose).returncode == 1


def open_doors(compose: dict[str, Any]) -> Iterator[str]:
    """What a locked compose file would not have, or would have."""
    allowed = {
        "image", "restart", "user", "command", "environment", "secrets", "volumes", "ports", "networks", "read_only",
        "tmpfs", "cap_drop", "security_opt", "shm_size", "healthcheck", "depends_on", "entrypoint",
    }  # fmt: skip
    yield from (f"{key}: unknown" for key in set(compose) - {"name", "services", "networks", "secrets"})
    for name, service in compose["services"].items():
        yield from (f"{name}.{key}: unknown" for key in set(service) - allowed)
        if service.get("cap_drop") != ["ALL"] or "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name}: privileges"
        if service.get("read_only") is not True:
            yield f"{name}: a root that can be written"
        if not str(service.get("user", "root")).startswith("${SERVICES_USER:?"):
            yield f"{name}: a user of the image's choice"
        if any(port.count(":") != 2 or port.startswith("0.0.0.0") for port in service.get("ports", [])):
            yield f"{name}: a port on every address"
        yield from (f"{name}: {secret} is nowhere" for secret in service["secrets"] if secret not in compose["secrets"])
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key and not key.endswith("_FILE"):
                yield f"{name}: {key} in the clear"
            if "://" in value and ":" in value.partition("://")[2].partition("@")[0]:
                yield f"{name}: a password in {key}"
    for name, secret in compose["secrets"].items():
        if secret != {"file": f"secrets/{name}"}:
            yield f"{name}: no file"


@pytest.mark.parametrize("host", HOSTS)
def test_compose_is_locked(tmp_path: Path, host: str) -> None:
    (made,) = documents(rendered("compose", configured(tmp_path, f"services.host={host}"))["services/compose.yaml"])
    assert list(open_doors(made)) == []
    words = made["services"]["mlflow"]["command"]
    assert words[words.index("--app-name") + 1] == "basic-auth"
    asked = words[words.index("--allowed-hosts") + 1].split(",")
    known = {host, "mlflow.example.org", "127.0.0.1", "localhost"}
    assert set(asked) == known | {f"{name}:5000" for name in known}, "also as a server in front of it hands them on"
    assert made["services"]["mlflow"]["environment"]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert ("--ssl-keyfile" in words[words.index("--uvicorn-opts") + 1]) == (host != HOSTS[0])


FAULTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "postgres: a port on every address": lambda it: it["services"]["postgres"].update(ports=["5432:5432"]),
    "mlflow: privileges": lambda it: it["services"]["mlflow"].pop("cap_drop"),
    "mlflow.privilegd: unknown": lambda it: it["services"]["mlflow"].update(privilegd=False),
    "postgres: POSTGRES_PASSWORD in the clear": lambda it: it["services"]["postgres"]["environment"].update(
        POSTGRES_PASSWORD="x"
    ),
    "mlflow: a password in MLFLOW_BACKEND_STORE_URI": lambda it: it["services"]["mlflow"]["environment"].update(
        MLFLOW_BACKEND_STORE_URI="postgresql://me:pw@postgres/mlflow"
    ),
    "mlflow: mlflow-key is nowhere": lambda it: it["secrets"].pop("mlflow-key"),
}


@pytest.mark.parametrize("said", FAULTS)
def test_an_open_door_is_found(tmp_path: Path, said: str) -> None:
    (made,) = documents(rendered("compose", configured(tmp_path))["services/compose.yaml"])
    FAULTS[said](made)
    assert said in list(open_doors(made))


def test_secrets_are_made_once_and_are_private(tmp_path: Path) -> None:
    placed("compose", configured(tmp_path), tmp_path)
    folder = tmp_path / "services"

    def make() -> dict[str, str]:
        done = subprocess.run([str(folder / "make-secrets.sh")], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}

    first = make()
    (compose,) = documents((folder / "compose.yaml").read_text())
    assert set(compose["secrets"]) <= set(first)
    assert first == make() and len({*first.values()}) == len(first)
    for path in [*(folder / "secrets").iterdir(), folder / "secrets", folder / "data", folder / "data/artifacts"]:
        assert path.stat().st_mode & 0o77 == 0, path
    assert first["mlflow-admin"] in first["mlflow-users"] and "NO_PERMISSIONS" in first["mlflow-users"]
    assert f"SERVICES_USER={os.geteuid()}:{os.getegid()}\n" == (folder / ".env").read_text()


SETUP = """
set -e
mkdir {folder}/etc; cp /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/login.defs {folder}/etc
cp -r /etc/pam.d /etc/security /etc/nsswitch.conf /etc/ld.so.cache /etc/alternatives {folder}/etc
mount --bind {folder}/etc /etc
{folder}/systemd/setup.sh
{folder}/systemd/setup.sh
exec setpriv --reuid=postgres --regid=postgres --init-groups {start} -c unix_socket_directories=
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that PostgreSQL's user can come by; pytest's own are closed again by the next session that begins."""
    with tempfile.TemporaryDirectory(prefix="set-up-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(BINARIES is None or os.geteuid() != 0, reason="PostgreSQL is not installed, or no root")
def test_what_is_set_up_serves_each_role_its_own(open_folder: Path) -> None:
    """``setup.sh``, twice, on a copy of the machine's users; then the server, by the command of its unit."""
    import psycopg

    folder = open_folder
    port = free_port()
    where = [f"services.data={folder}/data", f"services.config={folder}/config", f"services.postgres_port={port}"]
    cluster = configured(folder, "services.host=127.0.0.1", f"services.postgres_bin={BINARIES}", *where)
    placed("systemd", cluster, folder)
    unit = (folder / "systemd/lab-1-postgres.service").read_text().replace("\\\n", "")
    (line,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    start = shlex.join(word for word in shlex.split(line.removeprefix("ExecStart=")))
    start = start.replace("%t", str(folder))
    script = SETUP.format(folder=folder, start=start)
    command = ["unshare", "--mount", "sh", "-c", script]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def connect(role: str, database: str, password: str) -> str:
        address = f"host=127.0.0.1 port={port} user={role} dbname={database} password={password}"
        try:
            with psycopg.connect(address, connect_timeout=5) as connection:
                return "in" if connection.execute("select 1").fetchone() == (1,) else "?"
        except psycopg.OperationalError as error:
            return str(error)

    try:
        until = time.monotonic() + 120
        password = ""
        coming = re.compile("Connection refused|starting up")
        while not password or coming.search(connect("studies", "studies", password)):
            assert server.poll() is None and time.monotonic() < until, server.communicate()[1]
            held = folder / "config/postgres-studies"
            password = held.read_text() if held.exists() else ""
            time.sleep(0.2)
        held = {role: (folder / f"config/postgres-{role}").read_text() for role in ("admin", "studies", "mlflow")}
        assert connect("studies", "studies", held["studies"]) == "in"
        assert connect("mlflow", "mlflow_users", held["mlflow"]) == "in"
        assert "password authentication failed" in connect("studies", "studies", held["mlflow"])
        for role, database in [
            ("studies", "mlflow"),
            ("mlflow", "studies"),
            ("admin", "postgres"),
            ("admin", "studies"),
        ]:
            assert "no pg_hba.conf entry" in connect(role, database, held[role]), (role, database)
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    said = "".join(path.read_text() for path in (folder / "systemd").iterdir())
    assert not any(secret in said for secret in held.values())
    assert not (folder / "data/postgres.new").exists()
