"""The page of a sweep in every state: not begun, stopped, failed in an arm, broken; of several; and what it offers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from plausible import ARMS, sweep
from sweeping import begun, driven, wait_for
from test_report import Page
from test_report_numbers import Rows
from typer.testing import CliRunner

from sweeps.cli.base import app
from sweeps.records.changed import Change
from sweeps.records.folder import Folder
from sweeps.run import driver, refresh
from sweeps.run.driver import carry_on, open_sweep
from sweeps.run.seen import seen
from sweeps.search.trials import FAILED
from sweeps.show.pagegather import Gatherer
from sweeps.show.report.page import render
from sweeps.show.report.sides import together
from sweeps.spec.sweep import load

FUNCTION = """
name: plane
game: {name: bilinear}
length: 40
seeds: 3
optimizers: [alternating_gda, {name: consensus, set: {gamma: 1.0}}]
transform: sgd
trials: 2
space: {lr: {log: [0.05, 0.5]}, lr_ratio: 1}
objective: {minimize: mean.distance}
report_every: 10
confirm: {seeds: 6}
"""


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return driven(tmp_path_factory.mktemp("function"), FUNCTION)[2]


def report(storage: Path, *names: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["report", *names, "--storage", str(storage)])
    return result.exit_code, result.output


def test_a_sweep_that_nobody_began_says_so(tmp_path: Path) -> None:
    folder = begun(tmp_path, FUNCTION)
    assert report(tmp_path, "plane")[0] == 0
    page = Page((folder.path / "report.html").read_text())
    assert "empty" in page.text and any("sweeps resume plane" in text for text in page.text)
    assert not folder.has_studies  # looking at it began nothing


def test_a_sweep_of_which_nothing_finished_says_why_there_is_no_ranking(tmp_path: Path) -> None:
    folder = begun(tmp_path, FUNCTION)
    _, service = open_sweep(folder)
    service.next()
    assert report(tmp_path, "plane")[0] == 0
    page = Rows((folder.path / "report.html").read_text())
    assert "stopped" in page.text and any("goes on" in text for text in page.text)
    assert page.tables["ranking"][1][-1] == "not confirmed yet"
    assert len(page.tables["trial-table"]) == 2


def test_an_arm_that_failed_is_in_the_table_with_its_reason(tmp_path: Path) -> None:
    folder = begun(tmp_path, FUNCTION)
    _, service = open_sweep(folder)
    while (work := service.next()) and hasattr(work, "trial") and work.trial.arm == "alternating_gda":
        service.studies.finish(work.trial, FAILED, "OutOfMemoryError: no room for <3> members")
    view = seen(folder, running=False)
    page = Rows(render(view))
    assert any("OutOfMemoryError: no room for <3> members" in row[1] for row in page.tables["trial-table"])
    assert view.ranking is not None and len(view.ranking.unranked) == 2
    budget = page.of("budget")["alternating_gda"]
    assert budget[5] == str(sum(t.state == FAILED for t in view.trials))


def test_a_sweep_whose_drive_broke_off_says_what_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = begun(tmp_path, FUNCTION)

    def fail(*_: object) -> None:
        raise RuntimeError("the data are gone\nand more")

    monkeypatch.setattr(driver, "_drive", fail)
    with pytest.raises(RuntimeError, match="the data are gone"):
        carry_on(folder, serial=True)
    for page in (Page((folder.path / "report.html").read_text()), Page(render(seen(folder, running=False)))):
        assert page.text.count("RuntimeError: the data are gone") or "RuntimeError: the data are gone" in str(page.text)
        assert "and more" not in str(page.text)


def test_studies_that_cannot_be_read_make_a_page_that_says_so(function: Folder, tmp_path: Path) -> None:
    shutil.copytree(function.path, tmp_path / "plane")
    database = tmp_path / "plane" / "studies.db"
    for side in ("-wal", "-shm"):
        database.with_name(database.name + side).unlink(missing_ok=True)
    database.write_bytes(b"no database " * 1000)
    code, told = report(tmp_path, "plane")
    assert code == 1 and "Traceback" not in told and "broken" in told
    page = Rows((tmp_path / "plane" / "report.html").read_text())
    assert "broken" in page.text
    assert len(page.tables["trial-table"]) == 1 + 2 * (2 + 1)  # the records tell of all trials
    assert (tmp_path / "plane" / "ranking.json").read_bytes() == (function.path / "ranking.json").read_bytes()


def test_one_trial_has_a_page(tmp_path: Path) -> None:
    text = FUNCTION.replace("trials: 2", "trials: 1").replace("alternating_gda, ", "").replace("seeds: 6", "seeds: 1")
    page = Rows((driven(tmp_path, text)[2].path / "report.html").read_text())
    assert "there is no other arm to compare it with" in page.text[4]
    assert "parallel-0" not in page.figures and len(page.tables["trial-table"]) == 3


def test_orbits_end_where_the_records_say_and_lie_on_the_field(function: Folder) -> None:
    sweep_, service = open_sweep(function)
    view = Gatherer(sweep_, service, function.read()).view("finished")
    arm = view.arms[1]
    assert arm.orbits[0].trial == "consensus/confirm-0000"
    assert all(orbit.agrees for arm in view.arms for orbit in arm.orbits)
    assert view.arrows is not None and view.arrows.solution == (0, 0)
    longest = max(dx**2 + dy**2 for *_, dx, dy in view.arrows.arrows)
    assert longest == pytest.approx(1, rel=1e-3)
    for x, y, dx, dy in view.arrows.arrows:  # of f = xy the players move along (-y, x)
        assert dx * x + dy * y == pytest.approx(0, abs=1e-3) and (dy * x - dx * y) >= 0
    page = Page(render(view))
    assert page.films["kind"] == "orbits"
    assert any("Trained again from the recorded configuration" in text for text in page.text)


def test_eigenvalues_are_those_of_the_game(function: Folder) -> None:
    """J of xy is [[0, 1], [-1, 0]]: ±i for every seed at every report."""
    page = Page((function.path / "report.html").read_text())
    drawn = page.figures["eigenvalues-0"]["data"][0]
    assert drawn["x"] == pytest.approx([0] * len(drawn["x"]), abs=1e-6)
    assert {round(y, 5) for y in drawn["y"]} == {1, -1}


def test_a_trial_s_own_spec_trains_that_trial(function: Folder, tmp_path: Path) -> None:
    page = Page((function.path / "report.html").read_text())
    said = [text for text in page.raw if "extends: spec.yaml" in text]
    assert len(said) == 2 * 3
    for text in said:
        place = function.path / "again.yaml"
        place.write_text(text)
        again = load(place)
        place.unlink()
        data = yaml.safe_load(text)
        arm, kind, number = again.optimizers[0].name, *data["name"].split("-")[-2:]
        config = json.loads((function.path / "trials" / arm / f"{kind}-{int(number):04d}" / "config.json").read_text())
        assert {name: again.optimizers[0].settings[name] for name in config["hypers"]} == config["hypers"]
        assert again.share == 1 and again.seeds == 3


def test_commands_name_the_trial_and_the_storage(function: Folder) -> None:
    page = Page((function.path / "report.html").read_text())
    first = f"sweeps rerun plane alternating_gda 0 --storage {function.storage}"
    assert first in page.raw
    result = CliRunner().invoke(app, first.split()[1:])
    assert result.exit_code == 0 and "reproduced bit for bit" in result.output


def test_links_go_to_the_runs_that_mlflow_has_without_a_password(function: Folder) -> None:
    key = "consensus/search-0000"
    sweep_, service = open_sweep(function)
    secret = sweep_.model_copy(update={"tracking": "https://me:hunter2@mlflow.example/base/"})
    function.note_runs("7", {key: "abc"})
    try:
        from sweeps.track.following import run_pages, where_to_look

        assert where_to_look(function, sweep_).startswith(f"sweeps ui --storage {function.storage}")
        assert where_to_look(function, secret) == "https://mlflow.example/base/#/experiments/7"
        assert run_pages(function, sweep_) == {key: "http://127.0.0.1:5000/#/experiments/7/runs/abc"}
        assert run_pages(function, secret) == {key: "https://mlflow.example/base/#/experiments/7/runs/abc"}
        page = Page(
            render(Gatherer(sweep_, service, function.read()).view("finished", "", run_pages(function, sweep_)))
        )
        assert "http://127.0.0.1:5000/#/experiments/7/runs/abc" in page.attributes("a", "href")
    finally:
        (function.path / "mlflow.json").unlink()


def test_changes_that_were_accepted_are_shown() -> None:
    change = ("2026-01-02T03:04:05+0000", Change("spec.trials", 6, 12))
    page = Rows(render(sweep()._replace(changes=(change,))))
    assert page.tables["changes"][1] == ["2026-01-02T03:04:05+0000", "spec.trials: 6 -> 12"]
    assert any("change was" in text for text in page.text)


def test_several_sweeps_are_side_by_side(function: Folder, tmp_path: Path) -> None:
    other = driven(tmp_path, FUNCTION.replace("name: plane", "name: longer").replace("length: 40", "length: 80"))[2]
    shutil.copytree(function.path, tmp_path / "plane")
    code, told = report(tmp_path, "plane", "longer")
    assert code == 0 and told.strip().endswith("report-plane-longer.html")
    page = Rows((tmp_path / "report-plane-longer.html").read_text())
    assert len(page.tables["ranking-1"]) == len(page.tables["ranking-2"]) == 3
    assert ["length", "40", "80"] in page.tables["differences"]
    names = {trace["name"] for trace in page.figures["success-units"]["data"] if "name" in trace}
    assert names == {f"{name}: {arm}" for name in ("plane", "longer") for arm in ("alternating_gda", "consensus")}
    assert {row[0] for row in page.tables["trial-table"][1:]} >= {"plane: consensus/search-0000"}
    assert "none" in report(tmp_path, "plane", "nothing")[1] or report(tmp_path, "plane", "nothing")[0] == 1
    assert other.exists


def test_two_sweeps_of_the_same_arms_keep_them_apart() -> None:
    one, other = sweep(), sweep()._replace(name="again")
    page = Page(render(together([one, other])))
    lines = [trace for trace in page.figures["success-units"]["data"] if "name" in trace]
    assert len(lines) == 2 * len(ARMS)
    looks = [(line["line"]["color"], line["line"]["dash"]) for line in lines]
    assert len(set(looks)) == len(looks)


def test_a_running_sweep_s_page_is_written_by_another_process(tmp_path: Path) -> None:
    folder = begun(tmp_path, FUNCTION)
    refresher = refresh.Refresher(folder, first=0.0, every=60.0)
    refresher.start()
    try:
        assert wait_for(lambda: (folder.path / "report.html").exists(), 120)
    finally:
        refresher.stop()
    assert "Nothing has been tried yet." in (folder.path / "report.html").read_text()


def test_mlflow_shows_the_running_page_once_for_each_time_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sweeps.track import summarize

    monkeypatch.setattr(summarize, "LOOK", 0.0)
    folder = begun(tmp_path, FUNCTION)
    fresh = summarize.RunningPage(folder.store, 1)
    assert fresh() is None
    folder.store.replace("report.html", b"one")
    shown = fresh()
    assert shown is not None and shown.files["report.html"] == b"one" and not shown.ended
    assert fresh() is None
    folder.store.replace("report.html", b"two")
    assert fresh() is not None
