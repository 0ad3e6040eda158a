"""Real servers for the tests, on free ports of the loopback, each ended by whoever started it."""

from __future__ import annotations

import glob
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from driving import environment
from sweeping import wait_for

ROOT = Path(__file__).parents[1]
POSTGRES = next(iter(sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)), None) or (
    os.path.dirname(os.path.realpath(shutil.which("initdb") or "")) or None
)
needs_postgres = pytest.mark.skipif(POSTGRES is None, reason="PostgreSQL is not installed: `make test-services`")
KEYS = {"AWS_ACCESS_KEY_ID": "canary-key-id", "AWS_SECRET_ACCESS_KEY": "canary-secret", "AWS_REGION": "us-east-1"}


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """No two of them the same."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Bucket:
    """An S3 server, its log, and the environment in which it is found."""

    def __init__(self, port: int, log: Path) -> None:
        self.port, self._log = port, log
        self.environment = {**KEYS, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}

    def calls(self) -> Counter[str]:
        """Method -> requests so far."""
        return Counter(re.findall(r"(GET|HEAD|PUT|POST|DELETE) /\S* HTTP/1.1", self._log.read_text()))


@contextmanager
def s3(folder: Path) -> Iterator[Bucket]:
    """A moto server with a bucket ``bucket``."""
    port, log = free_port(), folder / "s3.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with open(log, "wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            assert wait_for(lambda: answers(port), 60), log.read_text()
            bucket = Bucket(port, log)
            import boto3

            boto3.client(
                "s3",
                endpoint_url=bucket.environment["AWS_ENDPOINT_URL"],
                region_name="us-east-1",
                aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            ).create_bucket(Bucket="bucket")
            yield bucket
        finally:
            process.kill()


class Postgres:
    """A cluster of its own, of a user that is not root."""

    def __init__(self, folder: Path, password: str) -> None:
        self.port, self.password = free_port(), password
        self.folder, self._user = folder, _other_user()
        self._data = str(folder / "data")
        (folder / "password").write_text(password)
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            for path in (folder, folder / "password"):
                os.chown(path, account.pw_uid, account.pw_gid)
        login = ["--username=sweeps", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
        self._run("initdb", "--pgdata", self._data, "--no-sync", "--encoding=UTF8", "--locale=C", *login)
        self.start()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://sweeps:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c fsync=off"
        log = str(self.folder / "log")
        self._run("pg_ctl", "--pgdata", self._data, "--wait", "--log", log, "--options", options, "start")

    def stop(self) -> None:
        """At once: connections are cut, transactions lost."""
        self._run("pg_ctl", "--pgdata", self._data, "--wait", "--mode", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        assert POSTGRES is not None
        with open(self.folder / "said", "ab") as said:  # no pipe: the server would keep it open
            done = subprocess.run(
                [f"{POSTGRES}/{program}", *arguments],
                user=self._user,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        assert done.returncode == 0, (self.folder / "said").read_text()


def _other_user() -> str | None:
    """Root may not run PostgreSQL."""
    if os.geteuid() != 0:
        return None
    known = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def postgres(password: str = "canary-pg-password") -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:  # a socket's path has 107 characters at most
        server = Postgres(Path(folder), password)
        try:
            yield server
        finally:
            server.stop()


class Mlflow:
    """An MLflow server over an SQLite file, that can be killed and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder = free_port(), folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        options = ["--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}"]
        options += ["--artifacts-destination", str(self.folder / "served")]
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with open(self.folder / "server.log", "ab") as log:
            self._process = subprocess.Popen(
                [*command, "--workers", "1", *options],
                env={**environment(), **quiet},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        assert wait_for(lambda: answers(self.port), 120), (self.folder / "server.log").read_text()

    def kill(self) -> None:
        """With the processes it started: its group is its own."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None


@contextmanager
def mlflow_server(folder: Path) -> Iterator[Mlflow]:
    server = Mlflow(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


REFUSAL = b"<Error><Code>NotImplemented</Code><Message>no such header here</Message></Error>"
NOT_IMPLEMENTED = (
    b"HTTP/1.1 501 Not Implemented\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    + b"Content-Length: %d\r\n\r\n" % len(REFUSAL)
    + REFUSAL
)


class Proxy:
    """Passes connections on to a port, each request ``delay`` seconds late; the next ``failing`` ones are answered 500,
    and with ``unconditional`` those that ask for put-if-absent 501."""

    def __init__(self, target: int) -> None:
        self.delay, self.failing, self.requests, self.unconditional = 0.0, 0, 0, False
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near:
            first = near.recv(65536)
            self.requests += 1
            time.sleep(self.delay)
            if self.failing > 0:
                self.failing -= 1
                near.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            if self.unconditional and b"if-none-match" in first.lower():
                near.sendall(NOT_IMPLEMENTED)
                return
            with socket.create_connection(("127.0.0.1", self._target)) as far:
                far.sendall(first)
                back = threading.Thread(target=_pump, args=(far, near), daemon=True)
                back.start()
                self._requests(near, far)
                back.join()

    def _requests(self, near: socket.socket, far: socket.socket) -> None:
        """Later requests of the connection, each held back too."""
        try:
            while data := near.recv(65536):
                if data.split(b" ", 1)[0] in (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD"):
                    self.requests += 1
                    time.sleep(self.delay)
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)
        except OSError:
            return


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
