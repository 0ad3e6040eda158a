"""The examples in the docs do what they say."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
import torch

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("page", ["fields.md"])
def test_examples(page: str) -> None:
    """The page's Python blocks as one session."""
    text = (DOCS / page).read_text(encoding="utf-8")
    session = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    examples = doctest.DocTestParser().get_doctest(session, {}, page, page, 0)
    assert examples.examples
    said: list[str] = []
    try:
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=said.append)
    finally:
        torch.set_printoptions(profile="default")
    assert not said, "".join(said)
