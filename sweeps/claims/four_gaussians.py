"""Four Gaussians: does accept/reject learn them where descent-ascent learns one, and which ingredient does it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement, Verdict
from sweeps.claims.training import train
from sweeps.judge.stats import wilson
from sweeps.show.wording import percent

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
RADII = {"modes": "0.1", "modes_3sigma": "3σ", "modes_quarter": "0.25"}
BUDGETS = {cells: PUBLISHED * per for cells, per in (("1", 1.85), ("6", 5.35))}


def judge(results: Mapping[str, Curves]) -> Judgement:
    """The published rates at the published iteration; every cell there and at equal cost; what carries the effect."""
    published = {name: curves.nearest(PUBLISHED) for name, curves in results.items()}
    verdicts = [
        judging.rate(
            f"GDA: at most one mode within {radius}", _modes(results["gda"], metric, published["gda"], (0, 1)), 1
        )
        for metric, radius in RADII.items()
    ]
    for name, said in (("paper-6", "accept/reject"), ("released-6", "as released")):
        for count, told in ((4, 0.68), (3, 0.26)):
            verdicts += [
                judging.rate(f"{said}: {count} modes within {radius}",
                             _modes(results[name], metric, published[name], (count,)), told)
                for metric, radius in RADII.items()
            ]  # fmt: skip
    verdicts += [_row(f"{name}: 4 modes, iteration {PUBLISHED}", own, published[name]) for name, own in results.items()]
    for steps, cost in BUDGETS.items():
        verdicts += [
            _row(f"{name}: 4 modes, cost of accept/reject with {steps} (iteration {own.steps[at]})", own, at)
            for name, own in results.items()
            if (at := judging.at_cost(own, cost)) is not None
        ]
    return Judgement([*verdicts, *_at_equal_updates(results)], _conclusion(results))


def _modes(curves: Curves, metric: str, index: int, counts: tuple[int, ...]) -> list[bool]:
    return [round(4 * share) in counts for share in curves.values[metric][index]]


def _row(what: str, curves: Curves, index: int) -> Verdict:
    """All modes under the three radii; the interval is that of 0.1."""
    counts = {radius: sum(_modes(curves, metric, index, (4,))) for metric, radius in RADII.items()}
    n = len(curves.seeds)
    ours = ", ".join(f"{count} of {n} ({percent(count / n)}) within {radius}" for radius, count in counts.items())
    return Verdict(what, "-", ours, wilson(counts["0.1"], n), None)


def _equal_updates(results: Mapping[str, Curves], steps: str) -> float:
    """The updates that accept/reject has accepted at the published iteration: always accepting's iteration."""
    own = results[f"paper-{steps}"]
    return judging.accepted(own, own.nearest(PUBLISHED))


def _at_equal_updates(results: Mapping[str, Curves]) -> list[Verdict]:
    rows = []
    for steps in BUDGETS:
        always = results[f"always-{steps}"]
        index = always.nearest(_equal_updates(results, steps))
        rows.append(_row(f"always-{steps}: 4 modes, accepted updates of paper-{steps} (iteration "
                         f"{always.steps[index]})", always, index))  # fmt: skip
    return rows


def _conclusion(results: Mapping[str, Curves]) -> str:
    def at(name: str, step: float = PUBLISHED) -> dict[int, bool]:
        return judging.hits(results[name], "modes", results[name].nearest(step))

    def spent(name: str) -> dict[int, bool]:
        own = results[name]
        return at(name, PUBLISHED * results["paper-6"].cost[-1] / own.cost[own.nearest(PUBLISHED)])

    found = judging.contrasts({
        "six discriminator steps against one, always accepting": (at("always-6"), at("always-1")),
        "the same at equal cost": (spent("always-6"), spent("always-1")),
        "rejecting against always accepting, six steps": (at("paper-6"), at("always-6")),
        "rejecting against always accepting, one step": (at("paper-1"), at("always-1")),
        "rejecting against always accepting, six steps, equal accepted updates":
            (at("paper-6"), at("always-6", _equal_updates(results, "6"))),
        "rejecting against always accepting, six steps, equal cost": (at("paper-6"), spent("always-6")),
        "rejecting against always accepting at scaled rates, six steps": (at("paper-6"), at("slow-6")),
        "the released rule against always accepting, six steps": (at("released-6"), at("always-6")),
    })  # fmt: skip
    helps = [own.what for own in found.values() if own.shown > 0]
    hurts = [own.what for own in found.values() if own.shown < 0]
    verdict = judging.method_or_slowness(
        found["rejecting against always accepting, six steps"],
        found["rejecting against always accepting, six steps, equal accepted updates"],
        found["rejecting against always accepting at scaled rates, six steps"],
    )
    carrier = judging.carrier({
        "the six discriminator steps": found["six discriminator steps against one, always accepting"],
        "the rejection": found["rejecting against always accepting, six steps"],
    })  # fmt: skip
    return "\n".join([
        f"{carrier} {verdict}",
        f"Shown to help: {'; '.join(helps) or 'nothing'}. Shown to hurt: {'; '.join(hurts) or 'nothing'}.",
        *(f"- {own}" for own in found.values()),
    ])  # fmt: skip


CLAIM = Claim(
    name="four-gaussians",
    source="Keswani, Mangoubi, Sachdeva, Vishnoi 2022, arXiv 2006.12376, and their released notebook",
    statement="A GAN on four Gaussians after 1500 iterations: GDA ends with one mode in 100% of runs, accept/reject "
    "learns all four in 68% and three in 26%.",
    cells=CELLS,
    judge=judge,
    cost=Cost(300.0),
    films=("gda", "paper-6", "always-6"),
    looks="modes",
)
