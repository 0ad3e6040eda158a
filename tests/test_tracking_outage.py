"""MLflow down from the start, killed in the midst of a sweep, and slow: training never waits, and in the end nothing is
missing. A real server, killed with its whole process group."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import OUTPUT, alone, started
from services import Mlflow, Proxy
from sweeping import SPEC, Left, assert_whole, wait_for
from test_sync import held

from sweeps.records.folder import Folder
from sweeps.spec.sweep import Sweep
from sweeps.track.following import sync

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outage")
    (folder / "spec.yaml").write_text(SPEC)
    return folder


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Mlflow]:
    """A server that nobody has started yet."""
    made = Mlflow(place)
    yield made
    made.kill()


def assert_equals_its_records(place: Path, name: str, uri: str) -> None:
    """What the server holds is what the records alone give."""
    folder = Folder(str(place / "runs"), name)
    local = f"sqlite:///{place / f'{name}.db'}"
    sync(folder, Sweep.from_normalized(folder.read()["sweep"]), local)
    assert held(uri, name) == held(local, name)


def records(place: Path, name: str) -> int:
    return len(list((place / "runs" / name / "trials").glob("*/*/attempt-*/checkpoint/*/manifest.json")))


def test_down_from_the_start(place: Path, server: Mlflow) -> None:
    command = ["run", "spec.yaml", "--set", f"tracking={server.uri}", "--serial", "--plain"]
    assert alone(place, *command) == 0, (place / OUTPUT).read_text()
    assert_whole(Left(place / "runs", "calm"))
    assert "MLflow is not in step yet" in (place / OUTPUT).read_text()
    server.start()
    assert alone(place, "resume", "calm", "--serial", "--plain") == 0, (place / OUTPUT).read_text()
    assert_equals_its_records(place, "calm", server.uri)


def test_killed_in_the_midst_and_back_a_minute_later(place: Path, server: Mlflow) -> None:
    longer = ["length=20000", "report_every=1000", "name=longer", f"tracking={server.uri}", "search.pruner=none"]
    command = ["run", "spec.yaml", "--plain", *(word for said in longer for word in ("--set", said))]
    with started(place, *command) as driver:
        assert wait_for(lambda: records(place, "longer") > 2, 300)
        server.kill()
        before, began = records(place, "longer"), time.monotonic()
        assert wait_for(lambda: records(place, "longer") > before + 5, 300), "training waits for MLflow"
        time.sleep(max(0.0, 60 - (time.monotonic() - began)))
        server.start()
        assert driver.wait() == 0, (place / OUTPUT).read_text()
    left = Left(place / "runs", "longer")
    assert_whole(left)
    assert alone(place, "sync", "longer") == 0, (place / OUTPUT).read_text()
    assert_equals_its_records(place, "longer", server.uri)


def test_slow_it_takes_no_time_of_training(place: Path, server: Mlflow) -> None:
    """A second a call: the calls together take several times as long as the training that they did not hold up."""
    way = Proxy(server.port)
    way.delay = 1.0
    uri = f"http://127.0.0.1:{way.port}"
    command = ["run", "spec.yaml", "--set", "name=slow", "--set", f"tracking={uri}", "--serial", "--plain"]
    began = time.monotonic()
    assert alone(place, *command) == 0, (place / OUTPUT).read_text()
    whole = time.monotonic() - began
    way.close()
    left = Left(place / "runs", "slow")
    times = [report.time_ms for key in left.trials() for report in left.record(key).history()]
    trained = (max(times) - min(times)) / 1000
    assert way.requests > 40 and whole > way.requests * way.delay
    assert trained < whole / 2, f"{trained:.1f} s of training in {whole:.1f} s"
    assert_equals_its_records(place, "slow", server.uri)
