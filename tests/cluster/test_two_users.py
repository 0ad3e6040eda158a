"""Two users' clusters of one name on one machine: neither can use, see or end the other's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from sweeping import wait_for

from cluster.processes import pid_lives
from cluster.services.account import Account, account, python_folders

ROOT = Path(__file__).parents[2]
NAME = f"duo{os.getpid()}"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="being two users takes root"),
]


class User(NamedTuple):
    """A user of the machine, who has a cluster."""

    who: Account

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of theirs."""
        needs = [ROOT, *python_folders()]
        known = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
        command = self.who.command(words, needs)
        return subprocess.run(command, env=known, cwd="/", capture_output=True, text=True, timeout=400)

    def cluster(self, command: str, *options: str) -> str:
        """``python -m cluster COMMAND`` of theirs; what it said."""
        done = self.run(sys.executable, "-m", "cluster", command, "--name", NAME, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def folder(self) -> Path:
        return Path(f"/tmp/minmax-{self.who.uid}-{NAME}")

    @property
    def token(self) -> str:
        return (self.folder / "token").read_text().strip()

    @property
    def pids(self) -> list[int]:
        """Of their nodes, and all below them."""
        tops = [pid for _, pid, _ in json.loads((self.folder / "state.json").read_text())["processes"]]
        return [*tops, *(child.pid for pid in tops for child in psutil.Process(pid).children(recursive=True))]

    @property
    def address(self) -> str:
        said = dict(line.removeprefix("export ").split("=", 1) for line in self.cluster("env").splitlines())
        return said["RAY_API_SERVER_ADDRESS"]


def ask(address: str, token: str | None, about: Any = None) -> tuple[int, Any]:
    """Status and body of ``/api/jobs/``."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if about is None else json.dumps(about).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{address}/api/jobs/", data, headers), timeout=60
        ) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None


@pytest.fixture(scope="module")
def users() -> Iterator[tuple[User, User]]:
    ours = User(account("postgres")._replace(name="root", uid=0, gid=0, foreign=False))
    theirs = User(account("postgres"))
    try:
        for user in (ours, theirs):
            user.cluster("up", "--grace", "1")
        yield ours, theirs
    finally:
        for user in (ours, theirs):
            user.cluster("down", "--grace", "0")


def test_each_has_ports_a_token_and_a_folder_of_their_own(users: tuple[User, User]) -> None:
    ours, theirs = users
    assert ours.token != theirs.token and ours.address != theirs.address
    assert {psutil.Process(pid).uids().effective for pid in theirs.pids} == {theirs.who.uid}
    assert theirs.run("cat", str(theirs.folder / "token")).stdout.strip() == theirs.token
    for path in ("token", "state.json", "head.log", ""):
        assert "Permission denied" in theirs.run("ls", "-l", str(ours.folder / path), str(ours.folder)).stderr
        assert "Permission denied" in theirs.run("cat", str(ours.folder / path)).stderr


def test_a_token_opens_its_own_cluster_alone(users: tuple[User, User]) -> None:
    ours, theirs = users
    for here, there in ((ours, theirs), (theirs, ours)):
        assert ask(there.address, None)[0] == 401
        assert ask(there.address, here.token)[0] == 403
        assert ask(there.address, here.token, {"entrypoint": "touch /tmp/planted"})[0] == 403
        assert ask(there.address, there.token)[0] == 200


def test_jobs_are_seen_by_their_owner_alone(users: tuple[User, User]) -> None:
    ours, theirs = users
    code, made = ask(theirs.address, theirs.token, {"entrypoint": "id -u"})
    assert code == 200

    def done() -> bool:
        return [job["status"] for job in ask(theirs.address, theirs.token)[1]] == ["SUCCEEDED"]

    assert wait_for(done, 120), ask(theirs.address, theirs.token)
    assert ask(ours.address, ours.token) == (200, [])
    logs = urllib.request.Request(f"{theirs.address}/api/jobs/{made['submission_id']}/logs")
    logs.add_header("Authorization", f"Bearer {theirs.token}")
    with urllib.request.urlopen(logs, timeout=60) as answer:
        assert str(theirs.who.uid) in json.load(answer)["logs"].splitlines()  # Ray's own line may come after it


def test_neither_token_is_shown(users: tuple[User, User]) -> None:
    shown = []
    for pid in psutil.pids():
        try:
            shown.append(Path(f"/proc/{pid}/cmdline").read_bytes())
        except OSError:
            continue
    ours, theirs = users
    logs = [path.read_bytes() for user in users for path in user.folder.rglob("*") if _is_text(path)]
    assert len(logs) > 20
    assert not any(user.token.encode() in text for user in users for text in (*shown, *logs))
    for pid in ours.pids:
        assert not theirs.run("cat", f"/proc/{pid}/environ").stdout


def test_one_that_goes_leaves_the_other(users: tuple[User, User]) -> None:
    ours, theirs = users
    mine, before = ours.pids, theirs.pids
    for pid in mine:
        assert "not permitted" in theirs.run("sh", "-c", f"kill -TERM {pid}").stderr
    theirs.cluster("down", "--grace", "1")
    assert not any(map(pid_lives, before)) and not theirs.folder.exists()
    assert all(map(pid_lives, mine)) and ask(ours.address, ours.token)[0] == 200
    theirs.cluster("up", "--grace", "1")
    again = theirs.pids
    ours.cluster("down", "--grace", "1")
    assert not any(map(pid_lives, mine)) and not ours.folder.exists()
    assert all(map(pid_lives, again)) and ask(theirs.address, theirs.token)[0] == 200


def _is_text(path: Path) -> bool:
    return path.is_file() and path.name != "token" and not path.is_symlink()
