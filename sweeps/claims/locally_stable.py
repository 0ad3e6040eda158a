"""Descent-ascent is locally stable on saturating GANs, not on Wasserstein GANs, and a regularizer stops the cycles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from minmax.games.zero_sum import around, at, zero_sum
from minmax.lazy import torch
from minmax.types import Batch, Game, Players
from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement
from sweeps.claims.training import train

if TYPE_CHECKING:
    from torch import Tensor

STARTS, STEPS, RATE, ETA = 50, 2000, 0.1, 0.5
NODES = 16


def lq_gan(start: tuple[float, float] = (0.5, 0.5), spread: float = 0.1) -> Game:
    """f(a, w) = E log σ(w·x²) + E log σ(−w·(az)²), x and z uniform on [−1, 1]: the saturating GAN of ``lq_wgan``.

    At the solution (1, 0) F_w bends by ½E x⁴ = 1/10: J = [[0, −m], [m, 1/10]] with m = E z² = 1/3, both eigenvalues to
    the right. The expectations are Gauss–Legendre sums.
    """
    nodes, weights = (torch.as_tensor(each) for each in np.polynomial.legendre.leggauss(NODES))

    def value(players: Players, batch: Batch) -> Tensor:
        a, w = players["a"].unsqueeze(-1), players["w"].unsqueeze(-1)
        squares, shares = nodes.to(a) ** 2, weights.to(a) / 2
        log_sigmoid = torch.nn.functional.logsigmoid
        return ((log_sigmoid(w * squares) + log_sigmoid(-w * a * a * squares)) * shares).sum(-1)

    names = ("a", "w")
    return zero_sum(names, value, around(names, start, spread), solution=at(names, (1.0, 0.0)))


def _cell(game: Mapping[str, Any], optimizer: Mapping[str, Any], hypers: Mapping[str, float]) -> Cell:
    setting = {
        "game": dict(game),
        "optimizer": dict(optimizer),
        "hypers": {"lr": RATE, **hypers},
        "steps": STEPS,
        "report_every": STEPS // 20,
        "metrics": ["distance"],
        "dtype": "float64",
    }
    return Cell(setting, STARTS, train)


GAMES: dict[str, dict[str, Any]] = {
    "lq-gan": {"name": "sweeps.claims.locally_stable:lq_gan"},
    "lq-wgan": {"name": "lq_wgan", "start": [0.9, 0.1], "spread": 0.05},
    "dirac-gan": {"name": "dirac_gan", "spread": 0.2},
    "dirac-wgan": {"name": "dirac_gan", "variant": "wgan", "start": [0.3, 0.3], "spread": 0.1},
}
CELLS = {
    **{f"{name}-gda": _cell(game, {"name": "gda"}, {}) for name, game in GAMES.items()},
    **{f"{name}-regularized": _cell(game, {"name": "gradient_regularized"}, {"eta": ETA})
       for name, game in GAMES.items() if name != "lq-gan"},
}  # fmt: skip


def judge(results: Mapping[str, Curves]) -> Judgement:
    """From how many starts each ends within 0.01 of the equilibrium."""
    published = {"lq-gan-gda": 1.0, "dirac-gan-gda": None, "lq-wgan-gda": 0.0, "dirac-wgan-gda": 0.0}
    verdicts = [
        judging.rate(f"{name.removesuffix('-gda')}: GDA arrives", _arrived(results[name]), told)
        for name, told in published.items()
    ]
    verdicts += [
        judging.rate(f"{name.removesuffix('-regularized')}: regularized, it arrives", _arrived(own), 1.0)
        for name, own in results.items() if name.endswith("regularized")
    ]  # fmt: skip
    beyond = "The Dirac-GAN's data are one point, which the published conditions exclude: descent-ascent circles there."
    return Judgement(verdicts, f"{judging.summary(verdicts)}\n{beyond}")


def _arrived(curves: Curves) -> list[bool]:
    return [distance <= 0.01 for distance in curves.last("distance")]


CLAIM = Claim(
    name="locally-stable",
    source="Nagarajan, Kolter 2017, arXiv 1706.04156",
    statement="Near its equilibrium descent-ascent spirals into a saturating GAN and cycles on a Wasserstein GAN; "
    "penalising the discriminator's gradient norm in the generator's loss stops that.",
    cells=CELLS,
    judge=judge,
    cost=Cost(2.0),
)
