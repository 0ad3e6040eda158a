"""The two sides: how each is begun and gone on with, where its files lie, and what it left."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Protocol

import yaml

from bench.faults import work
from bench.faults.left import Left, recorded, runs_in, study_in, study_in_searcher, tuned
from bench.faults.work import Step

ROOT = Path(__file__).parents[2]
NAME = str(work.SPEC["name"])
NAMED = re.compile(r",lr=([-\d.e]+),")  # in the name of a trial's folder, which is there before all its files


class Side(Protocol):
    """One way to run the same work in a folder."""

    name: str

    def prepare(self, place: Path) -> None:
        """Writes what it reads."""

    def module(self) -> list[str]:
        """``python -m`` of this begins the sweep, or goes on with it."""

    def environment(self, folder: Path, place: Path, database: bool) -> dict[str, str]:
        """What it needs beside the ordinary; ``folder``: for sockets. ``database``: the study lies in one."""

    def tracking(self, place: Path) -> str:
        """MLflow's address where no server is named."""

    def study(self, place: Path) -> Path:
        """The study's database."""

    def histories(self, place: Path, of: Step) -> list[Path]:
        """What says which reports there were of the trial that a step was of, oldest first."""

    def checkpoints(self, place: Path, of: Step) -> list[Path]:
        """Those of the trial that a step was of, oldest first."""

    def left(self, place: Path, tracking: str, database: bool) -> Left:
        """What there is of it now."""


class Ours:
    """``sweeps run``, and the same command to go on."""

    name = "ours"

    def prepare(self, place: Path) -> None:
        (place / "spec.yaml").write_text(yaml.safe_dump(work.SPEC, sort_keys=False))

    def module(self) -> list[str]:
        return ["sweeps", "run", "spec.yaml", "--or-resume", "--plain"]

    def environment(self, folder: Path, place: Path, database: bool) -> dict[str, str]:
        return {}

    def tracking(self, place: Path) -> str:
        return f"sqlite:///{place / 'runs' / 'mlflow.db'}"

    def study(self, place: Path) -> Path:
        return place / "runs" / NAME / "studies.db"

    def histories(self, place: Path, of: Step) -> list[Path]:
        return _by_age(path for trial in self._trials(place, of) for path in trial.glob("attempt-*/history/*.json"))

    def checkpoints(self, place: Path, of: Step) -> list[Path]:
        kept = "attempt-*/checkpoint/*/state.safetensors"
        return _by_age(path for trial in self._trials(place, of) for path in trial.glob(kept))

    def left(self, place: Path, tracking: str, database: bool) -> Left:
        folder, study = place / "runs" / NAME, self.study(place)
        rows = study_in(f"sqlite:///{study}") if study.exists() else []
        return Left(list(recorded(folder / "trials")), rows, runs_in(tracking, NAME, "mean.gap", 1))

    def _trials(self, place: Path, of: Step) -> list[Path]:
        folders = (place / "runs" / NAME / "trials" / of.arm).glob(f"{of.kind}-*")
        return [each for each in folders if json.loads((each / "config.json").read_bytes())["hypers"]["lr"] == of.lr]


class Plain:
    """``bench/faults/plain.py``."""

    name = "plain"

    def prepare(self, place: Path) -> None:
        pass

    def module(self) -> list[str]:
        return ["bench.faults.plain"]

    def environment(self, folder: Path, place: Path, database: bool) -> dict[str, str]:
        own = {"RAY_TMPDIR": str(folder / "r"), "RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
        return {**own, **({"FAULTS_STUDY": f"sqlite:///{self.study(place)}"} if database else {})}

    def tracking(self, place: Path) -> str:
        return f"sqlite:///{place / 'mlflow.db'}"

    def study(self, place: Path) -> Path:
        return place / "optuna.db"

    def histories(self, place: Path, of: Step) -> list[Path]:
        return _by_age((place / "tune" / NAME).glob("experiment_state-*.json"))

    def checkpoints(self, place: Path, of: Step) -> list[Path]:
        rates = {each: NAMED.search(each.name) for each in (place / "tune" / NAME).glob(f"train_*_arm={of.arm},*")}
        own = [each for each, found in rates.items() if found and abs(float(found[1]) - of.lr) < 1e-4]
        return _by_age(path for folder in own for path in folder.glob("checkpoint_*/state.pt"))

    def left(self, place: Path, tracking: str, database: bool) -> Left:
        experiment = place / "tune" / NAME
        if database:
            rows = study_in(f"sqlite:///{self.study(place)}") if self.study(place).exists() else []
        else:
            saved = _by_age(experiment.glob("searcher-state-*.pkl"))
            rows = study_in_searcher(saved[-1]) if saved else []
        return Left(tuned(experiment), rows, runs_in(tracking, NAME, "gap", work.REPORT_EVERY))


SIDES: dict[str, Side] = {"ours": Ours(), "plain": Plain()}


def ordinary(folder: Path, pace: float) -> dict[str, str]:
    """The environment of both."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        work.LOG: str(folder / "steps"),
        work.PACE: str(pace),
    }


def python(module: list[str]) -> list[str]:
    """The command that runs a module with its arguments."""
    return [sys.executable, "-m", *module]


def _by_age(paths: object) -> list[Path]:
    return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, str(path)))  # type: ignore[call-overload]
