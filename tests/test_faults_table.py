"""The fault table is counted right, says what its numbers say, and its harness still hurts sweeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.faults import page, rows
from bench.faults.left import Counts, Left, Row, counted
from bench.faults.rows import Result
from bench.faults.sides import Ours
from bench.faults.trace import Trace
from bench.faults.work import LENGTH, PLANNED, REPORT_EVERY, Step, undisturbed

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")

RATES = [0.01 + trial / 1000 for trial in range(PLANNED)]


def steps(lr: float, first: int = 1, last: int = LENGTH, pid: int = 1) -> list[Step]:
    """Consecutive steps of the trial with this learning rate, the last of them where it must end."""
    end = undisturbed("sgd", "search", lr, 1.0)
    return [Step("sgd", "search", lr, 1.0, step, end, pid, 0.0) for step in range(first, last + 1)]


def whole(*but: float) -> tuple[list[Step], list[Row], list[Row]]:
    """All trials but these as they should be: their steps, and their rows in the study and in MLflow."""
    rates = [lr for lr in RATES if lr not in but]
    trained = [step for lr in rates for step in steps(lr)]
    keys = [steps(lr, last=1)[0].key for lr in rates]
    marks = list(range(REPORT_EVERY, LENGTH + 1, REPORT_EVERY))
    return trained, [Row(key, False, []) for key in keys], [Row(key, False, marks) for key in keys]


def test_a_sweep_without_a_fault_counts_as_one() -> None:
    trained, study, runs = whole()
    left = Left([row.key or "" for row in study], study, runs)
    assert counted(left, Trace(trained), 0) == Counts(trials=PLANNED)


def test_a_trial_that_went_on_from_its_checkpoint() -> None:
    lr = RATES[0]
    trained, study, runs = whole(lr)
    trained += [*steps(lr, 1, 30), *steps(lr, 25, LENGTH, pid=2)]
    key = trained[-1].key
    marks = list(range(REPORT_EVERY, LENGTH + 1, REPORT_EVERY))
    study, runs = [*study, Row(key, False, [])], [*runs, Row(key, False, marks)]
    found = counted(Left([row.key or "" for row in study], study, runs), Trace(trained), 0)
    assert found == Counts(trials=PLANNED, recomputed=6, most_again=6, resumed=1)


def test_a_trial_that_is_lost_and_replaced_by_another() -> None:
    lr = RATES[0]
    trained, study, runs = whole(lr)
    forgotten, replaced = steps(0.5, 1, 30), steps(lr)
    trained += [*forgotten, *replaced]
    study += [Row(forgotten[0].key, True, []), Row(replaced[0].key, False, [])]
    marks = list(range(REPORT_EVERY, LENGTH + 1, REPORT_EVERY))
    runs += [Row(forgotten[0].key, True, [12]), Row(replaced[0].key, False, marks)]
    finished = [row.key or "" for row in study if not row.running]
    expected = Counts(trials=PLANNED, lost=1, running_study=1, running_mlflow=1, points_missing=1)  # step 24
    assert counted(Left(finished, study, runs), Trace(trained), 0) == expected


def test_a_trial_that_is_begun_anew_and_ends_elsewhere() -> None:
    lr = RATES[0]
    trained, study, runs = whole(lr)
    trained += [*steps(lr, 1, 30), *steps(lr, 1, LENGTH, pid=2)]
    trained[-1] = trained[-1]._replace(at=0.0)
    key = trained[-1].key
    study += [Row(key, False, [])]
    runs += [Row(key, False, [12, 24]), Row(key, False, [12, 24, 36, 48, 60])]
    finished = [row.key or "" for row in study]
    expected = Counts(
        trials=PLANNED, doubled=1, restarted=1, recomputed=30, most_again=30, points_doubled=2, processes=3, wrong=1
    )
    assert counted(Left(finished, study, runs), Trace(trained), 3) == expected


def test_what_ours_must_not_have_is_named() -> None:
    good = {"counts": Counts(trials=PLANNED, recomputed=30, most_again=REPORT_EVERY)._asdict()}
    assert page.shortcomings("worker", good) == []
    bad = {"counts": Counts(trials=PLANNED, lost=1, most_again=REPORT_EVERY + 1)._asdict()}
    assert [line.split(":")[0] for line in page.shortcomings("worker", bad)] == ["worker", "worker"]
    assert page.shortcomings("worker", {"did not bite": "no reason"}) == ["worker: did not bite: no reason"]


def test_one_row_run_again_changes_that_row_alone(tmp_path: Path) -> None:
    data = tmp_path / "faults.json"
    for row in ("nan", "worker"):
        page.store(row, "ours", Result(Counts(trials=PLANNED), row, "finished"), 1.0, data)
    before = json.loads(data.read_text())
    page.store("nan", "ours", "it was no NaN", 2.0, data)
    after = json.loads(data.read_text())
    assert after["worker"] == before["worker"]
    assert list(after) == ["worker", "nan"], "in the table's order"
    assert after["nan"]["ours"]["did not bite"] == "it was no NaN"
    assert "did not bite: it was no NaN" in page.rendered(after)


def test_the_page_shows_the_numbers_beside_it() -> None:
    data = page.stored()
    assert page.rendered(data) in page.PAGE.read_text(encoding="utf-8")
    assert set(data) == set(rows.ROWS)
    for came in data.values():
        assert "did not bite" not in came["plain"]
    lacks = [line for row, came in data.items() for line in page.shortcomings(row, came["ours"])]
    assert lacks == [], "what the page does not admit"


@pytest.mark.slow
@pytest.mark.parametrize("row", ["history", "nan"])
def test_a_row_bites_and_ours_has_what_it_must(row: str) -> None:
    result = rows.ROWS[row](Ours())
    assert page.shortcomings(row, {"counts": result.counts._asdict()}) == [], result
    assert result.ended == "finished"
