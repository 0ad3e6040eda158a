"""Records on an object store, as they are in a folder: a real S3 server, real drivers, real kills."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from driving import KILLED, Drivers, Kill, drivers
from recorded import commit, report, state, trial
from services import POSTGRES, Bucket, Postgres, Proxy, needs_postgres, postgres, s3
from sweeping import SPEC, Left, assert_tracked, assert_whole, files

from sweeps.records.record import Report, TrialRecord
from sweeps.records.store import RecordExists, Store

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna", "ignore:::botocore")

KEY = trial().key


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """The server, and the usual variables of the environment that lead to it."""
    with s3(tmp_path_factory.mktemp("s3")) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        fsspec.filesystem("s3").clear_instance_cache()
        yield server


@pytest.fixture
def proxy(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A way to the server that can be made worse."""
    made = Proxy(bucket.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.port}")
    fsspec.filesystem("s3").clear_instance_cache()
    yield made
    made.close()
    fsspec.filesystem("s3").clear_instance_cache()


def download(url: str, folder: Path) -> None:
    """Every object below ``url`` as a file."""
    remote = fsspec.filesystem("s3", use_listings_cache=False)
    root = url.removeprefix("s3://")
    for path, data in remote.cat(remote.find(root)).items():
        place = folder / path.removeprefix(root).strip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def contents(folder: Path) -> dict[str, str]:
    """Path -> SHA-256."""
    return {path: digest for path, (_, digest) in files(folder).items()}


# The store


def test_a_bucket_and_a_folder_have_one_layout(bucket: Bucket, tmp_path: Path) -> None:
    for root in ("s3://bucket/layout", str(tmp_path / "local")):
        record = TrialRecord(Store(root), KEY)
        record.write_begin(trial(), {"arm": "consensus"})
        for step in range(100, 700, 100):
            commit(record.attempt(1), step, best=step in (200, 300))
        again = TrialRecord(Store(root), KEY)
        assert again.history() == [Report(**report(step)) for step in range(100, 700, 100)]
        last = again.last_checkpoint()
        assert last is not None and last.files() == state(600)
    download("s3://bucket/layout", tmp_path / "downloaded")
    assert contents(tmp_path / "downloaded") == contents(tmp_path / "local")


def test_of_two_that_put_at_once_one_wins_and_the_other_is_told(bucket: Bucket) -> None:
    store = Store("s3://bucket/race")

    def put(path: str, data: bytes) -> bool:
        try:
            store.put(path, data)
        except RecordExists:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        for turn in range(20):
            won = list(pool.map(put, [f"{turn}"] * 2, (b"one", b"two")))
            assert sorted(won) == [False, True]
            assert store.get(f"{turn}") == (b"one" if won[0] else b"two")
            assert put(f"{turn}", store.get(f"{turn}"))


def test_a_folder_of_more_objects_than_a_page(bucket: Bucket) -> None:
    fsspec.filesystem("s3").pipe({f"bucket/pages/{number:04d}/x": b"x" for number in range(1001)})
    assert Store("s3://bucket/pages").list() == [f"{number:04d}" for number in range(1001)]
    assert Store("s3://bucket/pages").list("none") == []


def test_a_report_costs_few_calls(bucket: Bucket) -> None:
    """Five objects with samples, and the two files of the checkpoint that goes: nothing is looked up."""
    attempt = TrialRecord(Store("s3://bucket/calls"), KEY).attempt(1)
    for step in (100, 200, 300):
        commit(attempt, step)
    before = bucket.calls()
    for step in range(400, 900, 100):
        commit(attempt, step)
    assert bucket.calls() - before == {"PUT": 5 * 5, "DELETE": 5 * 2}


def test_errors_of_the_server_are_tried_again(proxy: Proxy) -> None:
    record = TrialRecord(Store("s3://bucket/errors"), KEY)
    for step in (100, 200):
        proxy.failing = 2
        commit(record.attempt(1), step)
        assert proxy.failing == 0
    proxy.failing = 2
    assert [each.step for each in TrialRecord(Store("s3://bucket/errors"), KEY).history()] == [100, 200]
    assert proxy.failing == 0


def test_a_server_without_put_if_absent_is_asked_first(proxy: Proxy, bucket: Bucket) -> None:
    proxy.unconditional = True
    store = Store("s3://bucket/unconditional")
    before = bucket.calls()
    store.put("one", b"1")
    store.put("one", b"1")
    with pytest.raises(RecordExists):
        store.put("one", b"2")
    assert store.get("one") == b"1"
    assert (bucket.calls() - before)["PUT"] == 1


def test_a_server_that_is_gone_is_an_error_of_the_storage(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    fsspec.filesystem("s3").clear_instance_cache()
    store = Store("s3://bucket/gone")
    for call in (lambda: store.put("a", b""), lambda: store.get("a"), lambda: store.list(), lambda: store.exists("a")):
        with pytest.raises(OSError, match=r"s3://bucket/gone: .*127\.0\.0\.1:9"):
            call()
    monkeypatch.undo()
    fsspec.filesystem("s3").clear_instance_cache()


# Sweeps


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres | None]:
    """PostgreSQL where it is installed, and the variable that leads to it."""
    if POSTGRES is None:
        yield None
        return
    with postgres() as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_URL", made.url())
        yield made


@pytest.fixture(scope="module")
def forks(bucket: Bucket, server: Postgres | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drivers]:
    folder = tmp_path_factory.mktemp("far")
    (folder / "spec.yaml").write_text(SPEC)
    with drivers(folder) as made:
        yield made


@pytest.fixture(scope="module")
def near(forks: Drivers) -> Left:
    """A serial sweep into a folder."""
    assert forks.run("run", "spec.yaml", "--serial", "--plain") == 0, forks.output
    return Left(forks.place / "runs", "calm")


def far(forks: Drivers, name: str, studies: str | None = None) -> Left:
    """A sweep in the bucket, brought here beside its studies."""
    download(f"s3://bucket/sweeps/{name}", forks.place / "runs" / name)
    return Left(forks.place / "runs", name, studies)


def assert_as_near(left: Left, near: Left, forks: Drivers) -> None:
    assert_whole(left)
    assert_tracked(left)
    assert left.results() == near.results()
    assert left.ranking == near.ranking
    assert left.checkpoints() == near.checkpoints()
    assert forks.run("status", "--storage", "s3://bucket/sweeps") == 0, forks.output
    assert "far: finished" in forks.output


@needs_postgres
def test_through_s3_and_postgresql_killed_and_resumed_it_is_the_sweep_in_a_folder(
    forks: Drivers, near: Left, server: Postgres
) -> None:
    command = ["run", "spec.yaml", "--or-resume", "--set", "name=far", "--set", "storage=s3://bucket/sweeps"]
    command += ["--set", "studies=${env:STUDIES_URL}"]
    for kill in (Kill("recorded, not proven", 3), Kill("ended", 2)):
        assert forks.run(*command, "--serial", "--plain", kill=kill) == KILLED, f"{kill} did not come\n{forks.output}"
    assert forks.run(*command, "--serial", "--plain") == 0, forks.output
    assert not (forks.place / "runs" / "far").exists()
    left = far(forks, "far", server.url())
    assert_as_near(left, near, forks)
    assert server.password not in forks.output


@pytest.mark.slow
def test_a_sweep_in_a_bucket_is_the_sweep_in_a_folder(forks: Drivers, near: Left) -> None:
    command = ["run", "spec.yaml", "--set", "name=far", "--set", "storage=s3://bucket/sweeps"]
    assert forks.run(*command, "--serial", "--plain") == 0, forks.output
    assert not (forks.place / "runs" / "far" / "trials").exists()
    left = far(forks, "far")
    assert_as_near(left, near, forks)


@pytest.mark.slow
def test_killed_again_and_again_in_a_bucket(forks: Drivers, near: Left) -> None:
    command = ["run", "spec.yaml", "--or-resume", "--set", "name=shot", "--set", "storage=s3://bucket/sweeps"]
    for kill in (Kill("recorded, not proven", 3), Kill("recorded", 8), Kill("ended", 2), Kill("ranking", 1)):
        assert forks.run(*command, "--serial", "--plain", kill=kill) == KILLED, f"{kill} did not come\n{forks.output}"
    assert forks.run("resume", "shot", "--storage", "s3://bucket/sweeps", "--serial", "--plain") == 0, forks.output
    left = far(forks, "shot")
    assert_whole(left)
    assert_tracked(left)
    assert left.results() == near.results()
    assert left.ranking == near.ranking
    assert left.checkpoints() == near.checkpoints()


@pytest.mark.slow
def test_under_ray_in_a_bucket(forks: Drivers) -> None:
    command = ["run", "spec.yaml", "--set", "name=rays", "--set", "storage=s3://bucket/sweeps"]
    assert forks.run(*command, "--plain", kill=Kill("known to the study", 9)) == KILLED, forks.output
    assert forks.run("resume", "rays", "--storage", "s3://bucket/sweeps", "--plain") == 0, forks.output
    left = far(forks, "rays")
    assert_whole(left)
    assert_tracked(left)
