"""PostgreSQL: data of its own, with the databases of Optuna and MLflow, each of a role that reaches nothing else."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster import private, processes
from cluster.processes import Process, Step
from cluster.services.account import Account
from cluster.services.certificate import Certificate
from cluster.services.errors import ServiceError
from cluster.services.log import end_of
from cluster.services.place import Place, Settings

if TYPE_CHECKING:
    from psycopg import Connection

NAME = "PostgreSQL"
ADMIN = "admin"  # through the socket alone
STUDIES, MLFLOW = "studies", "mlflow"  # roles
DATABASES = {STUDIES: ["studies"], MLFLOW: ["mlflow", "mlflow_users"]}  # role -> what is its own
STEPS = (Step(signal.SIGINT, 60), Step(signal.SIGQUIT, 10))  # transactions are rolled back; then: as after a crash
LEAVE_IN = 10  # seconds
READY_IN = 300  # seconds, as after a crash it reads its log first
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

CONFIG = """\
# written by `python -m cluster services-up`, each time anew
listen_addresses = {addresses}
port = {port}
unix_socket_directories = {socket}
unix_socket_permissions = 0700
hba_file = {hba}
password_encryption = scram-sha-256
ssl = {ssl}
{tls}
# memory: at most this for all, and so much for each of the connections
max_connections = 60
shared_buffers = 64MB
work_mem = 4MB
maintenance_work_mem = 32MB
temp_file_limit = 1GB
max_wal_size = 512MB
dynamic_shared_memory_type = mmap  # files below the data, which the next start removes: nothing stays in /dev/shm
# no statement is logged, nor what is wrong with one, as that may quote what is nobody's business
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
"""
RULES = """\
# written by `python -m cluster services-up`, each time anew
local    all                  admin    scram-sha-256
local    mlflow,mlflow_users  mlflow   scram-sha-256
"""
FROM_HERE = "host     studies              studies  127.0.0.1/32  scram-sha-256\n"
FROM_ELSEWHERE = "hostssl  studies              studies  all           scram-sha-256\n"


def start(place: Place, settings: Settings, account: Account, tls: Certificate | None, mark: str) -> Process:
    """Starts the server, whose data are made where there are none.

    Raises:
        ServiceError: it is not installed, or the data are of another version.
    """
    binaries = _binaries(place.database)
    if not place.database.exists():
        _initialize(place, account, binaries)
    _clear_away(place)
    config = place.tell("postgresql.conf", _config(place, settings, account, tls), account)
    command = [str(binaries / "postgres"), "-D", str(place.database), "-c", f"config_file={config}"]
    log = place.logs / "postgres.log"
    return processes.start(NAME, account.command(command), ENVIRONMENT, place.database, log, mark, 0o077)


def ready(place: Place, settings: Settings, process: Process) -> None:
    """Waits until it answers, and gives every role its database and the password that we hold.

    Raises:
        ServiceError: it ended, or does not answer; what its log says last.
    """
    with _connected(place, settings, process) as connection:
        for role, databases in DATABASES.items():
            _make_role(connection, role, place.secret(f"postgres-{role}"))
            for database in databases:
                _make_database(connection, role, database)


def end(place: Place, process: Process) -> bool:
    """Ends it in order; whether it is gone, with the segment of shared memory that a killed one leaves."""
    gone = processes.end(process, STEPS)
    if gone:
        _clear_away(place)
    return gone


def passwords(place: Place, *roles: str) -> str:
    """What libpq reads for these roles, in place of a password on a command line or in an address."""
    return "".join(f"*:*:*:{role}:{place.secret(f'postgres-{role}')}\n" for role in roles)


def _binaries(database: Path) -> Path:
    found = {path.parent.name: path for path in map(Path, glob.glob("/usr/lib/postgresql/*/bin"))}
    made_by = database / "PG_VERSION"
    if made_by.exists():
        version = made_by.read_text().strip()
        if version in found:
            return found[version]
        program = shutil.which("postgres")
        if program is not None and f" {version}." in _said([program, "--version"]):
            return Path(os.path.realpath(program)).parent
        there = ", ".join(sorted(found)) or "none"
        told = "docs/cluster.md says how data come from one version to the next"
        raise ServiceError(f"PostgreSQL {version} made {database}, and is not installed ({there} is); {told}")
    if found:
        return found[max(found, key=float)]
    program = shutil.which("initdb")
    if program is None:
        raise ServiceError("PostgreSQL is not installed; Debian's: apt-get install postgresql")
    return Path(os.path.realpath(program)).parent


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def _initialize(place: Place, account: Account, binaries: Path) -> None:
    """Makes the data, beside their place: what was cut short is made again."""
    aside = place.folder / "postgres.new"
    shutil.rmtree(aside, ignore_errors=True)
    account.own(private.make_folder(aside))
    password = place.tell("initial", place.secret(f"postgres-{ADMIN}"), account)
    login = [f"--username={ADMIN}", "--auth=scram-sha-256", f"--pwfile={password}"]
    command = [str(binaries / "initdb"), "--pgdata", str(aside), "--encoding=UTF8", "--locale=C", *login]
    made = subprocess.run(account.command(command), cwd=aside, env=ENVIRONMENT, capture_output=True, text=True)
    password.unlink()
    if made.returncode != 0:
        raise ServiceError(f"initdb: {made.stderr.strip() or 'failed'}")
    aside.rename(place.database)


def _config(place: Place, settings: Settings, account: Account, tls: Certificate | None) -> str:
    rules, lines = RULES + (FROM_HERE if tls is None else FROM_ELSEWHERE), ""
    if tls is not None:
        key = place.tell("postgres-key.pem", tls.key, account)
        public = place.tell("postgres-certificate.pem", tls.certificate, account)
        lines = (
            f"ssl_key_file = {_quoted(key)}\nssl_cert_file = {_quoted(public)}\nssl_min_protocol_version = 'TLSv1.2'\n"
        )
    hba = place.tell("pg_hba.conf", rules, account)
    addresses = dict.fromkeys(["127.0.0.1", *([] if settings.is_local else [settings.host])])
    return CONFIG.format(
        addresses=_quoted(",".join(addresses)),
        port=settings.postgres_port,
        socket=_quoted(place.socket),
        hba=_quoted(hba),
        ssl="off" if tls is None else "on",
        tls=lines,
    )


def _quoted(value: Path | str) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"


def _connected(place: Place, settings: Settings, process: Process) -> Connection[Any]:
    try:
        import psycopg
    except ImportError:
        raise ServiceError("psycopg is not installed: pip install 'minmax-sweeps[services]'") from None

    secret, log = place.secret(f"postgres-{ADMIN}"), place.logs / "postgres.log"
    about: dict[str, Any] = {"host": str(place.socket), "port": settings.postgres_port, "connect_timeout": 10}
    until = time.monotonic() + READY_IN
    while True:
        try:
            return psycopg.connect(user=ADMIN, dbname="postgres", password=secret, autocommit=True, **about)
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                held = place.secrets / f"postgres-{ADMIN}"
                raise ServiceError(f"{held} is not the password that these data were made with") from None
            if process.found is None:
                raise ServiceError(f"PostgreSQL ended; {log} says: {end_of(log)}") from None
            if time.monotonic() > until:
                raise ServiceError(f"PostgreSQL does not answer; {log} says: {end_of(log)}") from None
        time.sleep(processes.EVERY)


def _make_role(connection: Connection[Any], role: str, password: str) -> None:
    """The role with this password, of which the server is told no more than what proves it."""
    from psycopg import sql

    proof = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    there = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    command = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}" if there else "CREATE ROLE {} LOGIN PASSWORD {}")
    connection.execute(command.format(sql.Identifier(role), sql.Literal(proof)))


def _make_database(connection: Connection[Any], role: str, database: str) -> None:
    from psycopg import sql

    name, owner = sql.Identifier(database), sql.Identifier(role)
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))


def _clear_away(place: Place) -> None:
    """What a server that was killed has left: its segment of shared memory, its socket, files that say that it runs.

    The next start would do it, but not where the dead process is still listed, as in a container whose init asks after
    nobody: then it would take it for alive.
    """
    lock = place.database / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        words = lock.read_text().split("\n")
        if processes.pid_lives(int(words[0])):
            return
        segment = words[6].split()[1]
        until = time.monotonic() + LEAVE_IN  # its children see that it is gone, and go
        while _users(segment) and time.monotonic() < until:
            time.sleep(processes.EVERY)
        if _users(segment) == 0:
            subprocess.run(["ipcrm", "-m", segment], capture_output=True)
            for left in (*place.socket.iterdir(), lock):
                left.unlink()


def _users(segment: str) -> int:
    """How many processes use a segment of shared memory; 0 also if there is none."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return sum(int(row[6]) for row in rows if row[1] == segment)
