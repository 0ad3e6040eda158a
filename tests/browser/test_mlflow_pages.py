"""MLflow's own pages over a sweep: they say what was swept and what came of it to somebody who knows nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from looking import WAIT, Look, Open
from recorded import describe, tracker, trial, write
from serving import served
from sweeping import Left, wait_for

from sweeps.records.store import Store
from sweeps.track.connection import experiments, local_tracking
from sweeps.track.describe import run_name
from sweeps.track.reconcile import Summary, Table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::sqlalchemy"),
]
THEIRS = ("ResizeObserver loop", "/users/current", "AG Grid")  # what MLflow's own pages complain of, whoever's runs
PATIENCE = 3000 * WAIT
HOSTILE = "<img src=x onerror='hit = 1'>=cmd|' /C calc'!A1 \u202e🙂 אב" + "w" * 60


@pytest.fixture
def first(mlflow: str, finished: Left, look: Open) -> Look:
    """The page whose address `sweeps ui` prints."""
    return opened(look, mlflow, finished.storage, "seen")


def opened(look: Open, server: str, storage: Path, name: str) -> Look:
    page = experiments(local_tracking(str(storage))[0])[name]
    seen = look(f"{server}/{page}", 1700, "light", THEIRS)
    seen.page.wait_for_selector(".ag-center-cols-container [role=row]", timeout=PATIENCE)
    return seen


def heads(seen: Look) -> list[str]:
    """Of the columns, from left to right: in the document they stand as they were made."""
    found: list[tuple[float, str]] = seen.page.eval_on_selector_all(
        ".ag-header-cell", "(cells) => cells.map((e) => [e.getBoundingClientRect().left, e.getAttribute('col-id')])"
    )
    return [name for _, name in sorted(found)]


def names(seen: Look) -> list[str]:
    """Of the runs that are listed."""
    rows = ".ag-pinned-left-cols-container [role=row]"
    texts = seen.page.eval_on_selector_all(rows, "(rows) => rows.map((e) => e.innerText)")
    return [line for text in texts for line in text.splitlines() if " · " in line]


def test_it_opens_on_what_ranks_with_the_columns_that_matter(first: Look, finished: Left) -> None:
    wanted = ["tags.`arm`", "metrics.`rate.success`", "metrics.`mean.modes`", "tags.`diagnosis`", "params.`lr`"]
    assert wait_for(lambda: [head for head in heads(first) if head in wanted] == wanted, WAIT), heads(first)
    arms = {trial.split("/")[0] for trial in finished.trials()}
    assert wait_for(lambda: len(names(first)) == len(arms), WAIT), names(first)
    shown = names(first)
    assert {name.split(" · ")[0] for name in shown} == arms
    assert all(" · lr " in name and name.endswith("confirm") for name in shown)


def test_the_note_says_what_was_swept_and_how_to_read_it(first: Look) -> None:
    text = first.page.inner_text("body")
    assert "Sweep seen: alternating_gda, optimistic, consensus, accept_reject; 4 trials each × 2 seeds" in text


def test_the_other_view_has_every_trial(first: Look, finished: Left) -> None:
    first.page.get_by_test_id("saved-views-trigger").click()
    first.page.get_by_role("menuitem").filter(has_text="Every trial").click()
    count = f"{len(finished.trials())} matching runs"
    first.page.get_by_text(count).wait_for(timeout=PATIENCE)


def test_runs_of_all_arms_are_compared(first: Look, finished: Left) -> None:
    first.page.locator(".ag-header [role=checkbox], .ag-header input[type=checkbox]").first.click()
    first.page.get_by_role("button", name="Compare").click()
    first.page.get_by_text("Comparing 4 Runs from 1 Experiment").wait_for(timeout=PATIENCE)
    first.page.get_by_text("Parallel Coordinates Plot").wait_for(timeout=PATIENCE)
    text = first.page.inner_text("body")
    assert all(arm in text for arm in ("alternating_gda · lr", "optimistic · lr", "consensus · γ", "accept_reject · τ"))


def test_charts_have_a_colour_an_arm_and_pictures(mlflow: str, finished: Left, look: Open) -> None:
    page = experiments(local_tracking(str(finished.storage))[0])["seen"]
    seen = look(f"{mlflow}/{page}&compareRunsMode=CHART", 1700, "light", THEIRS)
    seen.page.locator(".js-plotly-plot").first.wait_for(timeout=PATIENCE)
    colours = set(
        seen.page.eval_on_selector_all(
            ".js-plotly-plot path.js-line", "(lines) => lines.map((e) => getComputedStyle(e).stroke)"
        )
    )
    assert {"rgb(0, 114, 178)", "rgb(213, 94, 0)", "rgb(0, 138, 102)", "rgb(176, 80, 138)"} >= colours and colours


def test_a_run_has_a_picture_at_every_report(mlflow: str, finished: Left, look: Open) -> None:
    client, run = run_of(finished, "optimistic/confirm-0000")
    steps = {int(path.stem) for path in (finished.folder / "trials/optimistic/confirm-0000").glob("*/history/*.json")}
    pictures = [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    drawn = {int(path.split("+")[2]) for path in pictures if path.endswith(".png")}
    assert drawn == steps
    where = f"{mlflow}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts"
    seen = look(f"{where}/{max(path for path in pictures if path.endswith('.png'))}", 1700, "light", THEIRS)
    seen.page.locator("img[src^=blob], img[src*=artifact]").first.wait_for(timeout=PATIENCE)


def test_the_summary_has_the_answer_the_report_and_the_ranking(mlflow: str, finished: Left, look: Open) -> None:
    _, run = run_of(finished, "summary")
    first = f"{mlflow}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    where = f"{first}/artifacts"
    overview = look(first, 1700, "light", THEIRS)
    overview.page.get_by_text("confirmation seeds (").wait_for(timeout=PATIENCE)
    seen = look(f"{where}/report.html", 1700, "light", (*THEIRS, "about:srcdoc"))
    report = seen.page.frame_locator("iframe")
    report.locator("h1").wait_for(timeout=PATIENCE)
    assert "confirmation seeds" in report.locator("h1").inner_text()
    table = look(f"{where}/ranking.json", 1700, "light", THEIRS)
    table.page.get_by_text("success rate").first.wait_for(timeout=PATIENCE)


def run_of(finished: Left, key: str) -> tuple[Any, Any]:
    from mlflow import MlflowClient

    client = MlflowClient(local_tracking(str(finished.storage))[0])
    number = client.get_experiment_by_name("seen").experiment_id
    (run,) = client.search_runs([number], f"tags.key = '{key}'")
    return client, run


def test_hostile_names_are_inert(tmp_path: Path, look: Open) -> None:
    """As arm, error, constant and in the ranking's table: on the list of runs, a run's page and the summary's."""
    hostile = trial(0, "failed", arm=HOSTILE.replace("/", "⁄"))._replace(error=HOSTILE)
    write(Store(str(tmp_path / "digits")), hostile, range(100, 200, 100))
    following = tracker(tmp_path, [hostile])
    following._describe = lambda told: describe(told)._replace(params={"name": HOSTILE, HOSTILE: 1}, colour="#0072b2")
    files = {"report.html": b"<p>nothing"}
    following.summary(Summary(files, {"name": HOSTILE}, {}, Table([HOSTILE], [[HOSTILE]]), 1_732_233_600_000))
    following.reconcile()
    with served(tmp_path) as server:
        seen = opened(look, server, tmp_path, "digits")
        assert run_name(hostile)[:20] in seen.page.inner_text("body")
        pages = [f"{server}/#/experiments/1/runs/{run}" for run in ids(tmp_path)]
        for where in [*pages, *(f"{page}/artifacts/ranking.json" for page in pages[:1])]:
            other = look(where, 1400, "light", THEIRS)
            other.page.get_by_text("Overview").first.wait_for(timeout=PATIENCE)
            other.page.wait_for_timeout(2000)
            assert other.page.evaluate("typeof hit") == "undefined"
        assert seen.page.evaluate("typeof hit") == "undefined"


def ids(storage: Path) -> list[str]:
    from mlflow import MlflowClient

    runs = MlflowClient(local_tracking(str(storage))[0]).search_runs(["1"])
    return [run.info.run_id for run in sorted(runs, key=lambda run: run.data.tags["kind"] != "summary")]
