"""Records: whole or not there, whatever happens to the writer or to the bytes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import fsspec
import pytest
from recorded import BEGAN, commit, picture, report, state, trial

from sweeps.records import manifest as manifests
from sweeps.records.record import Report, TrialRecord
from sweeps.records.store import RecordExists, Store

KEY = trial().key


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A local folder and an object store: one layout, one behaviour."""
    if request.param == "folder":
        yield Store(str(tmp_path / "sweep"))
    else:
        yield Store("memory://sweep")
        memory = fsspec.filesystem("memory")
        memory.store.clear()
        memory.pseudo_dirs[:] = [""]


@pytest.fixture
def record(store: Store) -> TrialRecord:
    return TrialRecord(store, KEY)


def below(record: TrialRecord, attempt: int, path: str) -> str:
    return f"trials/{record.key}/attempt-{attempt}/{path}"


def overwrite(store: Store, path: str, data: bytes) -> None:
    """What a failing disk does, and no method of the store."""
    store.delete(path)
    store.put(path, data)


# The store


def test_objects_are_found_where_they_were_put(store: Store) -> None:
    store.put("a/b/one", b"1")
    store.put("a/two", b"2")
    assert store.get("a/b/one") == b"1"
    assert [store.list(folder) for folder in ("a", "a/b", "none")] == [["b", "two"], ["one"], []]
    assert store.exists("a/two") and not store.exists("a/three")
    store.delete("a/b/one")
    store.delete("a/b/one")
    assert store.list("a/b") == []
    with pytest.raises(FileNotFoundError):
        store.get("a/b/one")


def test_an_object_is_never_changed_and_a_view_is(store: Store) -> None:
    store.put("one", b"1")
    store.put("one", b"1")
    with pytest.raises(RecordExists, match=r"one in .* exists with other bytes"):
        store.put("one", b"2")
    assert store.get("one") == b"1"
    store.replace("one", b"2")
    assert store.get("one") == b"2"


def test_of_objects_together_none_after_a_refused_one_is_written(store: Store) -> None:
    store.put("b", b"1")
    store.put_all({"a": b"1", "b": b"1"})
    with pytest.raises(RecordExists, match=r"^b in .* exists with other bytes"):
        store.put_all({"a": b"1", "b": b"2", "c": b"1"})
    assert store.get("b") == b"1" and not store.exists("c")


def test_bytes_reach_the_disk_before_names_and_names_soon_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    rename, sync = os.replace, os.fsync

    def renamed(old: Path, new: Path) -> None:
        done.append(("name", str(Path(new).relative_to(tmp_path))))
        rename(old, new)

    def synced(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        done.append(("entries" if path.is_dir() else "bytes", path.name.lstrip(".").split(".")[0]))
        sync(descriptor)

    monkeypatch.setattr(os, "replace", renamed)
    monkeypatch.setattr(os, "fsync", synced)
    Store(str(tmp_path)).put_all({"x/one": b"1", "x/y/two": b"2"})
    assert sorted(done[:2]) == [("bytes", "one"), ("bytes", "two")]
    assert done[2:4] == [("name", "x/one"), ("name", "x/y/two")]
    assert sorted(done[4:]) == [("entries", name) for name in sorted((tmp_path.name, "x", "y"))]


@pytest.mark.parametrize("path", ["../out", "a/../../out", "/etc/passwd", "a//b", "a/./b", "a/"])
def test_paths_stay_below_the_root(store: Store, path: str) -> None:
    with pytest.raises(ValueError, match="is no path of an object"):
        store.put(path, b"1")


def test_a_local_folder_is_its_owners_and_holds_nothing_but_objects(tmp_path: Path) -> None:
    store = Store(f"file://{tmp_path}/new/sweep")
    store.put("a/b/one", b"1")
    (tmp_path / "new/sweep/a/.one.123-abcd").write_bytes(b"what a killed writer leaves")
    assert {folder.stat().st_mode & 0o777 for folder in [tmp_path / "new", *(tmp_path / "new").glob("**/b")]} == {0o700}
    assert [path.name for path in (tmp_path / "new/sweep/a/b").iterdir()] == ["one"]
    assert store.list("a") == ["b"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    (tmp_path / "a" / "one").mkdir(parents=True)
    with pytest.raises(OSError):
        store.replace("a/one", b"1")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["one"]


# Reports


def test_what_was_committed_is_read_back(record: TrialRecord, store: Store) -> None:
    record.write_begin(trial(), {"arm": "consensus", "lr": 4e-4})
    record.write_begin(trial(), {"lr": 4e-4, "arm": "consensus"})
    for step in (400, 800):
        commit(record.attempt(1), step, samples=step == 400)
    again = TrialRecord(store, KEY)
    assert again.config() == {"arm": "consensus", "lr": 4e-4}
    assert again.attempts() == [1]
    assert again.history() == [Report(**report(400)), Report(**report(800))]
    assert {step: store.get(path) for step, path in again.samples().items()} == {400: picture(400)}
    last = again.last_checkpoint()
    assert last is not None and (last.step, last.attempt, last.files()) == (800, 1, state(800))
    assert store.list(below(record, 1, "history")) == ["000400.json", "000800.json"]
    with pytest.raises(RecordExists):
        record.write_begin(trial(), {"arm": "gda"})


def test_nothing_recorded_reads_as_nothing(record: TrialRecord) -> None:
    assert (record.attempts(), record.history(), record.samples(), record.last_checkpoint()) == ([], [], {}, None)
    with pytest.raises(FileNotFoundError):
        record.config()
    with pytest.raises(ValueError, match="counted from 1"):
        record.attempt(0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": {"mean.frechet": float("nan")}}, r"values\.mean\.frechet is nan; every number must be finite"),
        ({"metrics": {"norm": [1.0, float("inf")]}}, r"metrics\.norm\[1\] is inf"),
        ({"cost": float("-inf")}, "cost is -inf"),
        ({"loss": 1.0}, r"its fields differ from these in \['loss'\]; allowed are step, "),
        ({"step": 401}, "its step is 401"),
    ],
)
def test_a_report_that_is_wrong_is_not_recorded(record: TrialRecord, change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        record.attempt(1).commit(400, report(400) | change, state(400), None, False)
    assert record.history() == [] and record.attempts() == []


def test_a_step_is_committed_once_in_an_attempt(record: TrialRecord) -> None:
    commit(record.attempt(1), 400)
    with pytest.raises(RecordExists, match="has committed step 400 already"):
        commit(record.attempt(1), 400)
    commit(record.attempt(2), 400)


def test_attempts_merge_and_the_first_to_commit_a_step_wins(record: TrialRecord, store: Store) -> None:
    for number, steps in ((1, (100, 200)), (2, (200, 300))):
        for step in steps:
            commit(record.attempt(number), step)
    late = report(300) | {"time_ms": BEGAN + 10**9}
    record.attempt(1).commit(300, late, state(300), None, False)  # an orphan of attempt 1, after attempt 2
    merged = [report(100, 1), report(200, 1), report(300, 2)]
    assert TrialRecord(store, KEY).history() == record.history() == [Report(**each) for each in merged]
    assert record.samples() == {
        step: below(record, number, f"samples/{step:06d}.png") for step, number in ((100, 1), (200, 1), (300, 2))
    }
    last = record.last_checkpoint()
    assert last is not None and (last.step, last.attempt) == (300, 2)


# Damage


def flipped(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]


DAMAGE = {"gone": None, "empty": lambda data: b"", "torn": lambda data: data[: len(data) // 2], "flipped": flipped}
STATE, MANIFEST = "checkpoint/000200/state.safetensors", "checkpoint/000200/manifest.json"


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    ("path", "steps", "pictures", "last"),
    [
        (STATE, [100, 200], [100, 200], 100),
        ("checkpoint/000200/state.json", [100, 200], [100, 200], 100),
        ("samples/000200.png", [100, 200], [100], 200),
        ("history/000200.json", [100], [100], 100),  # from where it is made again
        (MANIFEST, [100], [100], 100),
    ],
)
def test_damage_costs_what_was_damaged_and_no_more(
    record: TrialRecord, store: Store, damage: str, path: str, steps: list[int], pictures: list[int], last: int
) -> None:
    for step in (100, 200):
        commit(record.attempt(1), step)
    where, how = below(record, 1, path), DAMAGE[damage]
    data = store.get(where)
    store.delete(where)
    if how is not None:
        store.put(where, how(data))
    again = TrialRecord(store, KEY)
    checkpoint = again.last_checkpoint()
    assert [each.step for each in again.history()] == steps
    assert list(again.samples()) == pictures
    assert checkpoint is not None and (checkpoint.step, checkpoint.files()) == (last, state(last))


def test_no_bit_of_a_manifest_is_free() -> None:
    sealed = manifests.seal(manifests.Manifest(200, 1, False, {"history/000200.json": "0" * 64}))
    assert manifests.opened(sealed) is not None
    for at in range(len(sealed)):
        assert manifests.opened(sealed[:at]) is None
        for bit in range(8):
            assert manifests.opened(sealed[:at] + bytes([sealed[at] ^ 1 << bit]) + sealed[at + 1 :]) is None


def test_a_manifest_proves_its_own_place_only(record: TrialRecord, store: Store) -> None:
    commit(record.attempt(1), 100)
    data = store.get(below(record, 1, "checkpoint/000100/manifest.json"))
    store.put(below(record, 1, "checkpoint/000200/manifest.json"), data)
    store.put(below(record, 2, "checkpoint/000100/manifest.json"), data)
    assert [each.step for each in record.history()] == [100]


# Which checkpoints stay


def kept(record: TrialRecord, store: Store) -> dict[int, list[int]]:
    """Attempt -> steps with checkpoint files."""
    found: dict[int, list[int]] = {}
    for number in record.attempts():
        for step in record.attempt(number).steps():
            names = store.list(below(record, number, f"checkpoint/{step:06d}"))
            assert "manifest.json" in names
            if len(names) > 1:
                assert names == ["manifest.json", "state.json", "state.safetensors"]
                found.setdefault(number, []).append(step)
    return found


def test_the_last_two_checkpoints_and_the_best_stay(record: TrialRecord, store: Store) -> None:
    seen = []
    for step in range(100, 700, 100):
        commit(record.attempt(1), step, best=step in (200, 300))
        seen.append(kept(record, store)[1])
    assert seen == [[100], [100, 200], [200, 300], [300, 400], [300, 400, 500], [300, 500, 600]]
    assert len(record.history()) == 6


def test_the_second_checkpoint_that_stays_is_a_good_one(record: TrialRecord, store: Store) -> None:
    for step in (100, 200):
        commit(record.attempt(1), step)
    overwrite(store, below(record, 1, STATE), b"noise")
    resumed = TrialRecord(store, KEY)
    commit(resumed.attempt(2), 200)
    assert kept(resumed, store) == {1: [100], 2: [200]}


def test_an_orphan_leaves_the_next_attempts_files_alone(record: TrialRecord, store: Store) -> None:
    orphan = TrialRecord(store, KEY).attempt(1)
    for step in (100, 200):
        commit(orphan, step)
    for step in (300, 400):
        commit(record.attempt(2), step)
    for step in (300, 400):
        commit(orphan, step)
    assert kept(record, store) == {1: [300, 400], 2: [300, 400]}


# Killed writers


class FailingStore(Store):
    """A real store whose storage is lost at its n-th object."""

    def __init__(self, root: str, after: int) -> None:
        super().__init__(root)
        self.left = after

    def put_all(self, objects: Mapping[str, bytes]) -> None:
        for path, data in objects.items():
            if self.left == 0:
                raise OSError("storage lost")
            self.left -= 1
            super().put_all({path: data})


def test_a_report_happens_with_its_last_object(tmp_path: Path) -> None:
    for objects in range(5):
        root = str(tmp_path / str(objects))
        with pytest.raises(OSError, match="storage lost"):
            commit(TrialRecord(FailingStore(root, objects), KEY).attempt(1), 100)
        record = TrialRecord(Store(root), KEY)
        assert (record.history(), record.samples(), record.last_checkpoint()) == ([], {}, None)
        commit(record.attempt(1), 100)  # the same bytes again: the attempt may try once more
        assert [each.step for each in record.history()] == [100]


def test_killed_at_any_moment_every_report_is_whole(tmp_path: Path) -> None:
    """Eight writers, or more until one has committed and one was hit in the middle of it: a busy machine is slow."""
    chance, torn, steps, number = random.Random(0), 0, [], 0
    while number < 8 or (number < 50 and not (steps and torn)):
        number += 1
        command = [sys.executable, "-m", "tests.recorded", "commit", str(tmp_path), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0.02, 0.4))
            writer.kill()
        record = TrialRecord(Store(str(tmp_path)), KEY)
        history, last = record.history(), record.last_checkpoint()
        steps = [each.step for each in history]
        assert steps == list(range(100, 100 * len(steps) + 100, 100))
        assert history == [Report(**report(each.step, each.time_ms % 1000)) for each in history]
        assert list(record.samples()) == steps
        assert (last.step if last else 0) == (steps[-1] if steps else 0)
        assert last is None or last.files() == state(last.step, 200_000)
        written = {step for attempt in record.attempts() for step in record.attempt(attempt).steps()}
        torn += bool(written - set(steps)) or any(tmp_path.glob("trials/**/.*"))
    assert steps, "no writer lived long enough to commit"
    assert torn, "no kill fell into a report"
