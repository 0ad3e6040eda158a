"""The examples in the docs do what they say."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import pytest
import torch

import minmax
from minmax.diagnosis import RULES

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


def test_every_diagnosis_has_a_row() -> None:
    text = read("metrics.md")
    assert re.findall(r"^\| \d \| `(\w+)` \|", text, re.MULTILINE) == list(RULES)
