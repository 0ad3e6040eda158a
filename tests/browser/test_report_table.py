"""The report's table of trials in a browser: sorted, filtered, and its links followed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from looking import Look, Open
from plausible import ARMS, sweep
from sweeping import Left

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")]


def numbers(seen: Look, column: int) -> list[str]:
    """A column of the trials' table as it stands, of the rows that show."""
    cells = "(rows) => rows.filter((r) => !r.hidden).map((r) => r.cells[%d].dataset.value ?? r.cells[%d].innerText)"
    found: list[str] = seen.page.locator("#trials tbody tr").evaluate_all(cells % (column, column))
    return found


def test_the_table_is_sorted_by_what_its_heads_say(report: str, look: Open) -> None:
    seen = look(report)
    heads = seen.page.locator("#trials thead th")
    pressed = 0
    for column in range(heads.count()):
        button = heads.nth(column).locator("button")
        if not button.count():
            continue
        for direction in ("ascending", "descending"):
            button.click()
            pressed += 1
            assert heads.nth(column).get_attribute("aria-sort") == direction
            values = numbers(seen, column)
            known = [value for value in values if value != ""]
            assert values[: len(known)] == known, "what has no value comes last"
            try:
                keys: list[Any] = [float(value) for value in known]
            except ValueError:
                keys = [value.casefold() for value in known]
            assert keys == sorted(keys, reverse=direction == "descending"), (column, direction)
    assert pressed >= 12


def test_the_table_is_filtered_by_what_is_asked(report: str, look: Open, finished: Left) -> None:
    seen = look(report)
    box = seen.page.locator("#trials input[type=search]")
    every = numbers(seen, 0)
    assert sorted(value.strip() for value in every) == sorted(finished.trials())
    box.fill("consensus")
    assert numbers(seen, 0) == [key for key in every if key.strip().startswith("consensus/")]
    box.fill("lr < 0.01 search")
    params = {key: trial.params for key, trial in finished.trials().items()}
    wanted = {key for key in every if params[key.strip()].get("lr", 1) < 0.01 and "search" in key}
    assert set(numbers(seen, 0)) == wanted and wanted
    box.fill("nowhere to be found")
    assert numbers(seen, 0) == [] and "0 of" in seen.page.locator("#trials output").inner_text()
    box.fill("")
    assert numbers(seen, 0) == every


def test_links_lead_somewhere(report: str, look: Open, finished: Left, mlflow: str) -> None:
    """To a part of the page, to the record of the trial in whose row it is, or to that trial's run in MLflow."""
    from mlflow import MlflowClient

    client, seen = MlflowClient(f"sqlite:///{finished.storage / 'mlflow.db'}"), look(report)
    records = 0
    for told in seen.controls():
        if told["kind"] != "link" or told["href"].startswith("#"):
            continue
        row = seen.control(told).locator("xpath=ancestor::tr")
        key = row.get_attribute("data-trial")
        href = seen.control(told).evaluate("(e) => e.href")
        if href.startswith("file://"):
            place = Path(href.removeprefix("file://"))
            assert place == finished.folder / "trials" / key and place.is_dir(), told
            records += 1
        else:
            run = client.get_run(href.rpartition("/")[2])
            assert run.data.tags["key"] == key, told
    assert records == len(finished.trials())


def test_a_thousand_trials_are_usable_within_three_seconds(shown: Callable[..., Look], tmp_path: Path) -> None:
    """In the browser's own time of work, so that whoever else uses the machine does not count: until the page is there,
    and until the table has answered."""
    view = sweep(trials=1000 // len(ARMS) + 1)
    assert len(view.trials) > 1000
    seen = shown(view)
    assert (tmp_path / "report.html").stat().st_size <= 15e6
    session = seen.context.new_cdp_session(seen.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    seen.page.reload()
    box = seen.page.locator("#trials input[type=search]")
    box.fill("nowhere to be found")
    seen.page.wait_for_function("document.querySelectorAll('#trials tbody tr:not([hidden])').length === 0")
    box.fill("")
    seen.page.locator("#trials thead button").nth(2).click()
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    assert 0 < metrics["TaskDuration"] <= 3.0
