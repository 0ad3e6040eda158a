"""CIFAR-10 in the accept/reject notebook's setting, to its end: for a GPU."""

from __future__ import annotations

from sweeps.claims import cifar10
from sweeps.claims.claim import Cell, Claim, Cost
from sweeps.claims.training import train

STEPS = 50_000
GAME = {**cifar10.GAME, "data": {"name": "cifar10", "held_out": False}}
SETTING = {
    **cifar10.SETTING,
    "game": GAME,
    "steps": STEPS,
    "report_every": STEPS // 50,
    "metrics": ["gradients", "kid", "diversity"],
    "film": {"steps": [1000, 2000, 5000, 10_000, 20_000, 50_000], "samples": 16},
}

CLAIM = Claim(
    name="cifar10-whole",
    source=cifar10.SOURCE,
    statement="Accept/reject trains the notebook's CIFAR-10 pair for its 50 000 iterations; its scores, of a home-made "
    "inception score, are not compared.",
    cells={"whole": Cell(SETTING, 2, train, 1)},
    judge=cifar10.judge,
    cost=Cost(2250.0),
)
