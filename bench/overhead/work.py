"""The same trials for both sides: a GAN so small that training it takes a moment, and its spec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

GAME: dict[str, Any] = {
    "data": {"name": "gaussians", "modes": 2, "std": 0.3, "count": 500},
    "net": {"name": "mlp", "widths": [8]},
    "batch": 8,
    "latent": 2,
}
LENGTH, REPORTS, SEEDS = 40, 2, 2
LR, LR_RATIO = (1e-3, 1e-1), (0.1, 10.0)
METRIC, OUTPUT = "modes", "high_quality"


def spec(name: str, trials: int, storage: str, length: int = LENGTH) -> dict[str, Any]:
    """The sweep of ``trials`` random configurations, reported twice each, nothing pruned."""
    return {
        "name": name,
        "game": GAME,
        "length": length,
        "seeds": SEEDS,
        "optimizers": ["gda"],
        "trials": trials - 1,  # and the confirmation
        "space": {"lr": {"log": list(LR)}, "lr_ratio": {"log": list(LR_RATIO)}},
        "objective": {"maximize": f"mean.{OUTPUT}"},
        "report_every": length // REPORTS,
        "search": {"sampler": "random", "pruner": "none"},
        "confirm": {"seeds": SEEDS},
        "storage": storage,
    }


def train(lr: float, lr_ratio: float, length: int = LENGTH) -> Iterator[float]:
    """A trial as a script would train it: the mean of the metric at each report."""
    import minmax

    game = minmax.games.get("gan", **GAME)
    optimizer = minmax.optimizers.get("gda", transform="adam")
    run = minmax.train(
        game,
        optimizer,
        {"lr": lr, "lr_ratio": lr_ratio},
        range(SEEDS),
        length=length,
        report_every=length // REPORTS,
        metrics=[METRIC, "symptoms"],  # what the service measures, too
        device="cpu",
    )
    for report in run:
        yield float(report.metrics[OUTPUT].mean())
