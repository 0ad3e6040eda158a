"""f = xy: simultaneous descent-ascent spirals outwards, whatever the rate; play of rock-paper-scissors goes round."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import minmax
from minmax import field, tree
from minmax.lazy import torch
from minmax.streams import generator
from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement, Played, Setting, Verdict
from sweeps.claims.judging import exact, tells, theory
from sweeps.claims.training import train
from sweeps.judge.stats import median

RATES, MOMENTA = (0.1, 0.05, 0.3, 0.6), (0.5, 0.9)
SEEDS, TURNS = 10, 3
GAME = {"name": "bilinear", "matrix": [[1.0]]}


def doubling(rate: float) -> float:
    """Steps until √(1 + α²)ⁿ = 2."""
    return 2 * math.log(2) / math.log1p(rate**2)


def _spiral(rate: float, steps: int, momentum: float | None = None) -> Cell:
    rule = {"transform": "sgd"} if momentum is None else {"transform": "momentum"}
    setting = {
        "game": GAME,
        "optimizer": {"name": "gda", **rule},
        "hypers": {"lr": rate} if momentum is None else {"lr": rate, "momentum": momentum},
        "steps": steps,
        "report_every": 1,
        "metrics": ["distance"],
        "dtype": "float64",
    }
    return Cell(setting, SEEDS, train)


def circle(setting: Setting, seeds: Sequence[int], device: str) -> Played:
    """The flow from where each seed starts: the radius over its start, ``turns`` times round."""
    game = minmax.games.get("curl")
    starts = tree.stack([game.init(generator(seed, "init")) for seed in seeds])
    times = torch.linspace(0, 2 * math.pi * setting["turns"], 20 * setting["turns"] + 1, dtype=torch.float64)
    path = field.flow(game, tree.map(lambda z: z.double(), starts), times)
    radius = torch.stack([z**2 for z in tree.leaves(path)]).sum(0).sqrt()
    values = {"radius": (radius / radius[0]).tolist()}
    return Played(Curves(list(seeds), list(range(len(times))), times.tolist(), values), {})


ROCK_PAPER_SCISSORS = {
    "game": {"name": "rock_paper_scissors"},
    "optimizer": {"name": "gda"},
    "hypers": {"lr": 1.0},
    "steps": 3000,
    "report_every": 10,
    "metrics": ["sweeps.claims.measures:favourite", "distance"],
    "dtype": "float64",
}
CELLS: Mapping[str, Cell] = {
    **{f"rate-{rate}": _spiral(rate, math.ceil(1.5 * doubling(rate))) for rate in RATES},
    **{f"momentum-{momentum}": _spiral(0.1, 209, momentum) for momentum in MOMENTA},
    "flow": Cell({"turns": TURNS}, SEEDS, circle),
    "rock-paper-scissors": Cell(ROCK_PAPER_SCISSORS, SEEDS, train),
}


def growth(curves: Curves) -> list[float]:
    """Each seed's factor a step, from the first report to the last."""
    first, last = curves.values["distance"][0], curves.last("distance")
    return [(b / a) ** (1 / (curves.steps[-1] - curves.steps[0])) for a, b in zip(first, last, strict=True)]


def judge(results: Mapping[str, Curves]) -> Judgement:
    """The closed forms; and that three actions take turns."""
    spirals = [results[f"rate-{rate}"] for rate in RATES]
    verdicts: list[Verdict] = [
        theory(f"α = {rate}: radius a step, √(1 + α²)", math.hypot(1, rate), growth(curves))
        for rate, curves in zip(RATES, spirals, strict=True)
    ]
    delays = [_steps_to_double(curves) * rate**2 for rate, curves in zip(RATES, spirals, strict=True)]
    verdicts.append(
        tells("steps to double · α²: a smaller rate only delays", f"→ 2·ln 2 = {exact(2 * math.log(2))}",
              ", ".join(f"{delay:.2f} at α = {rate}" for rate, delay in zip(RATES, delays, strict=True)),
              all(_delay_fits(rate, delay) for rate, delay in zip(RATES, delays, strict=True)))
    )  # fmt: skip
    drift = [
        max(abs(row[i] - 1) for row in results["flow"].values["radius"]) for i in range(len(results["flow"].seeds))
    ]
    verdicts.append(theory(f"the flow is a circle: drift of its radius in {TURNS} turns", 0.0, drift, 1e-6))
    plain = median(growth(results["rate-0.1"]))
    for momentum in MOMENTA:
        own = growth(results[f"momentum-{momentum}"])
        verdicts.append(
            tells(f"momentum {momentum} makes it worse (α = 0.1)", f"> {exact(plain)} a step",
                  f"{exact(median(own))} a step", min(own) > plain)
        )  # fmt: skip
    rounds = [_rounds(column) for column in zip(*results["rock-paper-scissors"].values["favourite"], strict=True)]
    verdicts.append(
        tells("the favourite: rock, scissors, paper, rock, …", "a cycle without end",
              f"{min(rounds)} to {max(rounds)} rounds in 3000 steps", min(rounds) >= 3)
    )  # fmt: skip
    return Judgement(verdicts, judging.summary(verdicts))


def _steps_to_double(curves: Curves) -> int:
    radius = [median(row) for row in curves.values["distance"]]
    return next(step for step, own in zip(curves.steps, radius, strict=True) if own >= 2 * radius[0]) - curves.steps[0]


def _delay_fits(rate: float, delay: float) -> bool:
    return doubling(rate) * rate**2 <= delay + 1e-9 and delay < (doubling(rate) + 1) * rate**2 + 1e-9


def _rounds(favourites: Sequence[float]) -> int:
    """How often, at the end, the favourite went round from rock (0) by scissors (2) and paper (1): three turns each."""
    turns = [(before - after) % 3 == 1 for before, after in pairwise(favourites)
             if before != after]  # fmt: skip
    astray = next((back for back, right in enumerate(reversed(turns)) if not right), len(turns))
    return astray // 3


CLAIM = Claim(
    name="xy",
    source="Goodfellow 2016, arXiv 1701.00160 (xy, the circle); Gidel et al. 2019, arXiv 1807.04740 (momentum)",
    statement="Simultaneous descent-ascent on f = xy multiplies the radius by √(1 + α²) a step; a smaller rate only "
    "delays that, infinitely small steps go round in a circle, momentum makes it worse, rock-paper-scissors cycles.",
    cells=CELLS,
    judge=judge,
    cost=Cost(0.1),
)
