"""Two learning rates against one, with Adam, on MNIST at equal length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement
from sweeps.claims.training import train
from sweeps.judge.stats import median
from sweeps.show.wording import number

STEPS, SEEDS, CHUNK = 2000, 16, 4
GAME = {
    "name": "gan",
    "data": {"name": "mnist"},
    "net": {"name": "mnist_mlp"},
    "loss": "nonsaturating",
    "latent": 100,
    "batch": 128,
}
RATES = {
    "one": (2e-4, 2e-4),
    "one-slow": (1e-4, 1e-4),
    "generator-slow": (1e-4, 4e-4),
    "discriminator-slow": (4e-4, 1e-4),
}
"""Of the generator and of the discriminator."""
ONE, TWO = ("one", "one-slow"), ("generator-slow", "discriminator-slow")


def _cell(generator: float, discriminator: float) -> Cell:
    setting = {
        "game": GAME,
        "optimizer": {"name": "alternating_gda", "transform": "adam"},
        "hypers": {"lr": generator, "lr_ratio": discriminator / generator, "beta1": 0.5},
        "steps": STEPS,
        "report_every": 250,
        "metrics": ["frechet"],
    }
    return Cell(setting, SEEDS, train, CHUNK)


def judge(results: Mapping[str, Curves]) -> Judgement:
    """On how many seeds the better pair of two rates ends with a lower Fréchet distance than the better single rate,
    which is which having been chosen on the other half of the seeds: of several the best is better by chance alone."""
    finals = {name: dict(zip(own.seeds, own.last("frechet"), strict=True)) for name, own in results.items()}
    common = sorted(set.intersection(*(set(own) for own in finals.values())))
    wins: list[bool] = []
    for judged, chosen_on in judging.halves(common):
        one, two = (_best(finals, names, chosen_on) for names in (ONE, TWO))
        wins += [finals[two][seed] < finals[one][seed] for seed in judged]
    row = judging.rate("two rates end lower than one", wins)
    told = row.interval is not None and row.interval.low > 0.5
    verdict = row._replace(published="more often than not", consistent=told)
    said = ", ".join(f"{number(median(list(own.values())))} for {name}" for name, own in finals.items())
    return Judgement([verdict], f"{judging.summary([verdict])}\nMedian Fréchet distance: {said}.")


def _best(finals: Mapping[str, Mapping[int, float]], names: Sequence[str], seeds: Sequence[int]) -> str:
    """The pair of rates with the lowest median on these seeds."""
    return min(names, key=lambda name: median([finals[name][seed] for seed in seeds]))


CLAIM = Claim(
    name="ttur",
    source="Heusel et al. 2017, arXiv 1706.08500",
    statement="Two time scales, with Adam, end with a lower Fréchet distance than one (published on larger pictures: "
    "on CIFAR-10 36.9 against 37.7, on SVHN 12.5 against 21.4).",
    cells={name: _cell(*rates) for name, rates in RATES.items()},
    judge=judge,
    cost=Cost(35.0),
)
