"""What the services are made of, quickly: processes and their ends, accounts, settings, PostgreSQL alone."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from services import free_port, needs_postgres
from sweeping import wait_for
from teamwork import ROOT, segments

from cluster import processes
from cluster.errors import Told
from cluster.private import NotPrivate
from cluster.processes import Process, Step
from cluster.services import postgres
from cluster.services.account import account, python_folders
from cluster.services.certificate import certificate
from cluster.services.errors import ServiceError
from cluster.services.place import Place, Settings
from cluster.services.service import Wanted, down, status, up

FAMILY = """
import signal, subprocess, sys, time
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # servers outlive who starts them
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")


@pytest.fixture
def mark() -> Iterator[str]:
    made = secrets.token_hex(8)
    yield made
    processes.kill(list(processes.marked(made)))


def started(tmp_path: Path, mark: str, kind: str) -> tuple[Process, list[psutil.Process]]:
    """A process with a child in a session of its own; and both."""
    log = tmp_path / "log"
    made = processes.start("family", [sys.executable, "-c", FAMILY, kind], os.environ, tmp_path, log, mark)
    assert wait_for(lambda: b"ready" in log.read_bytes(), 30)
    assert made.found is not None
    return made, [made.found, *made.found.children(recursive=True)]


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("kind", ["hears", "deaf"])
def test_a_process_ends_with_its_children(tmp_path: Path, mark: str, kind: str) -> None:
    made, family = started(tmp_path, mark, kind)
    assert len(family) == 2 and set(processes.marked(mark)) == set(family)
    assert processes.end(made, [Step(signal.SIGTERM, 0.5)])
    assert not any(map(lives, family)) and made.found is None and not list(processes.marked(mark))
    assert processes.end(made, [Step(signal.SIGTERM, 0.5)]), "it had ended before"


def test_an_orphan_is_found(tmp_path: Path, mark: str) -> None:
    made, family = started(tmp_path, mark, "hears")
    assert processes.orphans(mark, [made]) == []
    family[0].kill()
    assert wait_for(lambda: made.found is None, 10)
    assert processes.orphans(mark) == [family[1]]
    assert processes.kill(processes.orphans(mark)) and not lives(family[1])


def test_a_pid_that_came_again_is_left_alone(tmp_path: Path, mark: str) -> None:
    made, family = started(tmp_path, mark, "hears")
    other = made._replace(started=made.started - 100)
    assert other.found is None and processes.end(other, [Step(signal.SIGKILL, 1)])
    assert all(map(lives, family))


@needs_root
def test_another_user_reaches_what_it_needs_and_nothing_else() -> None:
    closed = Path(f"/tmp/closed-{secrets.token_hex(4)}")
    try:
        needed, secret = closed / "below" / "needed", closed / "secret"
        needed.mkdir(parents=True)
        secret.write_text("secret")
        (needed / "file").write_text("needed\n")
        needed.chmod(0o777)
        closed.chmod(0o700)
        who = account("nobody")
        assert who.closed(needed) == closed and who.foreign
        script = (
            f"id -u; cat {needed}/file; cat {secret}; touch {needed}/new; ls {closed}; grep CapEff /proc/self/status"
        )
        words = who.command(["sh", "-c", script], [needed])
        done = subprocess.run(words, capture_output=True, text=True, cwd="/")
        assert done.stdout.split() == [str(who.uid), "needed", "below", "CapEff:", "0" * 16]
        assert "No such file" in done.stderr and "Read-only file system" in done.stderr
        assert (closed / "secret").read_text() == "secret", "what lies below is as it was"
        done = subprocess.run(who.command([sys.executable, "-c", "print(1)"], python_folders()), capture_output=True)
        assert done.stdout == b"1\n", done.stderr
    finally:
        shutil.rmtree(closed)


def test_accounts_that_will_not_do_are_refused() -> None:
    for user, said in (("root", "PostgreSQL refuses root"), ("nobody-here", "there is no 'nobody-here'")):
        with pytest.raises(ServiceError, match=said):
            account(user)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(host="no host"), "host: 'no host' is no name or address"),
        (Wanted(host="203.0.113.9"), r"host: cannot listen on 203\.0\.113\.9"),
        (Wanted(host="0.0.0.0"), "a --name that clients ask for is needed"),
        (Wanted(names=["x y"]), "host: 'x y' is no name"),
        (Wanted(port=80), "port: 80; 1024 to 65535 is allowed"),
        (Wanted(port=5999, postgres_port=5999), "port: 5999 for both"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(tmp_path: Path, wanted: Wanted, said: str) -> None:
    with pytest.raises(ServiceError, match=said):
        up(tmp_path / "new", wanted, print)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_will_not_do_is_refused(tmp_path: Path) -> None:
    long = tmp_path / ("long" * 30)
    with pytest.raises(ServiceError, match=r"too long for a socket in it; .* bytes less are allowed"):
        up(long, Wanted(), print)
    shared = Path(f"/tmp/shared-{secrets.token_hex(4)}")
    shared.mkdir()
    shared.chmod(0o777)
    try:
        with pytest.raises(NotPrivate, match="mode 0777"):
            up(shared, Wanted(), print)
        assert list(shared.iterdir()) == []
    finally:
        shared.rmdir()


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    place = Path(f"/tmp/taken-{secrets.token_hex(4)}")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServiceError, match=f"port: {port} is taken by another process"):
            up(place, Wanted(port=port, postgres_port=free_port()), print)
    assert not (place / "postgres").exists()
    shutil.rmtree(place)


@pytest.mark.parametrize("act", [down, status])
def test_where_there_are_none_nothing_is_made(tmp_path: Path, act: object) -> None:
    assert callable(act)
    with pytest.raises(Told, match="there are no services in"):
        act(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
    words = [sys.executable, "-m", "cluster", "services-down", "--folder", str(tmp_path / "none")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("cluster: there are no services") and not done.stdout


def test_a_certificate_is_for_its_names_and_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    made = certificate(tmp_path, ["10.0.0.5", "db.example.org"])
    assert certificate(tmp_path, ["10.0.0.5", "db.example.org"]) == made
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-text"], input=made.certificate, capture_output=True, text=True, check=True
    ).stdout
    assert "IP Address:10.0.0.5, DNS:db.example.org" in text
    other = certificate(tmp_path, ["10.0.0.6"])
    assert other.key != made.key and (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


@needs_postgres
def test_postgresql_alone(mark: str) -> None:
    """Made, its roles and databases once, killed, started again over what it left, ended; nothing is left."""
    place, who = Place(Path(f"/tmp/alone-{secrets.token_hex(4)}")), account(None)
    settings = Settings("127.0.0.1", [], free_port(), free_port(), None)
    try:
        place.enter(who, settings.postgres_port)
        place.make(who)
        for round in range(2):
            process = postgres.start(place, settings, who, None, mark)
            postgres.ready(place, settings, process)
            secret = place.secret("postgres-studies")
            url = f"postgresql://studies:{secret}@127.0.0.1:{settings.postgres_port}/studies"
            with psycopg.connect(url, autocommit=True) as connection:
                if round == 0:
                    connection.execute("CREATE TABLE kept (number int)")
                assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
                with pytest.raises(psycopg.Error) as refused:
                    connection.execute("SELECT 'canary' + 1")
                assert refused.value.sqlstate == "22P02"
            assert "canary" not in (place.logs / "postgres.log").read_text(), "statements are logged"
            if round == 0:
                postgres.ready(place, settings, process)  # which changes nothing
                os.kill(process.pid, signal.SIGKILL)
                assert wait_for(lambda started=process: started.found is None, 10)
        segment = (place.database / "postmaster.pid").read_text().splitlines()[6].split()[1]
        assert segment in segments()
        os.kill(process.pid, signal.SIGKILL)
        assert postgres.end(place, process) and segment not in segments()
        (place.secrets / "postgres-admin").write_text("of-no-use-at-all")
        process = postgres.start(place, settings, who, None, mark)
        with pytest.raises(ServiceError, match="is not the password that these data were made with"):
            postgres.ready(place, settings, process)
        assert postgres.end(place, process)
    finally:
        processes.kill(list(processes.marked(mark)))
        shutil.rmtree(place.folder, ignore_errors=True)


def test_tables_of_another_mlflow_wait_for_a_word(tmp_path: Path) -> None:
    Place(tmp_path).remember(Settings("127.0.0.1", [], 5001, 5433, None, "1.2.3"))
    with pytest.raises(ServiceError, match=r"MLflow 1\.2\.3 wrote the tables in .*; --upgrade is allowed, after a"):
        up(tmp_path, Wanted(), print)
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"], "something was begun"


@needs_postgres
def test_data_of_another_version_are_refused(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.database.mkdir()
    (place.database / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServiceError, match=r"PostgreSQL 9 made .*, and is not installed \(\d+.* is\)"):
        postgres.start(place, Settings("127.0.0.1", [], 1, 2, None), account(None), None, "mark")
