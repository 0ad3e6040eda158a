"""Data, classifier and the data's statistics are made before the first trial, whole or not at all, by one or by two."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import KILLED, OUTPUT, Kill, drivers, started
from safetensors.torch import load_file
from sweeping import Left

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")

SPEC = """
name: one
game: {data: digits01, net: {name: mlp, widths: [8]}, batch: 8, latent: 2}
length: 20
seeds: 2
optimizers: [gda]
trials: 1
space: {lr: {log: [1.0e-3, 1.0e-1]}}
objective: {minimize: mean.frechet}
report_every: 10
confirm: {seeds: 2}
"""
COMMAND = ("run", "spec.yaml", "--serial", "--plain")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with nothing in it, for drivers in ``tmp_path``, where the spec lies."""
    monkeypatch.setenv("MINMAX_DATA", str(tmp_path / "cache"))
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path / "cache"


def test_preparation_is_killed_at_every_file(tmp_path: Path, cache: Path) -> None:
    """Just before each is put in place: it is not there, no trial has begun, and what came before is whole. Then it is
    made and the sweep goes on."""
    made = {"digits-v1"}
    with drivers(tmp_path) as forks:
        for moment in ("classifier made", "statistics made"):
            assert forks.run(*COMMAND, kill=Kill(moment, 1)) == KILLED, forks.output
            assert {path.stem for path in cache.glob("*.safetensors")} == made
            assert all(load_file(cache / f"{name}.safetensors") for name in made)
            assert not list(tmp_path.glob("runs/*/trials/*/*")), "a trial began before all was prepared"
            made.add("digits01-classifier-v1")
        assert forks.run(*COMMAND) == 0, forks.output
    assert len(Left(tmp_path / "runs", "one").results()) == 2


@pytest.mark.slow
def test_two_drivers_prepare_at_once(tmp_path: Path, cache: Path) -> None:
    """They come to the same files, and to the same trials."""
    both = [started(tmp_path, *COMMAND, "--set", f"name={name}") for name in ("one", "other")]
    assert [process.wait() for process in both] == [0, 0], (tmp_path / OUTPUT).read_text()
    whole = {path.stem.partition("-v1")[0]: load_file(path) for path in cache.glob("*.safetensors")}
    assert set(whole) == {"digits", "digits01-classifier", "moments"} and all(whole.values())
    one, other = (Left(tmp_path / "runs", name).results() for name in ("one", "other"))
    assert len(one) == 2 and one == other
