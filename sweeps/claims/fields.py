"""Curl and cos-sin: what rotates, what consensus tames, and the equilibria that it invents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import minmax
from minmax import field
from minmax.field.equilibria import MADE_STABLE, STABLE
from minmax.lazy import torch
from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement, Played, Setting
from sweeps.claims.judging import rate, tells, theory
from sweeps.claims.training import train

BOUND = 3.5
GAMMAS = (0.0, 0.5, 0.9, 1.1, 2.0, 5.0)
GRID = [(lr, gamma) for lr in (0.05, 0.2, 0.45, 0.9, 1.5) for gamma in (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)]


def rotation(setting: Setting, seeds: Sequence[int], device: str) -> Played:
    """The Jacobian's eigenvalues at the curl field's equilibrium."""
    game = minmax.games.get("curl")
    values = field.eigenvalues(game, field.players_at(game, torch.zeros(1, 2, dtype=torch.float64)), {})[0]
    parts = {"re": [values.real.tolist()], "im": [values.imag.tolist()]}
    return Played(Curves(list(seeds), [0], [0.0], parts), {})


def equilibria(setting: Setting, seeds: Sequence[int], device: str) -> Played:
    """Of cos-sin in a box, seed i at the i-th γ: how many zeros, how many stable, how many of these spurious."""
    game, side = minmax.games.get("cos_sin"), setting["bound"]
    found = [field.find_equilibria(game, -side, side, gamma=setting["gammas"][seed]) for seed in seeds]
    values = {
        "zeros": [[float(len(each)) for each in found]],
        "stable": [[float(sum(one.kind == STABLE for one in each)) for each in found]],
        "spurious": [[float(sum(one.spurious == MADE_STABLE for one in each)) for each in found]],
    }
    return Played(Curves(list(seeds), [0], [0.0], values), {})


def _consensus(game: str, steps: int, hypers: Mapping[str, object]) -> dict[str, object]:
    return {
        "game": {"name": game},
        "optimizer": {"name": "consensus"},
        "hypers": hypers,
        "steps": steps,
        "report_every": steps // 2,
        "metrics": ["distance", "sweeps.claims.measures:coordinates"],
        "dtype": "float64",
    }


CELLS = {
    "eigenvalues": Cell({}, 2, rotation, places=True),
    "region": Cell(_consensus("curl", 400, {"lr": [lr for lr, _ in GRID], "gamma": [g for _, g in GRID]}),
                   len(GRID), train, places=True),
    "equilibria": Cell({"bound": BOUND, "gammas": GAMMAS}, len(GAMMAS), equilibria, places=True),
    **{f"cos-sin-{gamma}": Cell(_consensus("cos_sin", 4000, {"lr": 0.05, "gamma": gamma}), 100, train)
       for gamma in (0.5, 2.0)},
}  # fmt: skip


def judge(results: Mapping[str, Curves]) -> Judgement:
    """±i; h < 2γ/(1 + γ²); saddles turn stable at γ = 1."""
    spectrum, region, zeros = results["eigenvalues"], results["region"], results["equilibria"]
    near, far = region.values["distance"]
    shrinks = [after < before for before, after in zip(near, far, strict=True)]
    predicted = [lr < 2 * gamma / (1 + gamma**2) for lr, gamma in GRID]
    agree = sum(own == told for own, told in zip(shrinks, predicted, strict=True))
    spurious = zeros.last("spurious")
    early, late = [[count for gamma, count in zip(GAMMAS, spurious, strict=True) if (gamma > 1) == over]
                   for over in (False, True)]  # fmt: skip
    verdicts = [
        theory("curl: eigenvalues' real part", 0.0, spectrum.last("re")),
        theory("curl: eigenvalues' |imaginary part|", 1.0, [abs(value) for value in spectrum.last("im")]),
        tells("curl: consensus converges iff h < 2γ/(1 + γ²)", f"{sum(predicted)} of {len(GRID)} (h, γ)",
              f"{sum(shrinks)} of {len(GRID)} (h, γ), {agree} as predicted", agree == len(GRID)),
        tells("cos-sin: spurious stable equilibria at γ < 1", "none", _counts(GAMMAS, spurious, False), not any(early)),
        tells("cos-sin: spurious stable equilibria at γ > 1", "some", _counts(GAMMAS, spurious, True), all(late)),
        rate("cos-sin: consensus from 100 starts rests at a saddle, γ = 0.5", _rests(results["cos-sin-0.5"]), 0.0),
        rate("cos-sin: consensus from 100 starts rests at a saddle, γ = 2", _rests(results["cos-sin-2.0"])),
    ]  # fmt: skip
    return Judgement(verdicts, judging.summary(verdicts))


def _rests(curves: Curves) -> list[bool]:
    """Away from every centre, and where it was halfway: below γ = 1 players also walk on from saddle to saddle."""
    ends = zip(*(curves.last(name) for name in ("distance", "first", "second")), strict=True)
    halfway = zip(*(curves.values[name][0] for name in ("first", "second")), strict=True)
    return [
        distance > 1 and abs(x - x0) + abs(y - y0) < 1e-3
        for (distance, x, y), (x0, y0) in zip(ends, halfway, strict=True)
    ]


def _counts(gammas: Sequence[float], counts: Sequence[float], over: bool) -> str:
    return ", ".join(f"{count:.0f} at γ = {gamma:g}" for gamma, count in zip(gammas, counts, strict=True)
                     if (gamma > 1) == over)  # fmt: skip


CLAIM = Claim(
    name="curl-cos-sin",
    source="Mescheder, Nowozin, Geiger 2017, arXiv 1705.10461, as F. Huszár retells it",
    statement="The curl field's eigenvalues are ±i and consensus converges for γ large enough; as γ grows, saddles "
    "become spurious equilibria that attract.",
    cells=CELLS,
    judge=judge,
    cost=Cost(0.5),
)
