"""The change to a GAN loop that README.md shows is five lines, and both sides of it train."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import minmax

ROOT = Path(__file__).parents[1]


def diff() -> list[str]:
    (block,) = re.findall(r"```diff\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    return block.splitlines()


def code(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.S)


def prepared() -> dict[str, Any]:
    """What the loops find: tiny networks, and a loader of points around (1, 1)."""
    torch.manual_seed(0)
    networks = {
        "G": nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)),
        "D": nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1)),
    }
    loader = [1 + 0.1 * torch.randn(32, 2) for _ in range(150)]
    return {**networks, "loader": loader, "torch": torch, "minmax": minmax, "softplus": nn.functional.softplus}


def distance(scope: dict[str, Any]) -> float:
    """Of the generated mean from the real one."""
    with torch.no_grad():
        return float((scope["G"](torch.randn(500, 8)).mean(0) - 1).norm())


@pytest.mark.parametrize("left_out", ["-", "+"])
def test_both_sides_of_the_diff_learn_the_mean(left_out: str) -> None:
    lines = [line[1:] for line in diff() if line[:1] != left_out]
    scope = prepared()
    before = distance(scope)
    exec("\n".join(lines), scope)
    assert distance(scope) < 0.7 * before


def test_the_change_is_five_lines() -> None:
    assert sum(line.startswith("+") for line in diff()) == 5


def test_the_pages_examples_run() -> None:
    """In the order they come, from one scope."""
    scope = prepared()
    scope["loader"] = scope["loader"][:4]
    loop, by_name, apart, pairs, _ = code("docs/optim.md")
    exec(loop, scope)
    assert scope["seen"].keys() == {"generator", "discriminator"}
    exec(by_name, scope)
    g, d, (real, *_) = scope["G"], scope["D"], scope["loader"]

    def closure(batch: torch.Tensor = real) -> tuple[torch.Tensor, torch.Tensor]:
        fake = d(g(torch.randn(len(batch), 8)))
        return -fake.mean(), fake.mean() - d(batch).mean()

    scope |= {"closure": closure, "generator_loss": lambda: closure()[0], "discriminator_loss": lambda: closure()[1]}
    exec(apart, scope)
    exec(pairs, scope)


def test_the_pages_checkpoint_is_read_back(tmp_path: Path) -> None:
    scope = prepared()
    scope |= {"optimizer": minmax.optim.OptimisticAdam(scope["G"], scope["D"], lr=0.1), "path": tmp_path / "checkpoint"}
    exec(code("docs/optim.md")[-1], scope)
    assert torch.load(scope["path"], weights_only=True).keys() == {"g", "d", "o", "rng"}
