"""Two that begin a sweep of one name at once: one is let through, the other is told who was."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from driving import Drivers, drivers
from sweeping import Left

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")

SPEC = """
name: saddle
game: bilinear
length: 10
seeds: {seeds}
optimizers: [extragradient]
trials: 1
objective: {{minimize: mean.distance}}
report_every: 10
confirm: {{seeds: 2}}
"""
REFUSED = r"sweeps: sweep {name}\b.* run by process (\d+) on {host} since [\d: -]+[:;].*`sweeps st\w+ {name}`"


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drivers]:
    place = tmp_path_factory.mktemp("begin")
    for seeds in (2, 3):
        (place / f"{seeds}.yaml").write_text(SPEC.format(seeds=seeds))
    with drivers(place) as made:
        yield made


@pytest.mark.parametrize("tries", [range(3), pytest.param(range(3, 20), marks=pytest.mark.slow)], ids=["few", "many"])
def test_of_two_that_begin_it_at_once_one_wins_and_the_other_is_told_which(forks: Drivers, tries: range) -> None:
    for number in tries:
        name, before = f"saddle-{number}", len(forks.output)
        commands = [["run", f"{seeds}.yaml", "--serial", "--quiet", "--set", f"name={name}"] for seeds in (2, 3)]
        codes = forks.together(*commands)
        said = forks.output[before:]
        assert sorted(codes) == [0, 73], said
        won = 2 + codes.index(0)
        left = Left(forks.place / "runs", name)
        about = json.loads((left.folder / "sweep.json").read_text())
        assert about["sweep"]["seeds"] == yaml.safe_load((left.folder / "spec.yaml").read_text())["seeds"] == won
        assert {len(trial.user_attrs["seeds"]) for key, trial in left.trials().items() if "search" in key} == {won}
        told = re.findall(REFUSED.format(name=name, host=re.escape(socket.gethostname())), said)
        assert told == [str(about["by"]["pid"])], said


def test_a_name_is_free_again_when_its_sweep_is_gone_and_what_was_half_written_is_none(forks: Drivers) -> None:
    """A process that was killed while it began leaves a folder without ``sweep.json``."""
    folder = Path(forks.place / "runs" / "half")
    folder.mkdir(parents=True)
    (folder / ".sweep.json.1-00").write_text("{")
    assert forks.run("run", "2.yaml", "--serial", "--quiet", "--set", "name=half") == 0, forks.output
