"""A sweep handed to a cluster: what goes along, what is refused, and that it survives its driver, a node and a stop."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from driving import ROOT, environment
from sweeping import Left, assert_whole, wait_for

from cluster.local import nodes
from cluster.local.nodes import Size
from cluster.local.place import Place
from sweeps.cli.codes import FAILED, TAKEN
from sweeps.run.nodes import Seen, differing
from sweeps.run.service import NoRoom
from sweeps.spec.limits import Resources
from sweeps.submit import supervise as supervising
from sweeps.submit.jobs import Jobs, NoCluster, NodeSize, token_of
from sweeps.submit.pack import TooLarge, pack
from sweeps.submit.submitting import refuse_too_much

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SPEC = """
name: sent
game: {name: "mine:game"}
length: 3000
seeds: 2
optimizers: [extragradient, accept_reject]
trials: 2
space: {lr: {log: [1.0e-3, 1.0e-1]}}
objective: {minimize: mean.frechet}
report_every: 300
search: {pruner: none}
confirm: {seeds: 3}
resources: {cpu: 1, max_concurrent: 1}
"""
MINE = """
import torch, minmax
from shapes import WIDTH

def game():
    real = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    generator = torch.nn.Sequential(torch.nn.Linear(2, WIDTH), torch.nn.ReLU(), torch.nn.Linear(WIDTH, 2))
    discriminator = torch.nn.Sequential(torch.nn.Linear(2, WIDTH), torch.nn.ReLU(), torch.nn.Linear(WIDTH, 1))
    return minmax.gan(generator, discriminator, data=real, loss="nonsaturating", latent=2, batch=16)
"""
ARMS = ("extragradient", "accept_reject")
PATIENT = 900.0  # seconds for anything; of a machine that is busy with other things


# What goes with it


def names(package: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(package)).namelist()


def test_modules_go_with_what_they_import_from_here_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import torch, json\nfrom shapes import WIDTH\nimport kit.parts\n")
    (tmp_path / "shapes.py").write_text("WIDTH = 8\ndef late():\n    import deep\n")
    (tmp_path / "deep.py").write_text("import minmax\n")
    (tmp_path / "minmax.py").write_text("")  # an installed package's name
    (tmp_path / "secret.py").write_text("TOKEN = 1\n")
    (tmp_path / "kit" / "__pycache__").mkdir(parents=True)
    for name in ("__init__.py", "parts.py", "table.csv", "__pycache__/parts.pyc"):
        (tmp_path / "kit" / name).write_text("")
    package = pack("name: x\n", ["mine", "mine", "torch.nn"], tmp_path)
    assert sorted(names(package)) == [
        "deep.py", "kit/__init__.py", "kit/parts.py", "kit/table.csv", "mine.py", "shapes.py", "spec.yaml",
    ]  # fmt: skip
    assert pack("name: x\n", ["mine"], tmp_path) == package, "the same files, another package"


def test_a_package_that_is_too_large_names_its_largest_file(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "__init__.py").write_text("")
    with open(tmp_path / "big" / "data.bin", "wb") as file:
        file.truncate(51 * 10**6)
    with pytest.raises(TooLarge, match=r"big/data.bin and what goes with it are more than 50 MB"):
        pack("", ["big"], tmp_path)


# What is refused


def test_a_trial_that_fits_no_node_is_refused_with_the_largest() -> None:
    head = NodeSize("head", {"memory": 1e9})
    small, large = NodeSize("a", {"CPU": 8, "memory": 16e9}), NodeSize("b", {"CPU": 4, "GPU": 2, "memory": 32e9})
    nodes = [head, small, large]
    for fits in (Resources(cpu=8), Resources(cpu=4, gpu=2), Resources(cpu=1, gpu=0.25, memory="32GB")):
        refuse_too_much(fits, nodes)
    with pytest.raises(
        NoRoom, match=r"resources.gpu: 4 asked .* fits no node; the largest is b \(cpu 4, gpu 2, memory"
    ):
        refuse_too_much(Resources(cpu=1, gpu=4), nodes)
    with pytest.raises(NoRoom, match=r"resources.memory: 64GB asked .* the largest is b"):
        refuse_too_much(Resources(memory="64GB"), nodes)
    with pytest.raises(NoRoom, match=r"resources.cpu: 8 asked .* the largest is b"):
        refuse_too_much(Resources(cpu=8, gpu=1), nodes)  # each alone would fit one
    refuse_too_much(Resources(cpu=64), [head])  # of a cluster that grows nothing is known yet


@pytest.mark.parametrize(
    "address", ["ray://head:10001", "ftp://head", "http://", "http://me:pw@head", "http://head?x=1"]
)
def test_what_is_no_dashboard_is_refused(address: str) -> None:
    with pytest.raises(NoCluster, match=r"--address: .* is no dashboard"):
        Jobs(address, {"RAY_AUTH_TOKEN": "x"})


def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    known = {"RAY_AUTH_TOKEN_PATH": str(path)}
    with pytest.raises(NoCluster, match=r"no token in .*: No such file"):
        token_of(known)
    path.write_text("abc\n")
    path.chmod(0o640)
    with pytest.raises(NoCluster, match=r"others can open .* \(mode 0640\); mode 0600 is allowed"):
        token_of(known)
    path.chmod(0o600)
    assert token_of(known) == "abc"
    assert Jobs("https://head", known).is_private and Jobs("localhost:1", known).is_private
    assert not Jobs("head:8265", known).is_private


def test_a_cluster_that_does_not_answer_is_told_in_a_line() -> None:
    with pytest.raises(NoCluster, match=r"http://127.0.0.1:1 does not answer: .*Connection refused"):
        Jobs("127.0.0.1:1", {"RAY_AUTH_TOKEN": "x"}).all()


def test_nodes_that_differ_are_a_table() -> None:
    own = {"python": "3.11.7", "torch": "2.13.0"}
    alike, other = Seen("one", dict(own)), Seen("two", {**own, "torch": "2.12.0"})
    assert differing(own, [alike, alike]) == ""
    said = differing(
        own, [alike, other, Seen("three", {}, "no answer"), Seen("four", dict(own), "cannot be written: x")]
    )
    assert said.splitlines()[1:] == [
        "node      python  torch       storage",
        "(driver)  3.11.7  2.13.0",
        "one       3.11.7  2.13.0      shared",
        "two       3.11.7  2.12.0 (!)  shared",
        "three     ? (!)   ? (!)       no answer",
        "four      3.11.7  2.13.0      cannot be written: x",
    ]


# The supervisor


@pytest.mark.parametrize(
    ("codes", "starts", "ends"),
    [
        ([-9, 70, 0], 3, 0),  # killed, then a bug, then well
        ([FAILED], 1, FAILED),  # it said why
        ([70] * 9, 6, 70),  # five restarts, and no more
        ([TAKEN, 0], 1, TAKEN),  # of a new sweep: the name is taken
        ([-9, TAKEN, 0], 3, 0),  # of one that goes on: its owner is not known to be dead yet
    ],
)
def test_a_driver_that_crashes_is_started_again(
    codes: list[int], starts: int, ends: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, left = tmp_path / "starts", list(codes)

    def command(spec: str, resume: bool) -> list[str]:
        code = left.pop(0)
        end = f"kill -{-code} $$" if code < 0 else f"exit {code}"
        return ["sh", "-c", f"printf {'r' if resume else 'n'} >> {log}; {end}"]

    monkeypatch.setattr(supervising, "_command", command)
    assert supervising.supervise("spec.yaml", False, pause=lambda _: None) == ends
    assert log.read_text() == "n" + "r" * (starts - 1), "the first is new, and all others go on"


# The whole of it


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place(f"s{os.getpid()}")
    nodes.up(made, Size(2, grace=30))
    yield made
    nodes.down(made, grace=0)


def sweeps(folder: Path, place: Place, *arguments: str, timeout: float = 1800) -> subprocess.CompletedProcess[str]:
    address = nodes.dashboard(nodes.shown(place)[0].node)
    known = {"RAY_API_SERVER_ADDRESS": address, "RAY_AUTH_TOKEN_PATH": str(place.token)}
    command = [sys.executable, "-m", "sweeps", *arguments]
    if arguments[0] in ("stop", "status"):
        command += ["--address", address]
    return subprocess.run(
        command, cwd=folder, env={**environment(), **known}, capture_output=True, text=True, timeout=timeout
    )


def drivers(place: Place) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if "run" in words and "spec.yaml" in words and str(place.folder) in process.cwd():
            found.append(process)
    return found


def committed(folder: Path) -> set[tuple[str, int, int]]:
    """Trial, attempt, step of every report."""
    manifests = folder.glob("trials/*/*/attempt-*/checkpoint/*/manifest.json")
    return {
        (f"{path.parts[-6]}/{path.parts[-5]}", int(path.parts[-4].removeprefix("attempt-")), int(path.parts[-2]))
        for path in manifests
    }


def grown(folder: Path, by: int = 2) -> bool:
    """Waits for so many further reports."""
    before = len(committed(folder))
    return wait_for(lambda: len(committed(folder)) >= before + by, PATIENT)


def under_way(folder: Path) -> bool:
    """Whether the newest attempt has begun to report and has far to go."""
    newest = max(folder.glob("trials/*/*/attempt-*/begin.json"), key=lambda path: path.stat().st_mtime_ns).parent
    return 1 <= len(list(newest.glob("checkpoint/*/manifest.json"))) <= 4


@pytest.mark.slow
def test_it_survives_its_driver_a_node_and_a_stop(place: Place, tmp_path: Path) -> None:
    for name, text in {"spec.yaml": SPEC, "mine.py": MINE, "shapes.py": "WIDTH = 8\n"}.items():
        (tmp_path / name).write_text(text)
    alone, there = tmp_path / "alone", tmp_path / "there"
    run = [sys.executable, "-m", "sweeps", "run", "spec.yaml", "--serial", "--quiet", "--set", f"storage={alone}"]
    assert subprocess.run(run, cwd=tmp_path, env=environment(), capture_output=True, timeout=1800).returncode == 0
    at = ["--set", f"storage={there}"]

    sent = sweeps(tmp_path, place, "submit", "spec.yaml", *at)
    assert sent.returncode == 0 and "follow:  sweeps logs sent --address" in sent.stdout, sent.stderr
    assert wait_for(lambda: len(committed(there / "sent")) >= 2, PATIENT), sweeps(
        tmp_path, place, "logs", "sent"
    ).stdout
    (driver,) = drivers(place)
    driver.kill()
    assert wait_for(lambda: [each for each in drivers(place) if each != driver] != [], PATIENT)
    assert grown(there / "sent"), sweeps(tmp_path, place, "logs", "sent").stdout
    assert "the driver was ended by SIGKILL; restart 1 of 5" in sweeps(tmp_path, place, "logs", "sent").stdout
    said = sweeps(tmp_path, place, "status", "sent").stdout
    assert re.search(r"sent: running since .*\n.*sent: running: process \d+ on", said), said

    nodes.up(place, Size(3))  # a machine joins, and the one that trains is taken away
    assert wait_for(lambda: under_way(there / "sent"), PATIENT)
    before = committed(there / "sent")
    nodes.leave(place, 1)
    assert grown(there / "sent"), sweeps(tmp_path, place, "logs", "sent").stdout
    moved = {(trial, attempt) for trial, attempt, _ in committed(there / "sent") - before}

    stopped = sweeps(tmp_path, place, "stop", "sent")
    assert stopped.returncode == 0 and "sweep sent: stopped; go on with: sweeps submit" in stopped.stdout
    assert not drivers(place)
    assert sweeps(tmp_path, place, "submit", "spec.yaml", *at, "--follow").returncode == FAILED, "the name is taken"
    (again,) = re.findall(r"^go on:   sweeps (submit .+)$", sent.stdout, re.MULTILINE)  # as it was said
    last = sweeps(tmp_path, place, *shlex.split(again), "--follow", timeout=1800)
    assert last.returncode == 0, last.stdout

    left = Left(there, "sent")
    assert_whole(left, ARMS, 2)
    assert left.ranking == Left(alone, "sent").ranking
    assert left.results() == Left(alone, "sent").results()
    assert left.checkpoints() == Left(alone, "sent").checkpoints()
    steps: dict[tuple[str, int], list[int]] = {}
    for trial, attempt, step in sorted(committed(there / "sent")):
        steps.setdefault((trial, attempt), []).append(step)
    resumed = {key: min(done) for key, done in steps.items() if key[1] > 1}
    assert any(first > 300 for first in resumed.values()), f"no fault bit: {steps}"
    handed = [key for key in moved if key[1] > 1 and steps.get((key[0], key[1] - 1))]
    assert all(min(steps[key]) == max(steps[key[0], key[1] - 1]) + 300 for key in handed), f"recomputed: {steps}"
    assert any(key in steps for key in handed), f"nothing was handed back: {steps}"
    assert "failed" not in last.stdout


def changed_copy(folder: Path) -> Path:
    """The project, with a comment more."""
    for name in ("cluster", "minmax", "sweeps"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    with open(folder / "minmax" / "train.py", "a", encoding="utf-8") as file:
        file.write("# another version\n")
    return folder


@pytest.mark.slow
def test_a_node_that_is_not_like_the_others_is_told_and_sent_away(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {"spec.yaml": SPEC, "mine.py": MINE, "shapes.py": "WIDTH = 8\n"}.items():
        (tmp_path / name).write_text(text)
    at = ["--set", f"storage={tmp_path / 'there'}"]
    assert sweeps(tmp_path, place, "submit", "spec.yaml", *at).returncode == 0
    assert wait_for(lambda: len(committed(tmp_path / "there" / "sent")) >= 2, PATIENT)

    copy, real = str(changed_copy(tmp_path / "copy")), nodes.environment
    monkeypatch.setattr(nodes, "environment", lambda *given: {**real(*given), "PYTHONPATH": copy})
    nodes.up(place, Size(3))  # late, and different: the sweep goes on without it
    assert wait_for(
        lambda: (
            "joined, is not like the other nodes (minmax-sweeps 0.1.0" in sweeps(tmp_path, place, "logs", "sent").stdout
        ),
        PATIENT,
    )
    assert sweeps(tmp_path, place, "stop", "sent").returncode == 0

    nodes.up(place, Size(4))  # and one that is there from the start stops it
    last = sweeps(tmp_path, place, "submit", "spec.yaml", *at, "--resume", "--follow")
    assert last.returncode == FAILED
    assert re.search(r"sweeps: nodes differ; the same versions .*\nnode +python .*storage\n\(driver\)", last.stdout)
    assert re.search(r" 0.1.0 [0-9a-f]{12} \(!\) +shared", last.stdout), last.stdout
    assert "restart" not in last.stdout
