"""CIFAR-10 in the accept/reject notebook's setting: that it runs."""

from __future__ import annotations

from collections.abc import Mapping

from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement
from sweeps.claims.training import train

STEPS = 20
SOURCE = "Keswani, Mangoubi, Sachdeva, Vishnoi 2022, arXiv 2006.12376, and their released notebook"
GAME = {
    "name": "gan",
    "data": {"name": "cifar10", "batches": 1, "held_out": False},
    "net": {"name": "cifar_paper"},
    "loss": "nonsaturating",
    "latent": 100,
    "batch": 64,
}
SETTING = {
    "game": GAME,
    "optimizer": {"name": "accept_reject", "transform": "adam", "schedule": "every"},
    "hypers": {"lr": 2e-4, "beta1": 0.5, "every": 2.0},
    "steps": STEPS,
    "report_every": STEPS // 4,
    "metrics": ["gradients"],
    "film": {"steps": [STEPS], "samples": 16},
}


def judge(results: Mapping[str, Curves]) -> Judgement:
    """It accepts, it rejects, it stays finite."""
    (own,) = results.values()
    taken = [sum(column) / len(column) for column in zip(*own.values["accepted"], strict=True)]
    rows = [
        judging.rate(
            f"{own.steps[-1]} iterations without diverging", [value == 0 for value in own.last("diverged")], 1
        ),
        judging.rate("some proposals accepted, some rejected", [0 < share < 1 for share in taken], 1),
    ]
    ran = "It runs." if all(row.consistent for row in rows) else "It does not run as it should."
    return Judgement([row._replace(published="it trains") for row in rows], f"{ran} Nothing is said of the pictures.")


CLAIM = Claim(
    name="cifar10",
    source=SOURCE,
    statement="Accept/reject trains the notebook's CIFAR-10 pair; this is a smoke of 20 of its 50 000 iterations.",
    cells={"smoke": Cell(SETTING, 2, train, 1)},
    judge=judge,
    cost=Cost(1.5),
)
