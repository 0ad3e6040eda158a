"""The line of each sweep in ``sweeps list``: right in every state, and as cheap for many trials as for few."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from driving import ROOT, environment
from sweeping import begun, driven

from sweeps.records.folder import Folder
from sweeps.records.store import Store
from sweeps.run import serial
from sweeps.run.driver import extend, open_sweep
from sweeps.show import overview

SPEC = """
name: saddle
game: bilinear
length: 20
seeds: 1
optimizers: [extragradient, optimistic]
trials: 2
objective: {minimize: mean.distance}
report_every: 10
search: {sampler: random, pruner: none}
confirm: {seeds: 2}
"""
MAP = """
name: atlas
game: bilinear
length: 20
seeds: 1
optimizers: [consensus]
report_every: 10
space: {lr: 1.0e-2}
map: {axes: [lr_ratio, gamma], size: [2, 3], chunk: 2}
"""


def line(folder: Folder) -> tuple[object, ...]:
    found = overview.of(folder, None)
    return found.state, (found.done, found.total), (found.confirmed, found.arms)


def test_the_line_of_a_sweep_in_every_state(tmp_path: Path) -> None:
    folder = begun(tmp_path, SPEC)
    assert line(folder) == ("not started", (0, 4), (0, 2))
    _, service = open_sweep(folder)
    heard = 0

    def hear() -> None:
        nonlocal heard
        heard += 1
        if heard == 2 + 1:  # reports and the end of a trial
            service.halt()

    serial.drive(service, 1, 0, hear)
    assert line(folder) == ("stopped", (1, 4), (0, 2))
    serial.drive(open_sweep(folder)[1], 1, 0, lambda: None)
    assert line(folder) == ("finished", (4, 4), (2, 2))
    extend(folder, 3, accept=True)
    assert line(folder) == ("stopped", (4, 6), (2, 2))


def test_a_search_whose_time_is_up_is_finished_with_what_it_has(tmp_path: Path) -> None:
    folder = begun(tmp_path, SPEC, "limits.sweep=1h")
    _, service = open_sweep(folder)
    service.studies.note_driven(3601.0)
    assert line(folder) == ("finished", (0, 4), (0, 2)), "nothing can be confirmed"


def test_a_trial_without_a_finite_value_is_confirmed_where_there_is_no_better(tmp_path: Path) -> None:
    *_, folder = driven(tmp_path, SPEC, "optimizers=[gda]", "space={lr: {log: [1.0e+30, 1.0e+35]}}", "trials=1")
    assert open_sweep(folder)[1].is_done
    assert line(folder) == ("finished", (1, 1), (1, 1))


def test_a_map_has_its_trials_and_no_arms_to_confirm(tmp_path: Path) -> None:
    *_, folder = driven(tmp_path, MAP)
    assert line(folder) == ("finished", (3, 3), (0, 0))


def test_where_the_studies_were_never_opened_there_are_none(tmp_path: Path) -> None:
    """As a driver leaves it that was killed as soon as it owned the sweep."""
    folder = begun(tmp_path, SPEC)
    (folder.path / "studies.db").touch()
    assert line(folder) == ("stopped", (0, 4), (0, 2))
    assert (folder.path / "studies.db").stat().st_size == 0, "looking makes nothing"


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Statements of any database, and objects read of any store."""
    seen = {"statements": 0, "objects": 0}

    def statement(*_: object) -> None:
        seen["statements"] += 1

    get = Store.get

    def noted(self: Store, path: str) -> bytes:
        seen["objects"] += 1
        return get(self, path)

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", statement)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "get", noted)
        yield seen
    sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", statement)


def test_ten_times_as_many_trials_cost_no_query_and_no_object_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = []
    for trials in (1, 10):
        *_, folder = driven(tmp_path / str(trials), SPEC, f"trials={trials}")
        with counted(monkeypatch) as seen:
            assert line(folder)[0] == "finished"
        costs.append(dict(seen))
    assert costs[0] == costs[1] and costs[0]["statements"] <= 6, costs


def test_who_asks_for_no_gpu_pays_for_no_torch() -> None:
    script = """
import json, sys
from sweeps.run.room import refuse_too_much
from sweeps.spec.limits import Resources
before = "torch" in sys.modules
refuse_too_much(Resources(cpu=1))
print(json.dumps([before, "torch" in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment(), capture_output=True, check=True)
    assert json.loads(done.stdout) == [False, False]
