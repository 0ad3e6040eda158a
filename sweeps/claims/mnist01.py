"""0-1 MNIST: does accept/reject keep both digits where descent-ascent forgets the zeros?"""

from __future__ import annotations

from typing import Any

from sweeps.claims.claim import Cell
from sweeps.claims.training import train

GAME = {
    "name": "gan",
    "data": {"name": "mnist01"},
    "net": {"name": "mnist_mlp"},
    "loss": "nonsaturating",
    "latent": 100,
    "batch": 128,
}
ADAM = {"lr": 2e-4, "beta1": 0.5}
PUBLISHED, EVERY, SEEDS, CHUNK = 1000, 50, 40, 4
FILM = {"steps": [100, 200, 300, 400, 500, 600, 800, 1000], "samples": 16}


def cell(steps: int, hypers: dict[str, float], **optimizer: Any) -> Cell:
    """The notebook's pair under an optimizer, for so many iterations."""
    setting = {
        "game": GAME,
        "optimizer": {**optimizer, "transform": "adam"},
        "hypers": {**ADAM, **hypers},
        "steps": steps,
        "report_every": EVERY,
        "metrics": ["digits"],
        "film": FILM,
    }
    return Cell(setting, SEEDS, train, CHUNK)


SLOWER = {"lr": 8e-5}  # the learning rate times the share of proposals that the paper's rule accepts here
CELLS = {
    "paper": cell(PUBLISHED, {"every": 5.0}, name="accept_reject", schedule="every"),
    "gda": cell(1550, {}, name="alternating_gda"),
    "slow": cell(PUBLISHED, SLOWER, name="alternating_gda"),
}
