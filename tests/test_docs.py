"""The examples in the docs do what they say."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import pytest
import torch
from jsonschema import Draft202012Validator

import minmax
from minmax.diagnosis import RULES
from sweeps.cli.codes import CODES, INTERRUPTED, UNFORESEEN
from sweeps.search import pruners, samplers
from sweeps.search.pruners import PRUNERS
from sweeps.search.samplers import SAMPLERS
from sweeps.show.events import KINDS
from sweeps.spec.limits import Limits
from sweeps.spec.schema import schema
from sweeps.spec.source import Source
from sweeps.spec.strictyaml import compose, plain
from sweeps.spec.sweep import Sweep

DOCS = Path(__file__).parents[1] / "docs"


def read(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["fields.md", "metrics.md"])
def test_examples(page: str) -> None:
    """The page's Python blocks as one session."""
    session = "\n".join(re.findall(r"^```python\n(.*?)^```$", read(page), re.DOTALL | re.MULTILINE))
    examples = doctest.DocTestParser().get_doctest(session, {}, page, page, 0)
    assert examples.examples
    said: list[str] = []
    try:
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=said.append)
    finally:
        torch.set_printoptions(profile="default")
    assert not said, "".join(said)


def test_what_is_told_of_optimizers_is_so() -> None:
    """Options, hyperparameters and cost of each row."""
    rows = re.findall(r"^\| `(\w+)` \|.*?\|(.*?)\|(.*?)\| (?:≤ )?(.*?) \|.*\|$", read("optimizers.md"), re.MULTILINE)
    assert len(rows) >= 14
    for name, options, hypers, cost in rows:
        taken = inspect.signature(minmax.OPTIMIZERS[name]).parameters
        assert re.findall(r"`(\w+)`", options) == [option for option in taken if option != "transform"], name
        optimizer = minmax.optimizers.get(name)
        own = set(optimizer.hypers) - {"lr", "lr_ratio"}
        assert own <= set(re.findall(r"`(\w+)`", hypers)), name
        assert cost in (f"{optimizer.cost:g}", "the base's"), name


def test_every_registered_metric_has_a_row_with_its_outputs() -> None:
    text = read("metrics.md")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*)\|$", text, re.MULTILINE))
    assert set(rows) == set(minmax.METRICS)
    for name in set(rows) - {"symptoms"}:  # which has those of others
        metric = minmax.metrics.get(name)
        assert set(metric.outputs) <= set(re.findall(r"`(\w+)`", rows[name])), name


def rows(page: str, heading: str) -> dict[str, str]:
    """First cell -> second of the first table after a line."""
    table = read(page).partition(f"\n{heading}\n|---")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))


def test_every_key_of_a_spec_has_a_row() -> None:
    keys = {field.alias or name for name, field in Sweep.model_fields.items()} | {"extends"}
    assert rows("spec.md", "| key | what it says | default |").keys() == keys
    assert set(re.findall(r"^  (\w+):", read("spec.md").partition("\nlimits:\n")[2].partition("```")[0], re.M)) == set(
        Limits.model_fields
    )


@pytest.mark.parametrize("kind", ["sampler", "pruner"])
def test_every_sampler_and_pruner_has_a_row_with_its_options(kind: str) -> None:
    registry, context = {"sampler": (SAMPLERS, samplers.CONTEXT), "pruner": (PRUNERS, pruners.CONTEXT)}[kind]
    does = "draws" if kind == "sampler" else "ends"
    told = rows("spec.md", f"| {kind} | options | {does} |")
    assert told.keys() == set(registry)
    for name, options in told.items():
        taken = [option for option in inspect.signature(registry[name]).parameters if option not in context]
        assert sorted(re.findall(r"`(\w+)`", options)) == sorted(taken), name


def test_every_part_of_a_spec_that_is_shown_is_one() -> None:
    """As parts, which a spec that extends another may consist of; each is taken by the schema."""
    validator = Draft202012Validator(schema())
    parts = re.findall(r"^```yaml\n(.*?)^```$", read("spec.md"), re.DOTALL | re.MULTILINE)
    assert len(parts) >= 6
    for text in parts:
        source = Source("spec.md", text)
        node = compose("spec.md", f"extends: other.yaml\n{text}" if "extends:" not in text else text)
        assert node is not None
        assert not list(validator.iter_errors(plain(source, node, ()))) and not source.problems, text


def test_every_diagnosis_has_a_row() -> None:
    text = read("metrics.md")
    assert re.findall(r"^\| \d \| `(\w+)` \|", text, re.MULTILINE) == list(RULES)


def test_every_exit_code_and_every_event_has_a_row() -> None:
    text = read("running.md")
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert codes == {0, *CODES.values(), INTERRUPTED, UNFORESEEN}
    rows = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert rows == {*KINDS.values(), "started", "report", "confirmed", "warning", "done"}
