"""Maps of the 1×1 bilinear game, cell by cell against its closed forms: what a step multiplies the distance by."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from math import log, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from sweeping import driven

import minmax

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic")

STEPS = 400
SPEC = """
name: map
game: {{name: bilinear, matrix: [[1.0]]}}
length: {length}
optimizers: [{optimizer}]
transform: {transform}
space: {space}
map: {{axes: {axes}, size: {size}, chunk: 100}}
"""


class Case(NamedTuple):
    """A map, and the spectral radius of a step at each of its points. ``margin``: of |steps · ln ρ|, below which the
    word is left open: the run is too short to tell."""

    optimizer: str
    transform: str
    space: str
    radius: Callable[[float, float], float]
    margin: float = 6.0  # e⁻⁶ over the run is less than 1% of the first report's distance at the last two


def consensus(h: float, gamma: float) -> float:
    return sqrt((1 - h * gamma) ** 2 + h * h)


def simultaneous(h: float, ratio: float) -> float:
    return sqrt(1 + h * h * ratio)


def extragradient(h: float, ratio: float) -> float:
    sigma = h * sqrt(ratio)
    return sqrt(1 - sigma**2 + sigma**4)


def heavy_ball(h: float, momentum: float) -> float:
    return float(abs(np.roots([1, -(1 + 1j * h + momentum), momentum])).max())


def alternating_heavy_ball(h: float, momentum: float) -> float:
    """Both velocities, then both players: v′ = bv + y, x′ = x − hv′; w′ = bw − x′, y′ = y − hw′."""
    x, y, v, w = np.eye(4)
    v = momentum * v + y
    x = x - h * v
    w = momentum * w - x
    y = y - h * w
    return float(abs(np.linalg.eigvals(np.stack([x, y, v, w]))).max())


LR, RATIO = "lr: {log: [0.01, 3]}", "lr_ratio: {log: [0.1, 10]}"
CASES = {
    "consensus": Case("consensus", "sgd", f"{{{LR}, gamma: {{log: [0.01, 10]}}}}", consensus),
    "gda": Case("gda", "sgd", f"{{{LR}, {RATIO}}}", simultaneous),
    "extragradient": Case("extragradient", "sgd", f"{{{LR}, {RATIO}}}", extragradient),
    "momentum": Case("gda", "momentum", f"{{{LR}, momentum: {{uniform: [-0.8, 0.8]}}}}", heavy_ball, 12.0),
    "negative momentum": Case(
        "alternating_gda", "momentum", f"{{{LR}, momentum: {{uniform: [-0.8, 0.8]}}}}", alternating_heavy_ball, 12.0
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_every_cell_is_what_its_closed_form_says(tmp_path: Path, name: str) -> None:
    """Nowhere a wrong word; and the right one wherever the run is long enough to tell."""
    case = CASES[name]
    cost = minmax.optimizers.get(case.optimizer, transform=case.transform).cost
    other = next(axis for axis in ("gamma", "lr_ratio", "momentum") if axis in case.space)
    text = SPEC.format(length=round(STEPS * cost), axes=f"[lr, {other}]", size=13, **case._asdict())
    driven(tmp_path, text)
    with open(tmp_path / "map" / "map.csv") as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == 13 * 13
    sure: Counter[str] = Counter()
    for cell in cells:
        radius = case.radius(float(cell["lr"]), float(cell[other]))
        word, where = cell["diagnosis"], f"lr {cell['lr']}, {other} {cell[other]}: radius {radius}"
        assert word in ("converged", "diverged", "cycling", "unsettled"), where
        if abs(STEPS * log(radius)) >= case.margin:
            expected = "converged" if radius < 1 else "diverged"
            assert word == expected, where
            sure[expected] += 1
        elif case.margin == 6:  # a normal matrix: the distance has no other way to go
            assert word != ("converged" if radius >= 1 else "diverged"), where
    assert sum(sure.values()) >= 13 * 13 / 3, sure
    assert (sure["converged"] == 0) == (name in ("gda", "momentum"))
    assert sure["diverged"] > 20
