"""The MLflow server: on PostgreSQL, artifacts through itself, users with passwords, and nobody's code is run."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from importlib import metadata
from typing import Any
from urllib.parse import quote

from cluster import processes
from cluster.processes import Process, Step
from cluster.services import postgres
from cluster.services.account import Account, python_folders
from cluster.services.ask import Server
from cluster.services.certificate import Certificate
from cluster.services.errors import ServiceError
from cluster.services.log import end_of
from cluster.services.place import Place, Settings, asked_for

NAME = "MLflow"
ADMIN, USER = "admin", "sweeps"
STEPS = (Step(signal.SIGTERM, 20),)
READY_IN = 300  # seconds; it takes half a minute, and more where it makes its tables
MEMORY = 2 * 10**9  # bytes that each of its two processes may fill; 0.3 GB is usual
LOCKED = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
    "MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
    "MLFLOW_SERVER_ENABLE_GRAPHQL_AUTH": "true",
    "MLFLOW_SERVER_X_FRAME_OPTIONS": "DENY",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}
USERS = """\
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = {database}
admin_username = {name}
admin_password = {password}
# checking a password takes a tenth of a second, and some requests do it thrice; a change of one is seen at once, as the
# only worker makes it
auth_cache_ttl_seconds = 600
"""


def start(place: Place, settings: Settings, account: Account, tls: Certificate | None, mark: str) -> Process:
    """Starts the server. Its command line, which everyone can read, and its log hold no secret."""
    options = ["--limit-concurrency", "200", "--timeout-graceful-shutdown", "5", "--no-access-log"]
    if tls is not None:
        key = place.tell("mlflow-key.pem", tls.key, account)
        public = place.tell("mlflow-certificate.pem", tls.certificate, account)
        options += ["--ssl-keyfile", shlex.quote(str(key)), "--ssl-certfile", shlex.quote(str(public))]
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--workers", "1"]
    command += ["--host", settings.host, "--port", str(settings.port), "--uvicorn-opts", " ".join(options)]
    command += ["--allowed-hosts", asked_for(settings.hosts, settings.port)]
    command += ["--artifacts-destination", str(place.artifacts)]
    bounded = ["prlimit", f"--data={MEMORY}", *command]
    return processes.start(
        NAME,
        account.command(bounded, python_folders()),
        _environment(place, settings, account),
        place.home,
        place.logs / "mlflow.log",
        mark,
        umask=0o077,
    )


def ready(place: Place, settings: Settings, process: Process) -> None:
    """Waits until it answers, and makes the user that sweeps log in as.

    Raises:
        ServiceError: it ended, does not answer, or refuses the passwords that we hold.
    """
    log, server = place.logs / "mlflow.log", server_of(place, settings)
    until = time.monotonic() + READY_IN
    while server.ask("/health").code != 200:
        if process.found is None:
            raise ServiceError(f"MLflow ended; {log} says: {end_of(log)}")
        if time.monotonic() > until:
            raise ServiceError(f"MLflow does not answer; {log} says: {end_of(log)}")
        time.sleep(5 * processes.EVERY)
    make_user(place, settings, USER)


def end(place: Place, process: Process) -> bool:
    """Ends it; whether it is gone."""
    return processes.end(process, STEPS)


def server_of(place: Place, settings: Settings) -> Server:
    """How to ask it."""
    trusted = None if settings.is_local else place.secrets / "certificate.pem"
    return Server(settings.tracking, trusted)


def version() -> str:
    """MLflow's, as it is installed."""
    return metadata.version("mlflow")


def upgrade(place: Place, settings: Settings, account: Account) -> None:
    """Brings MLflow's tables to the version that is installed; there is no way back.

    Raises:
        ServiceError: MLflow says why not.
    """
    environment = _environment(place, settings, account)
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", environment["MLFLOW_BACKEND_STORE_URI"]]
    told: dict[str, Any] = {"cwd": place.home, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run(account.command(command, python_folders()), **told)
    if done.returncode != 0:
        raise ServiceError(f"mlflow db upgrade: {done.stderr.strip().splitlines()[-1]}")


def make_user(place: Place, settings: Settings, name: str) -> None:
    """The user ``name`` with the password that we hold, which is made where there is none.

    Raises:
        ServiceError: MLflow does not take it, or is not there.
    """
    server = server_of(place, settings)
    admin, user = (ADMIN, place.secret(f"mlflow-{ADMIN}")), (name, place.secret(f"mlflow-{name}"))
    about = {"username": name, "password": user[1]}
    if server.ask("/version", user).code == 200:
        return
    if server.ask("/version", admin).code != 200:
        raise ServiceError(f"{place.secrets / f'mlflow-{ADMIN}'} is not (or no longer) the password of MLflow's admin")
    made = server.ask("/api/2.0/mlflow/users/create", admin, about)
    if made.code == 400:  # there is one, of another password
        made = server.ask("/api/2.0/mlflow/users/update-password", admin, about, "PATCH")
    if made.code != 200:
        raise ServiceError(f"MLflow does not take the user {name}: {made.code} {made.text[:200]}")


def _environment(place: Place, settings: Settings, account: Account) -> dict[str, str]:
    database = f"host={quote(str(place.socket))}&port={settings.postgres_port}"
    users = f"postgresql+psycopg://{postgres.MLFLOW}@/mlflow_users?{database}"
    text = USERS.format(database=users.replace("%", "%%"), name=ADMIN, password=place.secret(f"mlflow-{ADMIN}"))
    return {
        **LOCKED,
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(place.home),
        "TMPDIR": str(place.home),
        "PYTHONSAFEPATH": "1",
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "PGPASSFILE": str(place.tell("passwords", postgres.passwords(place, postgres.MLFLOW), account)),
        "MLFLOW_BACKEND_STORE_URI": f"postgresql+psycopg://{postgres.MLFLOW}@/mlflow?{database}",
        "MLFLOW_AUTH_CONFIG_PATH": str(place.tell("users.ini", text, account)),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": place.secret("mlflow-key"),
    }
