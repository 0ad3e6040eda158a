"""Imports go one way, and reading what is declared does not import torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from import_rules import RAY, RULES, unprepared, violations

ROOT = Path(__file__).parents[1]

DECLARATIONS = """
import sys
import minmax
for name in minmax.OPTIMIZERS:
    for transform in minmax.TRANSFORMS:
        built = minmax.optimizers.get(name, transform=transform)
        assert built.cost > 0 and built.hypers, name
for name in minmax.METRICS:
    assert minmax.metrics.get(name).outputs, name
for registry in (minmax.LOSSES, minmax.NETS, minmax.GAMES, minmax.DATASETS):
    assert all(map(callable, registry.values()))
heavy = {"torch", "ray", "optuna", "mlflow", "scipy", "sklearn", "plotly"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_rules_hold() -> None:
    assert violations(ROOT) == []


def test_the_rules_look_at_something() -> None:
    assert all(list((ROOT / rule.folder).rglob("*.py")) for rule in RULES)


@pytest.mark.parametrize(
    ("file", "source", "said"),
    [
        ("minmax/optimizers/gda.py", "import torch\n\ndef gda():\n    import ray.tune\n", "4: imports ray"),
        ("minmax/train.py", "from sweeps.records.record import Store\n", "1: imports sweeps"),
        ("minmax/data/far.py", "import os\nfrom urllib.request import urlopen\n", "2: imports urllib"),
        ("minmax/games/sly.py", "import importlib\nimportlib.import_module('optuna.trial')\n", "2: imports optuna"),
        ("sweeps/search/decide.py", "import ray\n", "1: imports ray"),
        ("sweeps/cli/run.py", "if True:\n    from mlflow import log_metric\n", "2: imports mlflow"),
        ("sweeps/run/driver.py", "import cluster.slurm\n", "1: imports cluster"),
        ("cluster/slurm.py", "import minmax\n", "1: imports minmax"),
        ("cluster/local.py", "def up():\n    from sweeps.run import service\n", "2: imports sweeps"),
        ("cluster/local.py", "import ray\n", "1: imports ray"),
    ],
)
def test_a_planted_import_is_found(tmp_path: Path, file: str, source: str, said: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert violations(tmp_path) == [f"{file}:{said}"]


def test_allowed_imports_pass(tmp_path: Path) -> None:
    for file, source in {
        "sweeps/run/tune.py": "import ray\nfrom minmax import train\n",
        "sweeps/track/ledger.py": "import mlflow\n",
        "minmax/train.py": "import torch\nfrom . import tree\n",
        "cluster/slurm.py": "import subprocess\n",
    }.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    assert violations(tmp_path) == []


def test_ray_finds_its_environment_set() -> None:
    assert unprepared(ROOT) == []


def test_an_import_of_ray_before_its_environment_is_found(tmp_path: Path) -> None:
    (tmp_path / "sweeps" / "run").mkdir(parents=True)
    for name in RAY:
        (tmp_path / name).write_text("from sweeps.run import before_ray\nimport ray\n")
    assert unprepared(tmp_path) == []
    (tmp_path / "sweeps/run/slots.py").write_text("import os\n\nimport ray\nfrom sweeps.run import before_ray\n")
    assert unprepared(tmp_path) == ["sweeps/run/slots.py"]


def test_declarations_are_read_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", DECLARATIONS], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
