"""A made-up sweep that looks like a real one, from a seeded generator: nothing in it was measured."""

from __future__ import annotations

import io
import math
import random

from optuna.distributions import FloatDistribution
from PIL import Image

from sweeps.judge.power import ties
from sweeps.judge.ranking import ArmResult, rank
from sweeps.judge.standing import Budget
from sweeps.search.trials import Trial
from sweeps.show.view import ArmView, Curve, Film, SweepView

ARMS = {  # name: final success rate, final objective
    "gda": (0.2, 42.0),
    "alternating_gda": (0.55, 12.0),
    "optimistic": (0.85, 5.0),
    "extragradient": (0.8, 5.5),
    "consensus": (0.97, 3.0),
    "accept_reject": (0.35, 20.0),
}
STEPS = tuple(range(200, 2001, 200))
RANGES = {
    "lr": FloatDistribution(1e-4, 1e-2, log=True),
    "lr_ratio": FloatDistribution(0.1, 10, log=True),
    "gamma": FloatDistribution(0.1, 100, log=True),
}
SEEDS = tuple(range(1_000_000, 1_000_032))


def curve(chance: random.Random, kind: str, number: int, members: int, rate: float, goal: float, reports: int) -> Curve:
    """Objectives falling to ``goal`` with noise, and successes that come towards the end."""
    luck = [chance.random() for _ in range(members)]
    objective, success = [], []
    for step in STEPS[:reports]:
        share = step / STEPS[-1]
        level = goal * math.exp(3 * (1 - share))
        objective.append(tuple(level * math.exp(chance.gauss(0, 0.25)) for _ in range(members)))
        success.append(tuple(float(x < rate * share**2) for x in luck))
    costs = tuple(step + 0.5 for step in STEPS[:reports])
    seconds = tuple(step / 300 for step in costs)
    words = tuple("converged" if won else "collapsed" for won in success[-1]) if success else ()
    measures = {}
    if kind == "confirm":
        falling = tuple(tuple(level * 0.1 for level in members) for members in objective)
        covered = tuple(tuple(0.5 + 0.5 * won for won in members) for members in success)
        measures = {"gradient_norm_1": falling, "gradient_norm_2": falling, "covered": covered}
        size = tuple(tuple(2.0 for _ in members) for members in success)
        real = tuple(tuple(1.2 for _ in members) for members in success)
        turns = tuple(tuple(4 / 3 for _ in members) for members in success)
        measures |= {"eigenvalue": size, "eigenvalue_real": real, "rotation": turns}
    done = STEPS[:reports], tuple(objective), tuple(success)
    return Curve(kind, number, *done, words, costs, seconds, measures)


def grid(chance: random.Random, rate: float, cells: int = 6) -> bytes:
    """A grid of 8×8 rings and bars, blurred into noise where the arm is bad."""
    image = Image.new("L", (9 * cells + 1, 9 * cells + 1), 40)
    for cell in range(cells * cells):
        ring = chance.random() < 0.5
        for x in range(8):
            for y in range(8):
                radius = math.hypot(x - 3.5, (y - 3.5) * 0.8)
                ink = 2 < radius < 3.3 if ring else abs(x - 3.5) < 1 and 0 < y < 7
                shade = 230 * ink * rate + chance.random() * 255 * (1 - rate) + 20 * chance.random()
                image.putpixel((9 * (cell % cells) + 1 + x, 9 * (cell // cells) + 1 + y), min(255, int(shade)))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def sweep(trials: int = 6, seeds: tuple[int, ...] = SEEDS, names: dict[str, str] | None = None) -> SweepView:
    """A finished sweep of six arms; ``names`` renames arms."""
    chance = random.Random(0)
    arms, results, rows, spaces = [], [], [], {}
    for name, (rate, goal) in ARMS.items():
        arm = (names or {}).get(name, name)
        curves = []
        for number in range(trials):
            params = {"lr": 10 ** chance.uniform(-4, -2), "lr_ratio": 10 ** chance.uniform(-1, 1)}
            params |= {"gamma": 10 ** chance.uniform(-1, 2)} if name == "consensus" else {}
            pruned, failed = number % 3 == 2, number == 4 and name == "gda"
            reports = 0 if failed else 3 if pruned else len(STEPS)
            quality = chance.random()
            curves.append(curve(chance, "search", number, 8, rate * quality, goal / (0.2 + quality), reports))
            state = "failed" if failed else "pruned" if pruned else "complete"
            value = None if failed else sum(curves[-1].objective[-1]) / 8
            error = "OutOfMemoryError: no room for 8 members" if failed else None
            rows.append(Trial(arm, "search", number, params, state, 1, value, tuple(range(8)), error))
        curves.append(curve(chance, "confirm", 0, len(seeds), rate, goal, len(STEPS)))
        last = curves[-1]
        rows.append(Trial(arm, "confirm", 0, params, "complete", 1, sum(last.objective[-1]) / len(seeds), seeds))
        pruned = trials // 3
        budget = Budget(trials - pruned - 1, pruned, 1, 0, 2000.0 * trials - 1400 * pruned, 1400.0 * pruned)
        results.append(ArmResult(arm, params, seeds, last.success[-1], last.objective[-1], budget))
        frames = grid(random.Random(1), rate / 2), grid(chance, rate)
        arms.append(ArmView(arm, tuple(curves), (Film(f"{arm}/confirm-0000", seeds, (1000.0, 2000.0), frames),)))
        spaces[arm] = {name: RANGES[name] for name in params}
    spec = {"name": "digits", "length": 2000, "seeds": 8, "trials": trials}
    spec["optimizers"] = [{"name": arm.arm} for arm in arms]
    ranking = rank(results, "minimize", "frechet")
    return SweepView(
        name="digits",
        spec=spec,
        status="finished",
        objective="frechet",
        direction="minimize",
        ranking=ranking,
        arms=tuple(arms),
        trials=tuple(rows),
        detail="36 search trials and 6 confirmations in 3:41.",
        written="on a made-up day",
        results=tuple(results),
        ties=ties(ranking, results),
        spaces=spaces,
        place="/made/up/digits",
    )
