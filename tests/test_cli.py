"""The command line as a user meets it: processes of ``python -m sweeps``, their exit codes and their words."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from sweeping import driven, files

from sweeps.cli.codes import CODES
from sweeps.records.folder import Folder
from sweeps.run.owner import Ownership
from sweeps.search.database import engine_of

ROOT = Path(__file__).parents[1]
SPEC = """
name: saddle
game: bilinear
length: 20
seeds: 2
optimizers: [extragradient, optimistic]
trials: 2
objective: {minimize: mean.distance}
report_every: 10
search: {pruner: none}
confirm: {seeds: 3}
"""
HELP = """
import sys
from sweeps import cli
sys.argv = ["sweeps", *sys.argv[1:]]
try:
    cli.main()
finally:
    heavy = {"torch", "ray", "optuna", "mlflow", "plotly", "scipy", "sklearn", "numpy"}
    print(*heavy & set(sys.modules), file=sys.stderr)
"""


class Said(NamedTuple):
    """What a process left: its exit code, its words, the seconds of CPU that it took."""

    code: int
    out: str
    err: str
    seconds: float


def sweeps(place: Path, *arguments: str, script: tuple[str, ...] = ("-m", "sweeps")) -> Said:
    """One command, in the working directory ``place``."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    out, err = place.parent / "out", place.parent / "err"
    with out.open("wb") as to_out, err.open("wb") as to_err:
        command = [sys.executable, *script, *arguments]
        process = subprocess.Popen(command, cwd=place, env=environment, stdout=to_out, stderr=to_err)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Said(process.returncode, out.read_text(), err.read_text(), usage.ru_utime + usage.ru_stime)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory with a spec."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "saddle.yaml").write_text(SPEC)
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a finished sweep in ./runs."""
    folder = tmp_path_factory.mktemp("done") / "here"
    folder.mkdir()
    (folder / "saddle.yaml").write_text(SPEC)
    _, service, _ = driven(folder / "runs", SPEC)
    service.studies._storage.engine.dispose()  # type: ignore[attr-defined]  # see `files`: it reads the database too
    return folder


def one_line(said: Said) -> str:
    """All that a refused command says."""
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    return said.err.strip()


# Before anything runs


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_answers_at_once(place: Path, arguments: list[str]) -> None:
    said = sweeps(place, *arguments, script=("-c", HELP))
    assert (said.code, said.err) == (0, "\n"), "the heavy ones that were imported, or an error"
    assert "Usage: sweeps" in said.out
    assert said.seconds < 1


def test_a_bad_spec_is_refused_with_everything_that_is_wrong(place: Path) -> None:
    bad = SPEC.replace("seeds: 2", "seeds: -1").replace("trials: 2", "trails: 2").replace("optimistic", "optimist")
    (place / "bad.yaml").write_text(bad.replace("name: saddle", "name: a/b"))
    said = sweeps(place, "run", "bad.yaml")
    assert (said.code, said.out) == (2, "")
    starts = [re.match(r"bad\.yaml:(\d+): ([\w.\[\]]+): .+; .+", line) for line in said.err.splitlines()]
    assert None not in starts, said.err
    told = [(int(start[1]), start[2]) for start in starts if start]
    assert {(2, "name"), (5, "seeds"), (6, "optimizers[1]"), (7, "trails")} <= set(told), said.err
    assert "did you mean 'trials'?" in said.err and "did you mean 'optimistic'?" in said.err
    assert said.seconds < 2
    assert sorted(path.name for path in place.iterdir()) == ["bad.yaml", "saddle.yaml"]


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("name=a/b", r"name: is 'a/b'; 1 to 64 letters, digits, - and _ are allowed, - not as the first"),
        (
            "storage=saddle.yaml/runs",
            r"storage: '.*/saddle.yaml' is no folder; a folder that can be written is allowed",
        ),
    ],
)
def test_a_name_that_is_no_folder_and_a_storage_that_is_none(
    place: Path, command: str, override: str, says: str
) -> None:
    said = sweeps(place, command, "saddle.yaml", "--set", override)
    assert said.code == 2
    assert re.fullmatch(rf"override .*: {says}", one_line(said)), said.err
    assert [path.name for path in place.iterdir()] == ["saddle.yaml"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which even root can make nothing")
def test_a_storage_that_turns_out_unwritable(place: Path) -> None:
    said = sweeps(place, "run", "saddle.yaml", "--set", "storage=/proc/nowhere")
    assert said.code == (1 if os.access("/proc", os.W_OK) else 2)  # root is told by the attempt, others by the check
    assert "/proc" in one_line(said)


def test_check_says_what_a_sweep_will_take_and_makes_nothing(place: Path) -> None:
    said = sweeps(place, "check", "saddle.yaml", "--set", "length=2000", "--set", "report_every=200")
    assert (said.code, said.err) == (0, "")
    assert "sweep saddle: 2 arms × (2 trials × 2 seeds + 3 confirmation seeds), 2000 field units a member" in said.out
    estimate = re.search(
        r"at most 6 trials; .* about ([\d.]+) minutes .* (\d+) MB on disk and \d+ MB of memory", said.out
    )
    assert estimate is not None, said.out
    assert 0 < float(estimate[1]) < float("inf"), "how many it is depends on the machine"
    assert int(estimate[2]) < 100
    assert [path.name for path in place.iterdir()] == ["saddle.yaml"]


def test_check_shows_the_arms_as_it_understands_them(place: Path) -> None:
    arms = "optimizers={damped: {name: consensus, transform: sgd, set: {gamma: 3}}}"
    said = sweeps(place, "check", "saddle.yaml", "--no-estimate", "--set", arms, "--set", "space={lr_ratio: 2}")
    assert (said.code, said.err) == (0, "")
    row = re.search(r"^damped  consensus over sgd +(.*?)  +(.*?) *$", said.out, flags=re.MULTILINE)
    assert row is not None, said.out
    assert row.groups() == ("lr_ratio 2, gamma 3", "lr 1e-4 to 0.01 (log)")


# Of sweeps that are not there, or are


@pytest.mark.parametrize("command", ["resume", "best"])
def test_an_unknown_sweep_is_named_with_those_there_are(done: Path, command: str) -> None:
    said = sweeps(done, command, "sadle")
    assert (said.code, one_line(said)) == (
        1,
        "sweeps: no sweep 'sadle' in ./runs; did you mean saddle? there is: saddle",
    )
    assert sorted(path.name for path in (done / "runs").iterdir()) == ["saddle", "spec.yaml"]


def test_where_there_are_no_sweeps(place: Path) -> None:
    assert sweeps(place, "status")[:3] == (0, "no sweeps in ./runs\n", "")
    said = sweeps(place, "status", "a/b")
    assert (said.code, one_line(said)) == (1, "sweeps: no sweep 'a/b' in ./runs; there is: none")
    assert [path.name for path in place.iterdir()] == ["saddle.yaml"]


def test_a_name_that_is_taken(done: Path) -> None:
    before = files(done)
    said = sweeps(done, "run", "saddle.yaml")
    assert (said.code, one_line(said)) == (
        73,
        "sweeps: sweep saddle exists in ./runs: `sweeps resume saddle`, or another name",
    )
    assert files(done) == before


def test_a_sweep_that_another_process_runs(done: Path) -> None:
    engine = engine_of(Folder(str(done / "runs"), "saddle").database)
    with Ownership(engine, "saddle"):
        said = sweeps(done, "resume", "saddle", "--serial")
    engine.dispose()
    assert said.code == 73
    assert f"sweep saddle: run by process {os.getpid()} on " in one_line(said)


def test_a_changed_spec_is_refused_with_every_difference(done: Path) -> None:
    before = (done / "runs" / "saddle" / "sweep.json").read_bytes()
    said = sweeps(
        done, "run", "saddle.yaml", "--or-resume", "--accept-changes", "--set", "trials=5", "--set", "length=30"
    )
    assert (said.code, said.out) == (78, "")
    assert said.err.splitlines() == [
        "sweeps: sweep saddle was begun otherwise:",
        "  spec.length: 20 -> 30 (bound)",
        "  spec.trials: 2 -> 5",
        "what is bound decides what a trial is: the spec as it is now needs another name",
    ]
    assert (done / "runs" / "saddle" / "sweep.json").read_bytes() == before


def test_changed_versions_and_code_are_refused_until_they_are_accepted_and_noted(place: Path) -> None:
    shutil.copy(ROOT / "tests" / "usergames.py", place)
    assert sweeps(place, "run", "saddle.yaml", "--serial", "--set", "game=usergames:cliff").code == 0
    about = json.loads((place / "runs" / "saddle" / "sweep.json").read_text())
    about["versions"]["torch"] = "1.0.0"
    (place / "runs" / "saddle" / "sweep.json").write_text(json.dumps(about))
    assert sweeps(place, "resume", "saddle", "--serial").code == 0, "it is done: nothing will run"
    with (place / "usergames.py").open("a") as module:
        module.write("# another line\n")
    longer = ["run", "saddle.yaml", "--serial", "--or-resume", "--set", "game=usergames:cliff", "--set", "trials=3"]
    said = sweeps(place, *longer)
    assert said.code == 78
    told = re.findall(r"^  (\S+): (\S+) -> (\S+)$", said.err, re.M)
    assert [key for key, _, _ in told] == ["spec.trials", "versions.torch", "code.usergames"], said.err
    assert told[0][1:] == ("2", "3") and told[1][1:] == ("1.0.0", torch.__version__)
    assert "--accept-changes" in said.err
    assert sweeps(place, *longer, "--accept-changes").code == 0
    shown = sweeps(place, "status", "saddle").out
    assert "finished" in shown and re.search(r"changed 20\S+: spec.trials: 2 -> 3", shown)
    noted = json.loads((place / "runs" / "saddle" / "changes" / "0001.json").read_text())
    assert [change["key"] for change in noted] == ["spec.trials", "versions.torch", "code.usergames"]
    assert (noted[0]["from"], noted[0]["to"]) == (2, 3)


# Of a finished one


def test_status_says_how_far_the_arms_are(done: Path) -> None:
    said = sweeps(done, "status")
    assert (said.code, said.err) == (0, "")
    assert "saddle: finished" in said.out
    assert re.search(r"extragradient .*2/2", said.out) and re.search(r"optimistic .*2/2", said.out), said.out


def test_best_shows_the_ranking_with_intervals(done: Path) -> None:
    said = sweeps(done, "best", "saddle")
    assert (said.code, said.err) == (0, "")
    assert "extragradient" in said.out and "optimistic" in said.out and "95% interval" in said.out
    assert re.search(r"lr \S+", said.out)


def test_report_writes_the_page_anew(done: Path) -> None:
    page = done / "runs" / "saddle" / "report.html"
    page.unlink()
    began = time.time()
    said = sweeps(done, "report", "saddle")
    assert (said.code, said.err) == (0, "")
    assert said.out.strip() == str(page)
    assert page.stat().st_mtime >= began - 1 and "extragradient" in page.read_text()


# Of parts that are sound and do not fit


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("game={data: {name: gaussians, layout: foo}}", "game: layout: 'foo' given; allowed: ring, grid, four"),
        ("game={data: gaussians}", "objective: distance: this game does not know its solution"),
        ("optimizers=[{name: consensus, estimator: half_batches}]", ""),
    ],
)
def test_parts_that_do_not_fit_are_told_before_anything_is_created(place: Path, change: str, told: str) -> None:
    said = sweeps(place, "run", "saddle.yaml", "--serial", "--plain", "--set", change)
    if not told:  # a game without chance has the same batch in both halves: that fits
        assert said.code == 0, said.err
        return
    assert (said.code, told in one_line(said)) == (2, True), said.err
    assert [path.name for path in place.iterdir()] == ["saddle.yaml"]


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("what", ["gpu", "cpu"])
def test_a_trial_that_asks_for_more_than_there_is_is_refused(place: Path, command: str, what: str) -> None:
    there = torch.cuda.device_count() if what == "gpu" else os.cpu_count()
    said = sweeps(place, command, "saddle.yaml", "--set", f"resources.{what}=1000")
    assert (said.code, said.err) == (
        1,
        f"sweeps: resources.{what}: 1000 asked for one trial; this machine has {there}\n",
    )
    assert [path.name for path in place.iterdir()] == ["saddle.yaml"]


def test_two_displays_at_once_are_refused_before_anything_is_created(place: Path) -> None:
    said = sweeps(place, "run", "saddle.yaml", "--json", "--quiet")
    assert said.code == 2 and "--quiet and --json were given; one of them is allowed" in said.err
    assert [path.name for path in place.iterdir()] == ["saddle.yaml"]


def test_json_lines_tell_every_trial_and_end_with_the_ranking(place: Path) -> None:
    said = sweeps(place, "run", "saddle.yaml", "--serial", "--json", "--set", "space.lr={choice: [0.1]}")
    assert (said.code, said.err) == (0, "")
    events = [json.loads(line) for line in said.out.splitlines()]
    times = [event["time"] for event in events]
    assert times == sorted(times) and time.time() - 120 < times[0] <= times[-1] <= time.time()
    assert events[-1]["kind"] == "done" and events[-1]["status"] == "finished"
    written = json.loads((place / "runs" / "saddle" / "ranking.json").read_text())
    assert events[-1]["ranking"] == written
    by_trial: dict[str, list[dict[str, Any]]] = {}
    for event in events[:-1]:
        by_trial.setdefault(event["trial"], []).append(event)
    searched = {f"{arm}/search-{n:04d}" for arm in ("extragradient", "optimistic") for n in range(2)}
    assert set(by_trial) == searched | {"extragradient/confirm-0000", "optimistic/confirm-0000"}
    for key, told in by_trial.items():
        last = "confirmed" if "confirm" in key else "finished"
        assert [event["kind"] for event in told] == ["started", "report", "report", last], key
        assert [event["step"] for event in told[1:3]] == [10, 20]
        assert told[3]["value"] == told[2]["value"] and told[0]["params"] == told[3]["params"]


def test_quiet_is_the_ranking_alone(place: Path) -> None:
    said = sweeps(place, "run", "saddle.yaml", "--serial", "--quiet")
    assert (said.code, said.err) == (0, "")
    assert said.out == sweeps(place, "best", "saddle").out


def test_a_pipe_that_closes_and_a_locale_of_ascii_stop_nothing(place: Path) -> None:
    command = f"{sys.executable} -m sweeps run saddle.yaml --serial --plain | head -1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "LC_ALL": "C", "PYTHONUTF8": "0"}
    environment["PYTHONCOERCECLOCALE"] = "0"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=place, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert (place / "runs" / "saddle" / "report.html").exists()


def test_a_ray_that_does_not_start_is_told_in_one_line_and_nothing_is_lost(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_gcs_server_port_wait_time_s", "0")  # as on a machine that is too busy for half a minute
    said = sweeps(place, "run", "saddle.yaml", "--quiet")
    assert said.code == 1
    assert re.fullmatch(r"sweeps: Ray did not start \(.+\); .+: `sweeps resume saddle` goes on", one_line(said)), (
        said.err
    )
    assert sweeps(place, "resume", "saddle", "--serial", "--quiet").code == 0


def test_under_ray_a_failing_trial_ends_as_failed_with_its_reason_and_the_others_go_on(place: Path) -> None:
    spec = SPEC.replace("game: bilinear", "game: {name: 'usergames:cliff', error: flaky}").replace("saddle", "cliff")
    spec += "space: {lr: {choice: [0.001, 3.0]}, lr_ratio: 1.0}\ntransform: sgd\n"
    (place / "cliff.yaml").write_text(spec.replace("trials: 2", "trials: 4").replace("length: 20", "length: 60"))
    shutil.copy(ROOT / "tests" / "usergames.py", place)
    said = sweeps(place, "run", "cliff.yaml", "--plain")
    assert said.code == 0, said.err
    assert "attempt 1 failed, trying again: RuntimeError: fell off the cliff at 5.0" in said.out
    assert "attempt 3 failed: RuntimeError: fell off the cliff at 5.0" in said.out
    assert re.search(r"^ 1 +(extragradient|optimistic)", said.out, re.M), said.out
    assert list((place / "runs" / "cliff").glob("trials/*/search-*/attempt-3/error.txt"))


def test_every_error_with_an_exit_code_is_an_error_that_there_is() -> None:
    for name in CODES:
        module, _, kind = name.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), kind), Exception), name
