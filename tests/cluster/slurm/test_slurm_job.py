"""The rendered script under a real Slurm: the quick-start, cancelled, requeued and out of time, ends as undisturbed."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import environment
from jobs import attempts, holding, left, members, midway, resumed, session
from onehost import Slurm, needs_slurm, onehost
from sweeping import wait_for

from cluster.config import load
from cluster.render import render, write

pytestmark = [pytest.mark.slow, needs_slurm]
ROOT = Path(__file__).parents[3]
QUICK_START = ROOT / "sweeps" / "specs" / "digits.yaml"
LENGTH, REPORT_EVERY = 800, 100
WARN = 120  # seconds: Slurm looks at limits every half a minute
FOR_EVER = 3000  # seconds


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with onehost(nodes=3, cpus=1) as running:
        yield running


def spec(place: Path) -> None:
    """The quick-start's own spec, with fewer trials and no pruning, which depends on who is first."""
    text = QUICK_START.read_text()
    for old, new in {"trials: 6 ": "trials: 1 ", "pruner: asha": "pruner: none", "seeds: 32}": "seeds: 8}"}.items():
        assert old in text
        text = text.replace(old, new)
    (place / "digits.yaml").write_text(text)


def script(place: Path, time: str = "10h") -> Path:
    """As ``python -m cluster render slurm`` writes it."""
    spec(place)
    environment = Path(sys.executable).parents[1]
    (place / "cluster.yaml").write_text(f"""
name: quick
workers: 2
cpus: 1
memory: 3GB
job: {{spec: digits.yaml}}
storage: {place}/runs
slurm: {{environment: {environment}, time: {time}, warn: {WARN}s}}
""")
    (file,) = render("slurm", load(place / "cluster.yaml"))
    return write(file, place)


class Job:
    """A job of the rendered script."""

    def __init__(self, slurm: Slurm, script: Path, place: Path) -> None:
        self.slurm, self.place, self.sweep = slurm, place, place / "runs" / "digits"
        self.id = slurm.submit(script, "--export=ALL", place=place)

    def until_midway(self, since: float) -> None:
        """Waits until it is some reports into a trial that it began, or took up, after ``since``."""
        assert wait_for(lambda: midway(self.sweep, LENGTH, since) or self.is_over, FOR_EVER), self.said
        assert not self.is_over, f"over before it could be disturbed\n{self.said}"

    def until_resumed(self, since: float, before: int) -> int:
        """Waits until it is midway, and took up a trial where it was left: how often that happened so far."""
        self.until_midway(since)
        assert wait_for(lambda: resumed(self.sweep, REPORT_EVERY).resumed > before or self.is_over, FOR_EVER), self.said
        self.until_midway(since)
        return resumed(self.sweep, REPORT_EVERY).resumed

    def until(self, *states: str) -> None:
        assert wait_for(lambda: self.slurm.state(self.id) in states or self.is_over, FOR_EVER), self.said
        assert self.slurm.state(self.id) in states, self.said

    def until_gone(self) -> None:
        """Waits until Slurm has its nodes back: what is there now is left behind."""
        running = ("squeue", "--noheader", "--states=CG,R", "--format=%i")
        assert wait_for(lambda: self.id not in self.slurm.call(*running).split(), 120), self.said

    @property
    def is_over(self) -> bool:
        return self.slurm.state(self.id) in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")

    @property
    def said(self) -> str:
        """All that the jobs of this place said."""
        return "\n".join(log.read_text(errors="replace") for log in sorted(self.place.glob("quick-*.log")))


def undisturbed(place: Path) -> dict[str, object]:
    """The ranking of the same sweep, run in one process."""
    spec(place)
    subprocess.run(
        [sys.executable, "-m", "sweeps", "run", "digits.yaml", "--serial", "--quiet"],
        cwd=place,
        env=environment(),
        check=True,
        capture_output=True,
        timeout=FOR_EVER,
    )
    return dict(json.loads((place / "runs" / "digits" / "ranking.json").read_bytes()))


def test_what_ends_a_job_costs_no_report_and_leaves_nothing(slurm: Slurm, tmp_path: Path) -> None:
    place = tmp_path / "job"
    place.mkdir()
    rendered = script(place)

    cancelled = Job(slurm, rendered, place)
    cancelled.until_midway(since=0)
    _is_locked(cancelled)
    slurm.call("scancel", cancelled.id)
    cancelled.until("CANCELLED")
    cancelled.until_gone()
    assert left(cancelled.id) == []
    assert (found := resumed(cancelled.sweep, REPORT_EVERY)).resumed == 0, found

    began = time.time()
    job = Job(slurm, rendered, place)
    by_sbatch = job.until_resumed(began, before=0)
    slurm.call("scontrol", "requeue", job.id)
    began = time.time()
    job.until_gone()
    assert left(job.id) == []

    job.until("RUNNING")
    by_requeue = job.until_resumed(began, before=by_sbatch)
    _nearly_out_of_time(job)
    assert wait_for(lambda: slurm.about(job.id)["Restarts"] == "2" or job.is_over, 600), job.said
    slurm.call("scontrol", "update", f"JobId={job.id}", "TimeLimit=600")
    job.until_gone()
    assert left(job.id) == []

    job.until("COMPLETED")
    job.until_gone()
    assert left(job.id) == []
    in_all = resumed(job.sweep, REPORT_EVERY)
    assert 0 < by_sbatch < by_requeue < in_all.resumed, (by_sbatch, by_requeue, in_all, job.said)
    assert (in_all.anew, in_all.twice, in_all.gap) == (0, 0, REPORT_EVERY), attempts(job.sweep)
    assert "the time limit is near" in job.said and "requeued: it goes on" in job.said

    alone = tmp_path / "alone"
    alone.mkdir()
    assert json.loads((job.sweep / "ranking.json").read_bytes()) == undisturbed(alone)
    print(by_sbatch, by_requeue, in_all)


def _is_locked(job: Job) -> None:
    """Each node's folder is its owner's, and the token is in nobody's command line or environment, nor in the log."""
    rooms = sorted(Path("/tmp").glob(f"ray-job-{job.id}.*"))
    assert [re.sub(r".*\.(\w+)\.\w+$", r"\1", str(room)) for room in rooms] == ["0", "1", "driver"]
    assert {stat.S_IMODE(room.stat().st_mode) for room in rooms} == {0o700}
    tokens = {(room / "token").read_text() for room in rooms}
    assert {stat.S_IMODE((room / "token").stat().st_mode) for room in rooms} == {0o600}
    (token,) = tokens
    assert re.fullmatch("[0-9a-f]{64}", token) and token not in job.said
    assert holding(token) == []
    assert holding("RAY_AUTH_MODE=token")  # so that the search above would have found it


def _nearly_out_of_time(job: Job) -> None:
    """Lowers the time limit so that what is left is less than the warning, and more than a minute."""
    days = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", job.slurm.about(job.id)["RunTime"])
    assert days is not None
    passed = int(days[2]) * 60 + int(days[3])
    job.slurm.call("scontrol", "update", f"JobId={job.id}", f"TimeLimit={passed + 2}")


def test_a_stop_by_hand_is_no_reason_to_requeue(slurm: Slurm, tmp_path: Path) -> None:
    job = Job(slurm, script(tmp_path), tmp_path)
    job.until_midway(since=0)
    subprocess.run(
        [sys.executable, "-m", "sweeps", "stop", "digits"],
        cwd=tmp_path,
        env=environment(),
        check=True,
        capture_output=True,
        timeout=300,
    )
    job.until("FAILED")
    assert slurm.about(job.id)["ExitCode"] == "130:0" and slurm.about(job.id)["Restarts"] == "0"
    job.until_gone()
    assert left(job.id) == []


def test_a_job_that_must_make_room_goes_on_afterwards(slurm: Slurm, tmp_path: Path) -> None:
    """Slurm's preemption: its grace time begins with a signal to the nodes, and the sweep does not wait for its end."""
    job = Job(slurm, script(tmp_path), tmp_path)
    job.until_midway(since=0)
    began = time.time()
    look = f"sleep 1; ls -d /tmp/ray-job-{job.id}.* 2> /dev/null; pgrep -af '/tmp/ray-job-{job.id}[.]'; true"
    asked = ("--partition=urgent", "--nodes=3", f"--output={tmp_path}/seen", f"--wrap={look}")
    urgent = slurm.call("sbatch", "--parsable", *asked, place=tmp_path)
    assert wait_for(lambda: slurm.state(urgent) == "COMPLETED" or job.is_over, 300), job.said
    assert (tmp_path / "seen").read_text() == "", "what made room is still there, while another has its nodes"
    assert "Slurm wants the nodes" in job.said and "requeued: it goes on" in job.said
    job.until("RUNNING")
    job.until_resumed(began, before=0)
    slurm.call("scancel", job.id)
    job.until_gone()
    assert left(job.id) == []
    found = resumed(job.sweep, REPORT_EVERY)
    assert (found.anew, found.twice, found.gap) == (0, 0, REPORT_EVERY), found


def test_a_lost_worker_node_costs_no_trial(slurm: Slurm, tmp_path: Path) -> None:
    """All of its Ray is killed at once, in the middle of a trial, which goes on elsewhere from its last report."""
    job = Job(slurm, script(tmp_path), tmp_path)
    assert wait_for(lambda: _trains_on(job, 1) or job.is_over, FOR_EVER), job.said
    for victim in members(session(job.id, 1) or -1):
        victim.kill()
    job.until("COMPLETED")
    job.until_gone()
    assert left(job.id) == []
    found = resumed(job.sweep, REPORT_EVERY)
    assert found.resumed > 0 and (found.anew, found.twice, found.gap) == (0, 0, REPORT_EVERY), found


def _trains_on(job: Job, node: int) -> bool:
    """Whether that node is some reports into a trial."""
    there = {each.pid for each in members(session(job.id, node) or -1)}
    return any(each.worker in there for each in attempts(job.sweep) if each.steps and each.steps[-1] < LENGTH)
