"""Forty and more specs that are wrong, by the kinds of mistake that there are: each is told in exactly these words.

They stand in ``bad_specs.txt``, each as its kind, the lines that a good spec has instead of its own (``-key``: none;
after ``whole``, all there is) and, after ``>``, what is said. What ends in … goes on with what there is to choose from.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from test_spec import GOOD, written

from sweeps.spec.source import SpecErrors
from sweeps.spec.sweep import load


class Fault(NamedTuple):
    kind: str
    text: str
    said: list[str]


def fault(block: str) -> Fault:
    kind, *lines = block.split("\n")
    text = "".join(f"{line}\n" for line in lines if not line.startswith("> "))
    said = [line[2:] for line in lines if line.startswith("> ")]
    if kind.endswith(" whole"):
        return Fault(kind.removesuffix(" whole"), text, said)
    gone = dict.fromkeys(re.findall(r"^-(\w+)\n", text, flags=re.MULTILINE), "")
    parts = re.findall(r"^((\w+):.*\n(?: .*\n)*)", text, flags=re.MULTILINE)
    changed: dict[str, str] = {}
    for part, key in parts:
        changed[key] = changed.get(key, "") + part
    return Fault(kind, written(GOOD, **gone, **{key: part.rstrip("\n") for key, part in changed.items()}), said)


FAULTS = [fault(block) for block in (Path(__file__).parent / "bad_specs.txt").read_text().strip().split("\n\n")]


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{fault.kind} {fault.said[0][10:60]}" for fault in FAULTS])
def test_a_wrong_spec_is_told_in_these_words(fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(fault.text)
    with pytest.raises(SpecErrors) as caught:
        load(Path("spec.yaml"))
    found = str(caught.value).split("\n")
    assert [as_far_as(line, wanted) for line, wanted in zip(found, fault.said, strict=True)] == fault.said
    assert os.listdir() == ["spec.yaml"], "nothing is created"


def as_far_as(line: str, wanted: str) -> str:
    return f"{line[: len(wanted) - 1]}…" if wanted.endswith("…") else line


def test_they_are_forty_of_every_kind() -> None:
    kinds = {f"B{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 17, 24, 27)} | {"S12"}
    assert {fault.kind for fault in FAULTS} == kinds and len(FAULTS) >= 40
    assert len({fault.text for fault in FAULTS}) == len(FAULTS)
