"""Records of made-up trials for the tests of records and tracking, and the processes that those tests kill."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from sweeps.records.record import Attempt, TrialRecord
from sweeps.records.store import Store
from sweeps.search.trials import Trial
from sweeps.track.describe import Description
from sweeps.track.tracker import Tracker

BEGAN = 1_732_233_600_000


def report(step: int, attempt: int = 1) -> dict[str, Any]:
    """A report whose numbers follow from step and attempt."""
    return {
        "step": step,
        "optimizer_steps": step // 2,
        "cost": float(step),
        "time_ms": BEGAN + 1000 * step + attempt,
        "seconds": step / 10,
        "metrics": {"frechet": [step + 0.25, step + 0.75], "success": [1.0, 0.0], "norm": [1.0, 2.0]},
        "values": {"mean.frechet": step + 0.5, "rate.success": 0.5},
        "diverged": [None, step],
        "diagnoses": ["unsettled", "diverged"],
    }


def state(step: int, size: int = 2000) -> dict[str, bytes]:
    """Checkpoint files that differ from step to step."""
    return {"state.safetensors": step.to_bytes(4, "big") * (size // 4), "state.json": b'{"step":%d}' % step}


def picture(step: int) -> bytes:
    """A PNG, wider than a thumbnail, that differs from step to step."""
    from PIL import Image

    data = io.BytesIO()
    Image.new("L", (300, 40), step % 256).save(data, "png")
    return data.getvalue()


def commit(attempt: Attempt, step: int, best: bool = False, samples: bool = True) -> None:
    """Commits the report that belongs to ``step``."""
    attempt.commit(step, report(step, attempt.number), state(step), picture(step) if samples else None, best)


def trial(number: int = 0, state: str = "running", attempt: int = 1, arm: str = "consensus") -> Trial:
    """A trial of a made-up sweep."""
    params = {"lr": 4e-4, "lr_ratio": 1.5, "gamma": 3.2}
    return Trial(arm, "search", number, params, state, attempt, None, (0, 1))


def write(store: Store, told: Trial, steps: range) -> None:
    """Records of ``told``: its config, and a report at each of ``steps`` by its attempt."""
    record = TrialRecord(store, told.key)
    record.write_begin(told, {"arm": told.arm})
    for step in steps:
        commit(record.attempt(told.attempt), step)


def describe(told: Trial) -> Description:
    """Constants, versions and the time of the start."""
    return Description({"beta1": 0.5, "length": 2000}, {"torch": "2.13", "device": "cpu"}, BEGAN)


def tracker(folder: Path, trials: list[Trial], **options: Any) -> Tracker:
    """A tracker of the sweep in ``folder`` into the SQLite file beside it."""
    store, uri = Store(str(folder / "digits")), f"sqlite:///{folder / 'mlflow.db'}"
    return Tracker(store, "digits", uri, str(folder / "mlartifacts"), lambda: trials, describe, **options)


def commit_for_ever(folder: str, number: int) -> None:
    """Commits report after report as attempt ``number``, from where the last checkpoint is."""
    record = TrialRecord(Store(folder), trial().key)
    last = record.last_checkpoint()
    print("ready", flush=True)
    for step in range(100 * ((last.step if last else 0) // 100 + 1), 1_000_000, 100):
        files = state(step, size=200_000)
        record.attempt(number).commit(step, report(step, number), files, picture(step), step % 300 == 0)


def reconcile_and_tell(folder: str, number: int, told: int) -> None:
    """Reconciles so many trials, and writes a byte to ``told`` once MLflow is connected."""
    trials = [trial(each, "complete") for each in range(number)]
    following = tracker(Path(folder), trials)
    following._trials = lambda: trials if os.write(told, b".") else []
    following.reconcile()


def reconcile_and_be_killed(folder: str, number: int, delays: list[float]) -> None:
    """For each delay, a process of its own reconciles so many trials and is killed that long after it began to.

    The children are forks, so that each need not import MLflow anew; prints how each one ended.
    """
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

    for delay in delays:
        heard, told = os.pipe()
        child = os.fork()
        if child == 0:
            reconcile_and_tell(folder, number, told)
            os._exit(0)
        os.read(heard, 1)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "commit":
        commit_for_ever(sys.argv[2], int(sys.argv[3]))
    else:
        reconcile_and_be_killed(sys.argv[2], int(sys.argv[3]), [float(delay) for delay in sys.argv[4:]])
