"""Accept/reject where its authors draw it: on xy in a box, and on F1, F2, F3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import minmax
from minmax import tree
from minmax.types import Game
from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement
from sweeps.claims.judging import rate
from sweeps.claims.training import train

BOX, RATE, STARTS, KEPT = 5.0, 0.05, 100, 100
LINE = BOX * RATE / 2
FIRST_FREE = {"accept": 1.0, "temperature": 1e-3}  # f before the first answer counts as infinite; no luck afterwards
SMALL = {"f1": (2.0, 0.25), "f3": (3.0, 0.05)}  # the slope of y's answer at 0, and y's rate


def boxed_f2(bound: float = 20.0) -> Game:
    """F2 on [−B, B]²: y, in which it is convex, runs to an edge."""
    return replace(minmax.games.get("f2"), project=lambda players: tree.map(lambda z: z.clamp(-bound, bound), players))


def _cell(game: str, optimizer: Mapping[str, Any], hypers: Mapping[str, float], steps: int) -> Cell:
    setting = {
        "game": {"name": game},
        "optimizer": optimizer,
        "hypers": hypers,
        "steps": steps,
        "report_every": 1 if steps <= 200 else 20,
        "metrics": ["sweeps.claims.measures:coordinates"],
        "dtype": "float64",
    }
    return Cell(setting, STARTS, train)


GREEDY = {"name": "accept_reject", "to_tolerance": True, "ascent_steps": 50, "patience": 21}
RANDOM = {**GREEDY, "proposal": "gaussian", "ascent_steps": 2000}
PUBLISHED = {"scale": 0.5, "delta": 0.03, "tolerance": 1e-3, **FIRST_FREE}
F2 = "sweeps.claims.toys:boxed_f2"
CELLS = {
    "xy-accept-reject": _cell("xy", GREEDY, {"lr": RATE, "lr_ratio": 1e4, "tolerance": 1e-6, **FIRST_FREE}, 200),
    "xy-gda": _cell("xy", {"name": "gda"}, {"lr": RATE}, 1000),
    **{f"{name}-accept-reject": _cell(name, RANDOM, {"lr": h, **PUBLISHED}, 80) for name, (_, h) in SMALL.items()},
    **{f"{name}-gda": _cell(name, {"name": "gda"}, {"lr": 0.05}, 401) for name in SMALL},
    "f2-accept-reject": _cell(F2, RANDOM, {"lr": 0.05, **PUBLISHED}, 130),
    "f2-gda": _cell("f2", {"name": "gda"}, {"lr": 0.05}, 401),
}


def judge(results: Mapping[str, Curves]) -> Judgement:
    """Who ends where, from each start."""
    line = f"|x| ≤ Bη/2 = {LINE:g} at the last {KEPT} steps"
    verdicts = [
        rate(f"xy: accept/reject {line}", _stays(results["xy-accept-reject"]), 1.0),
        rate(f"xy: GDA {line}", _stays(results["xy-gda"]), 0.0),
    ]
    for name, (slope, _) in SMALL.items():
        for who, told in (("accept-reject", 1.0), ("gda", 0.0)):
            own = results[f"{name}-{who}"]
            there = [abs(x) < 0.3 and abs(y - slope * x) < 0.05
                     for x, y in zip(own.last("first"), own.last("second"), strict=True)]  # fmt: skip
            verdicts.append(rate(f"{name.upper()}: {who.replace('-', '/')} ends at the min-max point", there, told))
    for who, told in (("gda", 1.0), ("accept-reject", 0.0)):
        own = results[f"f2-{who}"]
        lured = [max(abs(x), abs(y)) < 1e-3 for x, y in zip(own.last("first"), own.last("second"), strict=True)]
        verdicts.append(rate(f"F2: {who.replace('-', '/')} ends at (0, 0), no min-max point", lured, told))
    return Judgement(verdicts, judging.summary(verdicts))


def _stays(curves: Curves) -> list[bool]:
    kept = [row for step, row in zip(curves.steps, curves.values["first"], strict=True)
            if step > curves.steps[-1] - KEPT]  # fmt: skip
    return [all(abs(x) <= LINE + 1e-9 for x in column) for column in zip(*kept, strict=True)]


CLAIM = Claim(
    name="accept-reject-toys",
    source="Keswani, Mangoubi, Sachdeva, Vishnoi 2022, arXiv 2006.12376, and their released low-dimensional settings",
    statement="On xy in [−5, 5]² accept/reject ends and stays at the line x = 0 and GDA does not; it ends at the "
    "min-max points of F1 and F3, which GDA leaves, and not at F2's (0, 0), no min-max point, where GDA converges.",
    cells=CELLS,
    judge=judge,
    cost=Cost(1.0),
)
