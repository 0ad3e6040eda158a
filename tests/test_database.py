"""The studies' database: locked, away, restarted, shared, on a wrong disk. Real SQLite locks, a real PostgreSQL."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy
from driving import Drivers, drivers, started
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState
from services import Postgres, answers, free_port, needs_postgres, postgres
from sweeping import SPEC, Left, assert_tracked, assert_whole, begun, driven, wait_for

from sweeps.run.assemble import Unfit
from sweeps.run.owner import Owned, Ownership, holder
from sweeps.search import database, mounts
from sweeps.search.database import DatabaseOut, WaitingStorage, engine_of, open_storage
from sweeps.search.mounts import NetworkFolder, mount_of, refuse_network

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")

LOCK = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("COMMIT")
"""


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'studies.db'}"


@contextmanager
def opened(url: str) -> Iterator[WaitingStorage]:
    storage = open_storage(url)
    assert isinstance(storage, WaitingStorage)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def a_trial(number: int) -> optuna.trial.FrozenTrial:
    return optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={"number": number})


def numbers(storage: WaitingStorage, study: int) -> list[int]:
    return [trial.user_attrs["number"] for trial in storage.get_all_trials(study)]


def write_a_life(storage: WaitingStorage, study: int, number: int) -> None:
    """All that is ever written of a trial."""
    trial = storage.create_new_trial(study, a_trial(number))
    storage.set_trial_user_attr(trial, "attempt", 1)
    storage.set_trial_intermediate_value(trial, 10, 0.5)
    storage.set_trial_system_attr(trial, "completed_rung_0", 0.5)
    storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.5])


# SQLite


@pytest.mark.parametrize("patience", [60, 0.2], ids=["SQLite waits", "SQLite gives up, and is asked again"])
def test_a_database_locked_by_another_process_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(database, "LOCKED_FOR", patience)
    with opened(sqlite(tmp_path)) as storage:
        study = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "digits")
        command = [sys.executable, "-c", LOCK, str(tmp_path / "studies.db"), "2"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as locker:
            assert locker.stdout is not None and locker.stdout.readline() == b"locked\n"
            for number in range(3):
                write_a_life(storage, study, number)
                assert locker.wait(0) == 0, "it was not locked"
        assert numbers(storage, study) == [0, 1, 2]
        assert {trial.state for trial in storage.get_all_trials(study)} == {TrialState.COMPLETE}


def test_what_is_wrong_is_not_waited_for(tmp_path: Path) -> None:
    with opened(sqlite(tmp_path)) as storage:
        study = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "digits")
        with storage.engine.begin() as connection:
            connection.execute(sqlalchemy.text("DROP TABLE trials"))
        began = time.monotonic()
        with pytest.raises(StorageInternalError) as failed:
            storage.get_all_trials(study)
        assert database.reason(failed.value) == "no such table: trials"
        assert time.monotonic() - began < 30


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    with opened(sqlite(tmp_path)) as storage:
        storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "digits")
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes) == {"studies.db", "studies.db-wal", "studies.db-shm"} and set(modes.values()) == {0o600}


def test_a_new_sweeps_folders_and_files_are_its_owners_alone(tmp_path: Path) -> None:
    folder = begun(tmp_path / "spec", SPEC, f"storage={tmp_path / 'new' / 'runs'}")
    engine_of(folder.database).connect().close()
    made = [tmp_path / "new", tmp_path / "new" / "runs", folder.path]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700] * 3
    assert (folder.path / "studies.db").stat().st_mode & 0o777 == 0o600


def test_optuna_dashboard_opens_the_studies_as_they_are(tmp_path: Path) -> None:
    _, service, folder = driven(tmp_path, SPEC)
    port, program = free_port(), Path(sys.executable).with_name("optuna-dashboard")
    command = [str(program), folder.database, "--host", "127.0.0.1", "--port", str(port)]
    with open(tmp_path / "log", "wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as dashboard:
        try:
            assert wait_for(lambda: answers(port), 60), (tmp_path / "log").read_text()
            studies = asked(port, "studies")["study_summaries"]
            found = [asked(port, f"studies/{study['study_id']}?after=0")["trials"] for study in studies]
        finally:
            dashboard.kill()
    assert {study["study_name"] for study in studies} == {"calm/extragradient", "calm/accept_reject", "calm/(confirm)"}
    trials = [trial for each in found for trial in each]
    assert len(trials) == len(service.studies.trials())
    assert {trial["state"] for trial in trials} <= {"Complete", "Pruned"}
    assert " 500 " not in (tmp_path / "log").read_text()


def asked(port: int, path: str) -> Any:
    """What the dashboard's API answers; an error if that is one."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{path}", timeout=30) as answer:
        return json.load(answer)


# Network file systems


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the system says is of NFS, and one in it that is not."""
    table = tmp_path / "mounts"
    far = tmp_path / "far away"
    for folder in (far, far / "local"):
        folder.mkdir()
    escaped = str(far).replace(" ", r"\040")
    table.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {escaped} nfs4 rw 0 0\n/dev/sdb {escaped}/local xfs rw 0 0\n")
    monkeypatch.setattr(mounts, "MOUNTS", table)
    return far


def test_sqlite_on_a_network_file_system_is_refused(network: Path) -> None:
    with pytest.raises(NetworkFolder, match=r"far away, a network file system \(nfs4\), where .*PostgreSQL"):
        open_storage(sqlite(network))
    assert list(network.iterdir()) == [network / "local"]
    open_storage(sqlite(network / "local")).engine.dispose()
    refuse_network(network.parent / "far")


def test_a_sweep_on_a_network_file_system_is_refused_and_makes_nothing(network: Path) -> None:
    with pytest.raises(Unfit, match="nfs4") as refused:
        begun(network.parent / "spec", SPEC, f"storage={network / 'runs'}")
    assert refused.value.key == ("storage",)
    assert list(network.iterdir()) == [network / "local"]


def test_the_systems_own_mounts_are_understood() -> None:
    root, here = mount_of(Path("/")), mount_of(Path(__file__))
    assert root is not None and root.point == "/"
    assert here is not None and Path(__file__).resolve().is_relative_to(here.point)
    proc = mount_of(Path("/proc/self/status"))
    assert proc is not None and proc.kind == "proc"


# PostgreSQL


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as made:
        yield made


@pytest.fixture
def url(server: Postgres, request: pytest.FixtureRequest) -> str:
    """A database of the test's own."""
    name = re.sub(r"\W", "_", request.node.name)[:60]
    engine = engine_of(server.url())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sqlalchemy.text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return server.url(name)


class Cutting:
    """Passes one connection after another on to a server, and cuts it once ``COMMIT`` has gone through: its answer is
    lost, for as many times as ``left`` says."""

    def __init__(self, target: int) -> None:
        self.left = 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            far = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if b"COMMIT" in data and self.left > 0 and source.getsockname()[1] == self.port:
                    self.left -= 1
                    source.shutdown(socket.SHUT_RDWR)
                    sink.sendall(data)
                    time.sleep(0.3)  # the server does it
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            end.close()


@needs_postgres
def test_a_commit_whose_answer_is_lost_happens_once(server: Postgres, url: str) -> None:
    way = Cutting(server.port)
    with opened(url.replace(str(server.port), str(way.port))) as storage:
        study = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "digits")
        for number in range(5):
            way.left = number
            write_a_life(storage, study, number)
            assert way.left == 0, "nothing was cut"
        trials = storage.get_all_trials(study)
        assert [trial.user_attrs["number"] for trial in trials] == [0, 1, 2, 3, 4]
        assert [trial.number for trial in trials] == [0, 1, 2, 3, 4]
        assert {trial.state for trial in trials} == {TrialState.COMPLETE}


@needs_postgres
def test_a_server_that_is_restarted_is_waited_for(server: Postgres, url: str) -> None:
    with opened(url) as storage:
        study = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "digits")
        write_a_life(storage, study, 0)
        server.stop()
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(lambda: [write_a_life(storage, study, number) for number in (1, 2, 3)])
            time.sleep(1.5)
            assert not writing.done(), "the server was not away"
            server.start()
            writing.result(60)
        assert numbers(storage, study) == [0, 1, 2, 3]


@needs_postgres
def test_of_two_owners_at_once_in_postgresql_one_wins(url: str) -> None:
    barrier, told = threading.Barrier(4), []

    def enter() -> None:
        engine = engine_of(url)
        barrier.wait()
        try:
            with Ownership(engine, "digits@1"):
                told.append("won")
                barrier.wait()
        except Owned as error:
            told.append(str(error))
            barrier.wait()
        engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        for entered in [pool.submit(enter) for _ in range(4)]:
            entered.result(60)
    assert told.count("won") == 1
    assert all(said == "won" or said.startswith("sweep digits: ") for said in told)
    engine = engine_of(url)
    assert holder(engine, "digits@1") is None
    engine.dispose()


@needs_postgres
def test_a_wrong_password_is_told_without_it(server: Postgres) -> None:
    wrong = server.url().replace(server.password, "another-canary")
    with pytest.raises(DatabaseOut, match=r"sweeps:\*\*\*@127.*password authentication failed") as refused:
        open_storage(wrong)
    assert "canary" not in str(refused.value) and "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory, server: Postgres) -> Iterator[Drivers]:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "spec.yaml").write_text(f"{SPEC}studies: ${{env:STUDIES_URL}}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_URL", server.url())
        with drivers(folder) as made:
            yield made


@needs_postgres
@pytest.mark.slow
def test_a_sweep_goes_on_through_a_restart_of_the_server(forks: Drivers, server: Postgres) -> None:
    longer = ["--set", "length=400", "--set", "report_every=10"]
    with started(forks.place, "run", "spec.yaml", "--plain", *longer) as driver:
        records = forks.place / "runs" / "calm" / "trials"
        assert wait_for(lambda: len(list(records.glob("*/*/attempt-1/checkpoint/*/manifest.json"))) > 5, 120)
        server.stop()
        time.sleep(4)
        assert driver.poll() is None, forks.output
        server.start()
        assert driver.wait() == 0, forks.output
    left = Left(forks.place / "runs", "calm", server.url())
    assert not (left.folder / "studies.db").exists()
    assert_whole(left)
    assert_tracked(left)
    assert server.password not in forks.output
