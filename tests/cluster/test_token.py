"""The token's file: made private, and refused where it is anything else."""

from __future__ import annotations

import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster import private, token
from cluster.private import NotPrivate
from cluster.token import BadToken, authenticated


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "token"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_it_is_made_once_and_private(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        made = token.make(path)
    finally:
        os.umask(before)
    assert len(made) == 64 and token.make(path) == token.read(path) == made
    assert mode(path) == 0o600 and mode(path.parent) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["token"]


def test_tokens_differ(tmp_path: Path) -> None:
    assert len({token.make(tmp_path / str(number) / "token") for number in range(20)}) == 20


def test_of_many_at_once_all_get_the_same(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: token.make(path), range(32)))) == 1
    assert [each.name for each in path.parent.iterdir()] == ["token"]


@pytest.mark.parametrize("shared", [0o644, 0o640, 0o604, 0o620, 0o666, 0o601])
def test_a_file_that_others_may_touch_is_refused(path: Path, shared: int) -> None:
    token.make(path)
    path.chmod(shared)
    for use in (token.read, token.make, lambda path: authenticated({}, path)):
        with pytest.raises(NotPrivate, match=f"mode 0{shared:o}, .*0600 is allowed: chmod 600"):
            use(path)


def test_what_is_no_plain_file_is_refused(path: Path, tmp_path: Path) -> None:
    made = token.make(path)
    link, pipe, folder = tmp_path / "link", tmp_path / "pipe", tmp_path / "folder"
    link.symlink_to(path)
    os.mkfifo(pipe, 0o600)
    folder.mkdir(0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for other in (link, pipe, folder, tmp_path / "socket"):
            with pytest.raises(OSError) as refused:
                token.read(other)
            assert made not in str(refused.value)
    for other in (link, pipe):
        with pytest.raises(NotPrivate):
            token.read(other)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
def test_another_users_file_is_refused(path: Path) -> None:
    token.make(path)
    os.chown(path, 65534, 65534)
    with pytest.raises(NotPrivate, match="belongs to user 65534, and you are 0"):
        token.read(path)


@pytest.mark.parametrize("text", ["", "\n", "secret", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n" + "1" * 64])
def test_what_is_no_token_of_ours_is_refused_and_not_told(path: Path, text: str) -> None:
    private.make_folder(path.parent)
    private.write_new(path, text)
    with pytest.raises(BadToken, match="no token of ours") as refused:
        token.make(path)
    assert not text.strip() or text.strip() not in str(refused.value)


def test_a_missing_one_is_missing(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        token.read(path)
    assert not path.parent.exists()


def test_ray_is_told_the_path_alone(path: Path) -> None:
    made = token.make(path)
    environment = {"HOME": "/nowhere", "RAY_AUTH_TOKEN": "another", "RAY_AUTH_MODE": "disabled"}
    assert authenticated(environment, path) == {
        "HOME": "/nowhere",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(path),
    }
    assert made not in str(authenticated(environment, path)) and environment["RAY_AUTH_TOKEN"] == "another"


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(0o755)
    shared.chmod(0o755)
    with pytest.raises(NotPrivate, match=r"mode 0755, .*0700 is allowed: chmod 700"):
        token.make(shared / "token")
    assert list(shared.iterdir()) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    private.write_new(path, "first")
    with pytest.raises(FileExistsError):
        private.write_new(path, "second")
    with pytest.raises(UnicodeEncodeError):
        private.write_new(tmp_path / "other", "\ud800")
    assert private.read(path) == "first" and list(tmp_path.iterdir()) == [path]
