"""Unrolled and optimistic training on the accept/reject paper's 0-1 MNIST, beside descent-ascent."""

from __future__ import annotations

from collections.abc import Mapping

from sweeps.claims import judging
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement
from sweeps.claims.mnist01 import PUBLISHED, cell
from sweeps.claims.unrolled_optimistic import SOURCE

SEEDS, CHUNK = 12, 2
CELLS: dict[str, Cell] = {
    "gda": cell(PUBLISHED, {}, name="gda"),
    "optimistic": cell(PUBLISHED, {}, name="optimistic"),
    "unrolled": cell(PUBLISHED, {}, name="unrolled", unroll_steps=5),
}


def judge(results: Mapping[str, Curves]) -> Judgement:
    """How often each ends with both digits."""
    both = {name: [bool(own) for own in curves.last("success")] for name, curves in results.items()}
    verdicts = [judging.rate(f"{name}: both digits, iteration {PUBLISHED}", own) for name, own in both.items()]
    return Judgement(verdicts, f"No rate was published. {judging.counts('Ended with both digits', both)}")


CLAIM = Claim(
    name="unrolled-optimistic-digits",
    source=SOURCE,
    statement="Unrolled and optimistic GANs on the accept/reject paper's zeros and ones of MNIST.",
    cells={name: own._replace(seeds=SEEDS, chunk=CHUNK) for name, own in CELLS.items()},
    judge=judge,
    cost=Cost(65.0),
    films=("optimistic", "unrolled"),
    looks="ones",
)
