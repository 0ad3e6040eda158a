"""Unrolled and optimistic training on the accept/reject paper's two data sets, beside descent-ascent."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from sweeps.claims import four_gaussians, judging, mnist01
from sweeps.claims.claim import Cell, Claim, Cost, Curves, Judgement, Verdict

GAUSSIANS, DIGITS = 20, 12
CELLS: dict[str, Cell] = {
    "gaussians-gda": four_gaussians.cell(four_gaussians.PUBLISHED, name="gda"),
    "gaussians-optimistic": four_gaussians.cell(four_gaussians.PUBLISHED, name="optimistic"),
    "gaussians-unrolled": four_gaussians.cell(four_gaussians.PUBLISHED, name="unrolled", unroll_steps=5),
    "digits-gda": mnist01.cell(mnist01.PUBLISHED, {}, name="gda"),
    "digits-optimistic": mnist01.cell(mnist01.PUBLISHED, {}, name="optimistic"),
    "digits-unrolled": mnist01.cell(mnist01.PUBLISHED, {}, name="unrolled", unroll_steps=5),
}


def judge(results: Mapping[str, Curves]) -> Judgement:
    """How often each ends with all modes, with both digits; how many four Gaussians' modes an unrolled run visits."""
    verdicts = [judging.rate(f"{name}: succeeds at its end", [bool(own) for own in curves.last("success")])
                for name, curves in results.items()]  # fmt: skip
    verdicts.append(_cycles(results["gaussians-unrolled"]))
    return Judgement(verdicts, judging.summary(verdicts))


def _cycles(curves: Curves) -> Verdict:
    """A run cycles if it covers a mode at some report and fewer at a later one."""
    columns = zip(*curves.values["modes_quarter"], strict=True)
    lost = [any(after < before for before, after in pairwise(own)) for own in columns]
    return judging.rate("gaussians-unrolled: loses a mode that it had (within 0.25)", lost)


CLAIM = Claim(
    name="unrolled-optimistic",
    source="Metz et al. 2017, arXiv 1611.02163; Daskalakis et al. 2018, arXiv 1711.00141; in Keswani et al. 2022",
    statement="On the accept/reject paper's data sets unrolled GANs, too, cycle between modes; no rate was published.",
    cells={
        name: cell._replace(seeds=GAUSSIANS if name.startswith("gaussians") else DIGITS) for name, cell in CELLS.items()
    },
    judge=judge,
    cost=Cost(150.0),
    films=("gaussians-optimistic", "gaussians-unrolled"),
    looks="success",
)
