"""A sweep that is asked to stop: every trial comes to its next report, stays unfinished, and is gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest
from sweeping import SPEC, Left, assert_whole, begun, driven

from sweeps.run import serial
from sweeps.run.driver import open_sweep, write_report
from sweeps.run.service import Work
from sweeps.run.trial import run
from sweeps.search.decide import Done
from sweeps.search.trials import RUNNING


def test_a_sweep_halted_at_every_turn_ends_as_if_undisturbed(tmp_path: Path) -> None:
    *_, calm = driven(tmp_path / "calm", SPEC)
    folder = begun(tmp_path / "halted", SPEC)
    halts = 0
    for _ in range(100):
        sweep, service = open_sweep(folder)
        heard = 0

        def hear() -> None:
            nonlocal heard
            heard += 1
            if heard == 4:
                service.halt()  # noqa: B023  # called at once

        serial.drive(service, sweep.resources.cpu, sweep.resources.gpu, hear)
        if not service.halted:
            break
        halts += 1
        assert not service.events, "a halt is no failure"
    write_report(sweep, service, folder, "finished")
    assert halts > 5
    left, undisturbed = Left(folder.path.parent, folder.name), Left(calm.path.parent, calm.name)
    assert_whole(left)
    assert left.results() == undisturbed.results()
    assert left.ranking == undisturbed.ranking


@pytest.mark.parametrize("reports", [0, 1])
def test_a_halted_trial_stays_unfinished_and_keeps_its_report(tmp_path: Path, reports: int) -> None:
    folder = begun(tmp_path, SPEC)
    _, service = open_sweep(folder)
    work = service.next()
    assert isinstance(work, Work)
    trained = run(work.config, service.store, work.trial.attempt)
    for _ in range(reports):
        assert service.reported(work.trial, next(trained))
    service.halt()
    assert isinstance(service.next(), Done) and not service.is_done
    assert not service.reported(work.trial, next(trained))
    service.ended(work.trial)
    told = service.studies.trial(work.trial.key)
    assert (told.state, told.attempt, len(service.studies.values(told))) == (RUNNING, 1, reports + 1)
    again = open_sweep(folder)[1].next()
    assert isinstance(again, Work)
    assert (again.trial.key, again.trial.attempt) == (work.trial.key, 2)
