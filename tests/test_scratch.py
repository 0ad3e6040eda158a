"""Scratch folders: gone afterwards, also those of processes that were killed, and nobody else's."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from sweeps.run import scratch as module
from sweeps.run.scratch import scratch


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of this test's own."""
    monkeypatch.setattr(module, "PLACE", tmp_path)
    return tmp_path


def killed_inside() -> None:
    child = os.fork()
    if child == 0:
        with scratch() as folder:
            (folder / "socket").write_text("left behind")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def test_it_is_gone_afterwards_whatever_happened(place: Path) -> None:
    with scratch() as folder:
        (folder / "below").mkdir()
        assert folder.stat().st_mode & 0o077 == 0
    with pytest.raises(ZeroDivisionError), scratch():
        _ = 1 / 0
    assert list(place.iterdir()) == []


def test_that_of_a_killed_process_goes_with_the_next(place: Path) -> None:
    killed_inside()
    (left,) = place.iterdir()
    assert (left / "socket").exists()
    with scratch() as folder:
        assert list(place.iterdir()) == [folder]


def test_that_of_a_living_process_stays(place: Path) -> None:
    with scratch() as first:
        killed_inside()  # it looks for orphans too
        with scratch() as second:
            assert set(place.iterdir()) == {first, second}
        assert list(place.iterdir()) == [first]


def test_folders_of_others_stay(place: Path) -> None:
    for name in ("sweeps-without-a-lock", "another"):
        (place / name).mkdir()
    (place / "sweeps-link").symlink_to(place / "another")
    (place / "another" / module.LOCK).touch()
    with scratch():
        pass
    assert {path.name for path in place.iterdir()} == {"sweeps-without-a-lock", "another", "sweeps-link"}
    assert (place / "another" / module.LOCK).exists()
