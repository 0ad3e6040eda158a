"""The JSON Schema that editors complete specs by: it takes every good spec, and what it says is in the models."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from test_spec import GOOD, SHIPPED, SPECS, written

import minmax
from sweeps.spec.schema import schema
from sweeps.spec.source import Source
from sweeps.spec.strictyaml import compose, plain
from sweeps.spec.sweep import load

SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def data_of(text: str) -> dict[str, Any]:
    source = Source("spec.yaml", text)
    node = compose("spec.yaml", text)
    assert isinstance(node, yaml.MappingNode)
    return dict(plain(source, node, ()))


def errors(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(data_of(text))]


def test_it_is_a_schema_that_the_command_prints() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    run = subprocess.run([sys.executable, "-m", "sweeps", "schema"], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == SCHEMA


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_shipped_specs_are_taken_as_written_and_in_full(path: Path, tmp_path: Path) -> None:
    assert errors(path.read_text()) == []
    assert not list(VALIDATOR.iter_errors(load(path).normalized())), "as they are recorded"


@pytest.mark.parametrize("text", SPECS)
def test_good_specs_are_taken(text: str) -> None:
    assert errors(text) == []


GOOD_CHANGES = [
    "extends: digits.yaml",
    "extends: digits.yaml\ngame: {batch: 32, loss: null}\nspace: {lr: {log: null, grid: [1, 2]}, gamma: null}",
    "extends: digits.yaml\noptimizers: {one: {set: {lr: 1}}, two: null}\nobjective: {minimize: null, maximize: a.b}",
    "extends: digits.yaml\noptimizers: [gda, 'my.module:mine']\nname: ${env:WHO}\ntracking: null\nschedule: cosine",
]


@pytest.mark.parametrize("text", GOOD_CHANGES)
def test_a_spec_over_another_says_what_it_changes(text: str) -> None:
    assert errors(text) == []


BAD = [
    {"name": ""},
    {"name": "name: a/b"},
    {"name": "name: 3"},
    {"trials": "trials: 0"},
    {"trials": "trials: six"},
    {"trials": "trials: 1.5"},
    {"trials": "trails: 6"},
    {"seeds": "seeds: null"},
    {"game": "game: {net: mlp}"},
    {"game": "game: {data: digits02}"},
    {"game": "game: {data: digits01, bach: 3}"},
    {"game": "game: {data: digits01, batch: 0}"},
    {"game": "game: gan"},
    {"game": "game: bilinaer"},
    {"optimizers": "optimizers: []"},
    {"optimizers": "optimizers: {}"},
    {"optimizers": "optimizers: gda"},
    {"optimizers": "optimizers: [consensu]"},
    {"optimizers": "optimizers: [{as: x}]"},
    {"optimizers": "optimizers: {a b: gda}"},
    {"optimizers": "optimizers: [{name: gda, set: {lr: fast}}]"},
    {"optimizers": "optimizers: [{name: gda, transform: adm}]"},
    {"space": "space: {lr: fast}"},
    {"space": "space: {lr: {log: [1]}}"},
    {"space": "space: {lr: {log: [1, 2], int: [1, 2]}}"},
    {"space": "space: {lr: {when: {optimizer: gda}}}"},
    {"space": "space: {lr: {lgo: [1, 2]}}"},
    {"space": "space: {lr: {int: [1, 2.5]}}"},
    {"objective": "objective: {}"},
    {"objective": "objective: {minimize: frechet}"},
    {"objective": "objective: {minimize: a.b, maximize: a.b}"},
    {"search": "search: {sampler: tpee}"},
    {"search": "search: {seed: -1}"},
    {"resources": "resources: {cpu: 0}"},
    {"confirm": "confirm: 32"},
    {"map": "map: {axes: [lr, lr_ratio]}"},
    {"map": "map: {axes: []}", "trials": "", "search": "", "confirm": "", "objective": ""},
]


@pytest.mark.parametrize("lines", BAD, ids=[" ".join(lines.values()) or "no name" for lines in BAD])
def test_bad_specs_are_not_taken(lines: dict[str, str]) -> None:
    assert errors(written(GOOD, **lines))


@pytest.mark.parametrize("line", ["trials: 0", "trails: 1", "search: {sed: 1}", "optimizers: [{as: x}]", "extends: 3"])
def test_nor_are_bad_changes(line: str) -> None:
    assert errors(f"{'' if line.startswith('extends') else 'extends: digits.yaml'}\n{line}\n")


def keys(part: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that the schema knows, and what it says of it."""
    if isinstance(part, dict):
        for key, said in part.get("properties", {}).items():
            if set(said) != {"not"}:  # which excludes keys from each other
                yield f"{at}.{key}", said
        for key, inner in part.items():
            yield from keys(inner, f"{at}.{key}")
    elif isinstance(part, list):
        for inner in part:
            yield from keys(inner, at)


def test_every_key_is_described() -> None:
    silent = [
        at for at, said in keys(SCHEMA) if ".space." not in at and not said.get("description") and "$ref" not in said
    ]
    assert silent == []


def test_names_and_hyperparameters_that_there_are_complete() -> None:
    told = json.dumps(SCHEMA["$defs"])
    for registry in (minmax.OPTIMIZERS, minmax.GAMES, minmax.METRICS, minmax.DATASETS, minmax.NETS, minmax.LOSSES):
        assert json.dumps(sorted(registry))[1:-1] in told, registry.kind
    assert {"lr", "gamma", "beta1", "temperature"} <= set(SCHEMA["$defs"]["Sweep"]["properties"]["space"]["properties"])
    assert "estimator" in SCHEMA["$defs"]["Arm"]["anyOf"][1]["properties"], "an option of consensus"
