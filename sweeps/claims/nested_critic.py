"""A Wasserstein critic trained to near-convergence before each step of the generator, against simultaneous steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement
from sweeps.claims.training import train

STARTS, STEPS, EVERY, RATE = 50, 1500, 25, 0.02
KEPT = 500  # steps, at the end
NEAR = 2 * RATE  # the critic's slope is 1 there, so the generator steps by its rate to and fro


def _cell(optimizer: Mapping[str, Any], hypers: Mapping[str, float]) -> Cell:
    setting = {
        "game": {"name": "dirac_gan", "variant": "wgan", "spread": 0.3},
        "optimizer": dict(optimizer),
        "hypers": {"lr": RATE, **hypers},
        "steps": STEPS,
        "report_every": EVERY,
        "metrics": ["sweeps.claims.measures:coordinates"],
        "dtype": "float64",
    }
    return Cell(setting, STARTS, train)


CELLS = {
    "nested": _cell({"name": "nested", "ascent_steps": 20}, {"lr_ratio": 5e3, "tolerance": 1e-6}),
    "simultaneous": _cell({"name": "gda"}, {}),
}


def judge(results: Mapping[str, Curves]) -> Judgement:
    """From how many starts the generator ends and stays at the data."""
    verdicts = [
        judging.rate(f"{name}: the generator within {NEAR:g} at the last {KEPT} steps", _stays(results[name]), told)
        for name, told in (("nested", 1.0), ("simultaneous", 0.0))
    ]
    return Judgement(verdicts, judging.summary(verdicts))


def _stays(curves: Curves) -> list[bool]:
    kept = [row for step, row in zip(curves.steps, curves.values["first"], strict=True)
            if step > curves.steps[-1] - KEPT]  # fmt: skip
    return [all(abs(place) <= NEAR for place in column) for column in zip(*kept, strict=True)]


CLAIM = Claim(
    name="nested-critic",
    source="Arjovsky, Chintala, Bottou 2017, arXiv 1701.07875, as F. Huszár discusses it",
    statement="With the critic trained to near-convergence first, a Wasserstein GAN's generator descends and arrives; "
    "with simultaneous steps it cycles.",
    cells=CELLS,
    judge=judge,
    cost=Cost(1.0),
)
