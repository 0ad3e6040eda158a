"""Mutated specs: whatever one writes comes out as a sweep, the same by any way round, or as problems with places.

Never anything else: no traceback, nothing on the disk, nothing said of what the environment holds. ``make fuzz`` tries
twenty thousand.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from test_spec import SPECS

from sweeps.search.space import distributions, fixed
from sweeps.spec.reading import read
from sweeps.spec.schema import schema
from sweeps.spec.source import Source, SpecErrors
from sweeps.spec.strictyaml import compose, dump, plain
from sweeps.spec.sweep import Sweep, load

CANARY = "canary-in-the-coal-mine"
VALIDATOR = Draft202012Validator(schema())
FILES = ["base.yaml", "spec.yaml"]


class Case(tuple[str, str, tuple[str, ...]]):
    """The text of a spec, that of one which it may extend, and what the command line sets."""


def tries(count: int) -> Callable[[Any], Any]:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=count, deadline=None, suppress_health_check=checks)


def data_of(text: str) -> Any:
    node = compose("spec.yaml", text)
    assert node is not None
    return plain(Source("spec.yaml", text), node, ())


LETTERS = "ab019.-+eE_~/ \n\t:,[]{}&*!#'\"\\|>%@?$\0é\u2028"
WORDS = [
    "gda", "consensus", "mean.frechet", "rate.success", "sgd", "when", "log", "name", "digits", "grid", "nsga2", "asha",
    "base.yaml", "spec.yaml", "1e-4", "no", "012", "1:30", "~", "${HOME}", "${env:SECRET}", "a-${env:SECRET}",
    "${env:NOT_THERE}", "${env:NOT_THERE:-gda}", "http://me:${env:SECRET}@host", "s3://bucket/${env:SECRET}",
]  # fmt: skip
PASSWORDS = [f"http://me:{CANARY}@host", f"s3://me:{CANARY}@bucket/x", f"http://${{env:A:-me}}:{CANARY}@[::1]:80/"]
KEYS = [
    "name", "log", "x", "as", "set", "grid", "choice", "int", "when", "optimizer", "lr", "gamma", "extends", "enqueue",
    "budget", "repeats", "search", "sampler", "pruner", "transform", "a b", "schedule", "tracking", "storage",
    "map", "axes", "size", "limits", "memory", "studies",
]  # fmt: skip
scalars = (
    st.none() | st.booleans() | st.integers(-3, 3000) | st.just(10**400) | st.floats() | st.text(max_size=5)
    | st.sampled_from([*WORDS, *PASSWORDS])
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mangled_text(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(SPECS))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 8))
        text = text[:start] + draw(st.text(LETTERS, max_size=4) | st.sampled_from(WORDS)) + text[end:]
    return text


@st.composite
def mangled_data(draw: st.DrawFn) -> str:
    data = data_of(draw(st.sampled_from(SPECS)))
    for _ in range(draw(st.integers(0, 3))):
        _change(draw, data)
    if draw(st.integers(0, 3)) == 0:
        data[draw(st.sampled_from(KEYS))] = draw(values)
    return dump(data)


def _change(draw: st.DrawFn, at: Any) -> None:
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = draw(st.sampled_from(keys))
        if not (draw(st.booleans()) and isinstance(at[key], dict | list)):
            break
        at = at[key]
    if draw(st.booleans()):
        at[key] = draw(values)
    else:
        del at[key]


@st.composite
def assignments(draw: st.DrawFn) -> str:
    parts = draw(
        st.lists(st.sampled_from([*KEYS, "optimizers", "game", "[0]", "[7]", "space"]), min_size=1, max_size=3)
    )
    key = "".join(part if part[0] == "[" else f".{part}" for part in parts).removeprefix(".")
    said = dump(draw(values)).strip() if draw(st.booleans()) else draw(st.text(LETTERS, max_size=6))
    return f"{key}{draw(st.sampled_from(['=', '=', '=', '']))}{said}"


@st.composite
def cases(draw: st.DrawFn, own: st.SearchStrategy[str]) -> Case:
    """Half of them in two files: parts of a spec over another, either of them mutated."""
    text, base = draw(own), "seeds: 3\n"
    if draw(st.booleans()):
        whole = draw(st.sampled_from(SPECS))
        changes = draw(st.dictionaries(st.sampled_from([*KEYS, *data_of(whole)]), values, max_size=2))
        text, base = dump({**changes, "extends": "base.yaml"}), draw(own) if draw(st.booleans()) else whole
    return Case((text, base, tuple(draw(st.lists(assignments(), max_size=1)))))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET", CANARY)
    monkeypatch.delenv("NOT_THERE", raising=False)


def loads_or_says_why(case: Case) -> None:
    text, base, overrides = case
    Path("spec.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    Path("base.yaml").write_bytes(base.encode("utf-8", "surrogatepass"))
    spec = Path("spec.yaml")
    try:
        sweep = load(spec, overrides)
    except SpecErrors as errors:
        assert errors.problems
        lines = str(errors).split("\n")
        assert all(line.startswith(("spec.yaml", "base.yaml", "override ")) for line in lines), str(errors)
        assert CANARY not in str(errors)
    else:
        comes_back(sweep, spec, overrides)
    assert sorted(os.listdir()) == FILES


def comes_back(sweep: Sweep, spec: Path, overrides: tuple[str, ...]) -> None:
    """As it is recorded, as YAML of that, and as the one text that is kept; and the schema takes all of them."""
    recorded = sweep.normalized()
    assert Sweep.from_normalized(json.loads(json.dumps(recorded, allow_nan=False))) == sweep
    for text in (dump(recorded), read(spec, overrides).text):
        spec.write_bytes(text.encode("utf-8", "surrogatepass"))
        assert load(spec) == sweep
        said = data_of(text)
        assert not list(VALIDATOR.iter_errors(said)), said
    for arm in sweep.optimizers:
        assert distributions(sweep, arm).keys() | fixed(sweep, arm).keys()


@tries(200)
@given(case=cases(mangled_text()))
def test_mangled_text_gives_a_sweep_or_spec_errors(place: None, case: Case) -> None:
    loads_or_says_why(case)


@tries(200)
@given(case=cases(mangled_data()))
def test_mangled_data_gives_a_sweep_or_spec_errors(place: None, case: Case) -> None:
    loads_or_says_why(case)


@pytest.mark.slow
@tries(10_000)
@given(case=cases(mangled_text()))
def test_ten_thousand_mangled_texts(place: None, case: Case) -> None:
    loads_or_says_why(case)


@pytest.mark.slow
@tries(10_000)
@given(case=cases(mangled_data()))
def test_ten_thousand_mangled_data(place: None, case: Case) -> None:
    loads_or_says_why(case)


def test_good_specs_are_among_them(place: None) -> None:
    """Unmutated, all come back: the mutations start from something."""
    for text in SPECS:
        loads_or_says_why(Case((text, "seeds: 3\n", ())))
        assert yaml.safe_load(dump(load(Path("spec.yaml")).normalized()))
