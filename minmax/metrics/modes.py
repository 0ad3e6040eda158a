"""Which modes of a mixture a generator has learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.metrics.generated import FAIR_PART, as_gan, enough, samples
from minmax.types import Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

OUTPUTS = {
    "modes": Goal("maximize", best=1.0, worst=0.0),
    "modes_3sigma": Goal("maximize", best=1.0, worst=0.0),
    "modes_quarter": Goal("maximize", best=1.0, worst=0.0),
    "high_quality": Goal("maximize", best=1.0, worst=0.0),
    "kl_modes": Goal("minimize", best=0.0, worst=10.0),
    "success": Goal("maximize", best=1.0, worst=0.0),
}


def modes(count: int = 2500) -> Metric:
    """Shares of a mixture's modes that are covered: a mode is when at least 1/8 of its fair share (count/8k) of the
    generated points lies within a radius of its centre.

    Radii: the data set's own (``modes``: max(3σ, 0.1·scale)), 3σ (``modes_3sigma``), and 0.25 (``modes_quarter``, what
    the eye accepts). ``high_quality``: share of points within 3σ of any centre. ``success``: all modes at the data
    set's own radius. (Research code judged by eye; these rules make it repeatable.) ``kl_modes``: Σ p·log(p/w) of the
    modes' shares p, among the points within the data set's own radius, from their true weights w, in nats; 10 where no
    point is (Srivastava et al. 2017, arXiv 1705.07761, count modes so).

    Raises:
        ValueError: a count below 1, or the game's data has no modes.
    """

    enough(count)

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        points, facts = samples(game, players, generator, count), as_gan(game).data.facts
        if "centres" not in facts:
            raise ValueError("modes: this data set has no modes; gaussians has")
        distance = torch.cdist(points, facts["centres"].to(points).expand(len(points), -1, -1))
        nearest, owner = distance.min(dim=-1)

        def counts(radius: float) -> Tensor:
            near = torch.nn.functional.one_hot(owner, distance.shape[-1]) * (nearest <= radius).unsqueeze(-1)
            return near.sum(1)

        def covered(radius: float) -> Tensor:
            return (counts(radius) >= count / (FAIR_PART * distance.shape[-1])).double().mean(-1)

        own = covered(facts["near"])
        return {
            "modes": own,
            "modes_3sigma": covered(3 * facts["std"]),
            "modes_quarter": covered(0.25),
            "high_quality": (nearest <= 3 * facts["std"]).double().mean(-1),
            "kl_modes": divergence(counts(facts["near"]), facts["weights"].to(nearest)),
            "success": (own == 1).double(),
        }

    return Metric(measure, OUTPUTS)


def divergence(counts: Tensor, weights: Tensor) -> Tensor:
    """KL(p‖w) of the shares p of ``counts [M, k]`` from ``weights [k]``, in nats; the declared worst of no counts."""
    total = counts.sum(-1, keepdim=True)
    share = (counts / total.clamp(min=1)).double()
    away = torch.xlogy(share, share / weights.double()).sum(-1).clamp(0, OUTPUTS["kl_modes"].worst)
    return torch.where(total[:, 0] > 0, away, OUTPUTS["kl_modes"].worst)
