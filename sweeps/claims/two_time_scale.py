"""The toy of two time scales: four runs with two learning rates."""

from __future__ import annotations

from collections.abc import Mapping

from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement
from sweeps.claims.training import train
from sweeps.judge.stats import median
from sweeps.show.wording import number

NEAR = 0.1
RATES = {"one": (0.01, 0.01), "one-slow": (0.001, 0.001), "x-slow": (1e-4, 0.01), "y-slow": (0.01, 1e-4)}
"""Of x and of y."""


def _cell(x: float, y: float) -> Cell:
    setting = {
        "game": {"name": "two_time_scale"},
        "optimizer": {"name": "alternating_gda"},
        "hypers": {"lr": x, "lr_ratio": y / x},
        "steps": 5000,
        "report_every": 25,
        "metrics": ["distance"],
        "dtype": "float64",
    }
    return Cell(setting, 200, train)


def judge(results: Mapping[str, Curves]) -> Judgement:
    """The two printed norms; who is near first; who strays least."""
    norms = {name: curves.last("distance") for name, curves in results.items()}
    arrivals = {name: median(_arrivals(curves)) for name, curves in results.items()}
    middle = {name: median(own) for name, own in norms.items()}
    verdicts = [
        judging.one_run("rates 0.01, 0.01: final norm, which strays", 0.794, norms["one"]),
        judging.one_run("rates 0.001, 0.001: final norm", 0.0102, norms["one-slow"]),
        judging.tells(f"x slowed (1e-4, 0.01): near ({NEAR}) sooner than (0.001, 0.001)",
                      f"< {arrivals['one-slow']:.0f} steps", f"{arrivals['x-slow']:.0f} steps, median",
                      arrivals["x-slow"] < arrivals["one-slow"]),
        judging.tells("y slowed (0.01, 1e-4): strays less than (0.01, 0.01)", f"final norm < {number(middle['one'])}",
                      f"{number(middle['y-slow'])}, median", middle["y-slow"] < middle["one"]),
    ]  # fmt: skip
    return Judgement(verdicts, judging.summary(verdicts))


def _arrivals(curves: Curves) -> list[float]:
    """The first report at which each seed is near; one report after the last for those that never are."""
    never = curves.steps[-1] + 25
    columns = zip(*curves.values["distance"], strict=True)
    return [float(next((step for step, own in zip(curves.steps, column, strict=True) if own <= NEAR), never))
            for column in columns]  # fmt: skip


CLAIM = Claim(
    name="two-time-scale",
    source="Heusel et al. 2017, arXiv 1706.08500, and the notebook released with it",
    statement="On (1 + x²)(100 − y²) with noisy gradients, after 5000 steps: rates (0.01, 0.01) stray (norm 0.794), "
    "(0.001, 0.001) converge (0.0102), slowing x alone converges faster, slowing y alone strays less than the first.",
    cells={name: _cell(*rates) for name, rates in RATES.items()},
    judge=judge,
    cost=Cost(2.0),
)
