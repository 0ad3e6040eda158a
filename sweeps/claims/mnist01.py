"""0-1 MNIST: does accept/reject keep both digits where descent-ascent forgets the zeros?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement
from sweeps.claims.training import train
from sweeps.judge.stats import mean
from sweeps.show.wording import percent

GAME = {
    "name": "gan",
    "data": {"name": "mnist01"},
    "net": {"name": "mnist_mlp"},
    "loss": "nonsaturating",
    "latent": 100,
    "batch": 128,
}
ADAM = {"lr": 2e-4, "beta1": 0.5}
PUBLISHED, EVERY, SEEDS, CHUNK = 1000, 50, 40, 4
EYE = 0.1
FILM = {"steps": [100, 200, 300, 400, 500, 600, 800, 1000], "samples": 16}


def cell(steps: int, hypers: dict[str, float], **optimizer: Any) -> Cell:
    """The notebook's pair under an optimizer, for so many iterations."""
    setting = {
        "game": GAME,
        "optimizer": {**optimizer, "transform": "adam"},
        "hypers": {**ADAM, **hypers},
        "steps": steps,
        "report_every": EVERY,
        "metrics": ["digits"],
        "film": FILM,
    }
    return Cell(setting, SEEDS, train, CHUNK)


SLOWER = {"lr": 8e-5}  # the learning rate times the share of proposals that the paper's rule accepts here
CELLS = {
    "paper": cell(PUBLISHED, {"every": 5.0}, name="accept_reject", schedule="every"),
    "gda": cell(1550, {}, name="alternating_gda"),
    "slow": cell(PUBLISHED, SLOWER, name="alternating_gda"),
}


def judge(results: Mapping[str, Curves]) -> Judgement:
    """Both digits, by the classifier: when published, after as many accepted updates, at equal cost, and slowed."""
    paper, gda, slow = (results[name] for name in ("paper", "gda", "slow"))
    last, published = paper.nearest(PUBLISHED), gda.nearest(PUBLISHED)
    updates, spent = gda.nearest(judging.accepted(paper, last)), judging.at_cost(gda, paper.cost[last])
    places = {
        f"GDA: both digits, iteration {PUBLISHED}": published,
        f"GDA: both digits, accepted updates of accept/reject (iteration {gda.steps[updates]})": updates,
    }
    if spent is not None:
        places[f"GDA: both digits, cost of accept/reject (iteration {gda.steps[spent]})"] = spent
    own = judging.hits(paper, "success", last)
    slowed = judging.hits(slow, "success", slow.nearest(PUBLISHED))
    others = {what: judging.hits(gda, "success", at) for what, at in places.items()}
    verdicts = [
        judging.rate(f"accept/reject: both digits, iteration {PUBLISHED}", list(own.values()), 0.86),
        *(judging.rate(what, list(each.values()), 0.23 if at == published else None)
          for (what, each), at in zip(others.items(), places.values(), strict=True)),
        judging.rate(f"GDA at 0.4 of its rates: both digits, iteration {PUBLISHED}", list(slowed.values())),
    ]  # fmt: skip
    verdicts += [
        judging.rate(
            f"{who}: each digit on {percent(EYE)} of pictures or more, iteration {PUBLISHED}", _seen(each, at), told
        )
        for who, each, at, told in (("accept/reject", paper, last, 0.86), ("GDA", gda, published, 0.23))
    ]
    found = judging.contrasts({f"accept/reject against {what}": (own, each) for what, each in
                               {**others, "GDA at 0.4 of its rates": slowed}.items()})  # fmt: skip
    at_once, after_updates, *_, slower = found.values()
    share = percent(judging.accepted(paper, last) / PUBLISHED)
    ones = {"accept/reject": (paper, last), "GDA": (gda, published), "GDA after as many updates": (gda, updates)}
    said = ", ".join(f"{percent(mean(each.values['ones'][at]))} for {who}" for who, (each, at) in ones.items())
    lines = [
        judging.method_or_slowness(at_once, after_updates, slower),
        f"Accepted: {share} of proposals. Ones among the pictures: {said}.",
        *(f"- {each}" for each in found.values()),
    ]
    return Judgement(verdicts, "\n".join(lines))


def _seen(curves: Curves, index: int) -> list[bool]:
    """Whether an eye that forgives what is no digit would see both."""
    return [min(pair) >= EYE for pair in zip(*(curves.values[name][index] for name in ("zeros", "ones")), strict=True)]


CLAIM = Claim(
    name="mnist01",
    source="Keswani, Mangoubi, Sachdeva, Vishnoi 2022, arXiv 2006.12376, and their released notebook",
    statement="A GAN on the zeros and ones of MNIST at iteration 1000: both digits in 86% of accept/reject runs and in "
    "23% of GDA runs.",
    cells=CELLS,
    judge=judge,
    cost=Cost(300.0),
    films=("gda", "paper"),
    looks="ones",
)
