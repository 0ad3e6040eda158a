"""Four Gaussians: does accept/reject learn them where descent-ascent learns one, and which ingredient does it?"""

from __future__ import annotations

from typing import Any

from sweeps.claims.claim import Cell
from sweeps.claims.training import train

GAME = {
    "name": "gan",
    "data": {"name": "gaussians", "layout": "four"},
    "net": {"name": "mlp", "widths": [128, 128], "activation": "relu", "gain": 0.8},
    "loss": "minimax",
    "latent": 256,
    "batch": 512,
}
ADAM = {"lr": 1e-3, "lr_ratio": 0.1, "beta1": 0.5}
PUBLISHED, EVERY, SEEDS, CHUNK = 1500, 100, 50, 10
FILM = {"steps": [100, 300, 500, 700, 900, 1100, 1300, 1500], "samples": 200}


def cell(steps: int, hypers: dict[str, float] | None = None, **optimizer: Any) -> Cell:
    """The notebook's GAN under an optimizer, for so many iterations."""
    setting = {
        "game": GAME,
        "optimizer": {**optimizer, "transform": "adam"},
        "hypers": {**ADAM, **(hypers or {})},
        "steps": steps,
        "report_every": EVERY,
        "metrics": ["modes"],
        "film": FILM,
    }
    return Cell(setting, SEEDS, train, CHUNK)


RULE: dict[str, Any] = {"name": "accept_reject", "schedule": "every"}
OFTEN = {"every": 4.0}
SLOWER = {"lr": 4e-4}  # the learning rate times the share of proposals that the paper's rule accepts here
CELLS = {
    "gda": cell(PUBLISHED, name="gda"),
    "paper-6": cell(PUBLISHED, OFTEN, **RULE, ascent_steps=6),
    "always-6": cell(1700, name="alternating_gda", ascent_steps=6),
    "released-6": cell(1700, OFTEN, name="accept_reject", as_released=True, ascent_steps=6),
    "paper-1": cell(4300, OFTEN, **RULE, ascent_steps=1),
    "always-1": cell(6700, name="alternating_gda", ascent_steps=1),
    "slow-6": cell(1700, SLOWER, name="alternating_gda", ascent_steps=6),
    "slow-1": cell(2300, SLOWER, name="alternating_gda", ascent_steps=1),
    "released-1": cell(2100, OFTEN, name="accept_reject", as_released=True, ascent_steps=1),
}
