"""Unrolled and optimistic training on the accept/reject paper's four Gaussians, beside descent-ascent."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement
from sweeps.claims.four_gaussians import PUBLISHED, RADII, cell

SEEDS = 20
SOURCE = "Metz et al. 2017, arXiv 1611.02163; Daskalakis et al. 2018, arXiv 1711.00141; in Keswani et al. 2022"
CELLS: dict[str, Cell] = {
    "gda": cell(PUBLISHED, name="gda"),
    "optimistic": cell(PUBLISHED, name="optimistic"),
    "unrolled": cell(PUBLISHED, name="unrolled", unroll_steps=5),
}


def judge(results: Mapping[str, Curves]) -> Judgement:
    """How often each ends with all modes, by each radius; how often it loses a mode on the way."""
    ended = {name: [share == 1 for share in curves.last("modes")] for name, curves in results.items()}
    lost = {name: _loses(curves) for name, curves in results.items()}
    verdicts = [
        judging.rate(f"{name}: 4 modes within {radius}, iteration {PUBLISHED}",
                     [share == 1 for share in curves.last(metric)])
        for name, curves in results.items() for metric, radius in RADII.items()
    ]  # fmt: skip
    verdicts += [judging.rate(f"{name}: loses a mode that it had (within 0.25)", own) for name, own in lost.items()]
    said = f"{judging.counts('Lost a mode on the way', lost)} {judging.counts('Ended with all four within 0.1', ended)}"
    return Judgement(verdicts, f"No rate was published. {said}")


def _loses(curves: Curves) -> list[bool]:
    """A run loses a mode if it covers some at a report and fewer at the next."""
    columns = zip(*curves.values["modes_quarter"], strict=True)
    return [any(after < before for before, after in pairwise(own)) for own in columns]


CLAIM = Claim(
    name="unrolled-optimistic",
    source=SOURCE,
    statement="On the accept/reject paper's four Gaussians unrolled GANs, too, cycle between modes.",
    cells={name: own._replace(seeds=SEEDS) for name, own in CELLS.items()},
    judge=judge,
    cost=Cost(15.0),
    films=("optimistic", "unrolled"),
    looks="modes_quarter",
)
