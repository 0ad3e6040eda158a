"""``docs/adding.md`` followed to the letter in a copy of the tree: files written, registry lines added, no more."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(
    r"^```(?:python|yaml)\n# (?P<file>\S+?)(?P<line>: one line more)?\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
BLOCKS = [match.groupdict() for match in BLOCK.finditer((ROOT / "docs" / "adding.md").read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree after the page was followed."""
    there = tmp_path_factory.mktemp("adding")
    for folder in ("minmax", "sweeps", "tests"):
        shutil.copytree(ROOT / folder, there / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", there)
    for block in BLOCKS:
        path = there / block["file"]
        if block["line"] is None:
            assert not path.exists()
            path.write_text(block["text"], encoding="utf-8")
        else:
            was = path.read_text(encoding="utf-8")
            path.write_text(was.replace("    },\n)\n", f"        {block['text']}    }},\n)\n"), encoding="utf-8")
            assert len(path.read_text(encoding="utf-8")) > len(was)
    return there


def ran(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """``python COMMAND`` in the copy, which it imports."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.run([sys.executable, *command], cwd=copy, env=environment, capture_output=True, text=True)


def test_the_optimizer_is_ten_lines_and_one() -> None:
    files = {block["file"]: block["text"] for block in BLOCKS}
    _, body = files["minmax/optimizers/normalized.py"].split("\n\n\n")
    assert len([line for line in body.splitlines() if line]) <= 10
    assert files["minmax/optimizers/__init__.py"].count("\n") == 1


KINDS = ["cost_is", "minibatch_matters", "members_have_their_own", "cubic"]
"""Of the contract tests, those that are run here: the ones without a game, and all on the page's own game."""


def test_it_is_in_the_contract_tests(copy: Path) -> None:
    chosen = f"normalized and ({' or '.join(KINDS)})"
    plain = ("-o", "addopts=", "-p", "no:cacheprovider", "-v")
    done = ran(copy, "-m", "pytest", *plain, "tests/test_contract.py", "-k", chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = {line.split("::")[1].split("[")[0] for line in done.stdout.splitlines() if " PASSED" in line}
    assert passed >= {
        "test_alone_is_as_among_64",
        "test_members_have_their_own_hyperparameters",
        "test_a_seed_decides_everything",
        "test_resumed_is_as_undisturbed",
        "test_a_step_changes_no_input",
        "test_every_minibatch_matters",
        "test_cost_is_what_a_step_costs",
    }


def test_its_constants_are_searched(copy: Path) -> None:
    """By the range of its file, beside the learning rates and what the transform brings."""
    asked = """if True:
        from pathlib import Path
        import minmax
        from sweeps.search.space import distributions
        from sweeps.spec.sweep import load
        print(minmax.optimizers.get("normalized").hypers["floor"])
        sweep = load(Path("normalized.yaml"))
        print(*distributions(sweep, sweep.optimizers[0]))
        print(distributions(sweep, sweep.optimizers[0])["floor"])
    """
    done = ran(copy, "-c", asked)
    assert done.returncode == 0, done.stderr
    declared, names, drawn = done.stdout.splitlines()
    assert declared.startswith("Range(low=0.001, high=1.0, log=True")
    assert names == "lr lr_ratio floor"
    assert drawn == "FloatDistribution(high=1.0, log=True, low=0.001, step=None)"


@pytest.mark.parametrize("spec", ["normalized.yaml", "segment.yaml"])
def test_the_specs_check(copy: Path, spec: str) -> None:
    """Every part can be named, and a step of every arm and every metric is played for the estimate."""
    done = ran(copy, "-m", "sweeps", "check", spec)
    assert done.returncode == 0, done.stderr
    assert f"{spec}: sweep {spec.removesuffix('.yaml')}: 2 arms" in done.stdout


def test_messages_list_it(copy: Path) -> None:
    (copy / "wrong.yaml").write_text((copy / "normalized.yaml").read_text().replace("[normalized", "[normalised"))
    done = ran(copy, "-m", "sweeps", "check", "wrong.yaml")
    assert done.returncode == 2
    assert re.search(
        r"unknown optimizer 'normalised'; did you mean 'normalized'\? known: .*\bnormalized\b", done.stderr
    )
