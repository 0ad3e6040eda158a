"""Four Gaussians once more, every arm at its own best learning rates, all at equal length in field units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sweeps.claims import four_gaussians, judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement
from sweeps.judge.stats import mean

SEEDS = 20
LENGTH = four_gaussians.BUDGETS["6"]  # what accept/reject, published, has cost at its end
RATES = [(lr, ratio) for lr in (5e-4, 1e-3, 2e-3) for ratio in (0.1, 0.5)]
"""Of the generator, and how many times as fast the discriminator is: the notebook's (1e-3, 0.1) and five around it."""


class Arm(NamedTuple):
    """An optimizer, the field units that an iteration of it costs, and hypers of its own."""

    optimizer: Mapping[str, Any]
    per: float
    hypers: Mapping[str, float] = {}


ARMS = {
    "gda": Arm({"name": "gda"}, 1.0),
    "always-1": Arm({"name": "alternating_gda"}, 1.2),
    "always-6": Arm({"name": "alternating_gda", "ascent_steps": 6}, 4.7),
    "paper-6": Arm({**four_gaussians.RULE, "ascent_steps": 6}, 5.35, four_gaussians.OFTEN),
    "optimistic": Arm({"name": "optimistic"}, 1.0),
}


def _cell(arm: Arm, lr: float, ratio: float) -> Cell:
    steps = round(LENGTH / arm.per / four_gaussians.EVERY) * four_gaussians.EVERY
    whole = four_gaussians.cell(steps, {**arm.hypers, "lr": lr, "lr_ratio": ratio}, **arm.optimizer)
    setting = {key: own for key, own in whole.setting.items() if key != "film"}
    return Cell({**setting, "report_every": steps // 5}, SEEDS, whole.play, whole.chunk)


def _name(arm: str, lr: float, ratio: float) -> str:
    return f"{arm}-{lr:g}-{ratio:g}"


CELLS = {_name(name, lr, ratio): _cell(arm, lr, ratio) for name, arm in ARMS.items() for lr, ratio in RATES}


def judge(results: Mapping[str, Curves]) -> Judgement:
    """How often each arm ends with all modes, each half of its seeds at the rates that are best on the other half."""
    found = {arm: _tuned(results, arm) for arm in ARMS}
    hits = {arm: {seed: share == 1 for seed, (share, _) in own.items()} for arm, own in found.items()}
    verdicts = [judging.rate(f"{arm}, tuned: 4 modes within 0.1, {LENGTH:g} field units", list(own.values()))
                for arm, own in hits.items()]  # fmt: skip
    contrasts = judging.contrasts({
        "rejecting against always accepting, six steps, both tuned": (hits["paper-6"], hits["always-6"]),
        "six discriminator steps against one, both tuned": (hits["always-6"], hits["always-1"]),
        "six steps and rejecting against simultaneous descent-ascent, both tuned": (hits["paper-6"], hits["gda"]),
        "optimistic against simultaneous descent-ascent, both tuned": (hits["optimistic"], hits["gda"]),
    })  # fmt: skip
    rates = "; ".join(f"{arm} {', '.join(dict.fromkeys(at for _, at in own.values()))}" for arm, own in found.items())
    ended = judging.counts(
        "Ended with all four modes within 0.1", {arm: list(own.values()) for arm, own in hits.items()}
    )
    lines = [f"Nothing was published of tuned arms. {ended}", f"Rates chosen: {rates}.",
             *(f"- {each}" for each in contrasts.values())]  # fmt: skip
    return Judgement(verdicts, "\n".join(lines))


def _tuned(results: Mapping[str, Curves], arm: str) -> dict[int, tuple[float, str]]:
    """Seed -> its share of modes at the end, and the rates that were best on the other half of the seeds."""
    ends = {}
    for lr, ratio in RATES:
        own = results[_name(arm, lr, ratio)]
        ends[f"{lr:g}/{lr * ratio:g}"] = dict(zip(own.seeds, own.last("modes"), strict=True))
    common = sorted(set.intersection(*(set(own) for own in ends.values())))
    tuned: dict[int, tuple[float, str]] = {}
    for judged, chosen_on in judging.halves(common):
        best = max(ends, key=lambda at: mean([ends[at][seed] for seed in chosen_on]))
        tuned |= {seed: (ends[best][seed], best) for seed in judged}
    return tuned


CLAIM = Claim(
    name="four-gaussians-tuned",
    source="Keswani, Mangoubi, Sachdeva, Vishnoi 2022, arXiv 2006.12376, and their released notebook",
    statement="The four Gaussians of the notebook at equal length, every arm at the best of six pairs of rates.",
    cells=CELLS,
    judge=judge,
    cost=Cost(160.0),
)
