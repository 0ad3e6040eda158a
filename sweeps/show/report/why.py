"""Why: what became of the seeds, which modes were forgotten, how hard players were pushed, how the field turned."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from sweeps.judge.maps import WORDS
from sweeps.judge.stats import mean, median, quantile
from sweeps.search.trials import CONFIRM, SEARCH
from sweeps.show.report.charts import (
    LEVELS,
    MARKS,
    Figure,
    axis,
    band,
    layout,
    line,
    log_axis,
    plain,
    short,
    turn,
)
from sweeps.show.view import ArmView, Curve, Members, SweepView
from sweeps.show.wording import count, diagnosed, number, percent

PLAYERS = {"gradient_norm_1": "first player", "gradient_norm_2": "second player"}
LOST = 1e-9


class Diagnoses(NamedTuple):
    """An arm's bar: how many of its seeds came to each diagnosis, in the order of legends. ``kind``: whether these are
    seeds of the confirmation, or of the search for want of one."""

    arm: str
    kind: str
    counts: tuple[tuple[str, int], ...]

    @property
    def seeds(self) -> int:
        """All of them."""
        return sum(n for _, n in self.counts)


class Drawn(NamedTuple):
    """A chart's name, a title, and what it shows in words."""

    name: str
    title: str
    words: str


class Why(NamedTuple):
    """The section; ``hints``: what to ask of a spec for what is not there."""

    figures: dict[str, Figure]
    diagnoses: tuple[Diagnoses, ...]
    modes: tuple[Drawn, ...]
    gradients: tuple[Drawn, ...]
    eigenvalues: tuple[Drawn, ...]
    hints: tuple[str, ...]


def why(view: SweepView, colours: Mapping[str, int]) -> Why:
    """The section of a sweep."""
    known = {arm.arm: curve for arm in view.arms if (curve := _confirmation(arm)) is not None}
    figures: dict[str, Figure] = {}
    modes = tuple(_modes(at, arm, curve, figures) for at, (arm, curve) in enumerate(known.items()) if _covers(curve))
    gradients = tuple(
        _gradients(output, known, colours, figures)
        for output in PLAYERS
        if any(output in curve.measures for curve in known.values())
    )
    turning = {arm: _spectrum(curve) for arm, curve in known.items()}
    eigenvalues = tuple(
        _eigenvalues(at, arm, found, colours[arm], figures) for at, (arm, found) in enumerate(turning.items()) if found
    )
    modal = bool(modes) or any(arm.orbits for arm in view.arms)  # a game of two numbers has none
    hints = _hints(bool(known), modal, bool(gradients), bool(eigenvalues))
    return Why(figures, tuple(_diagnoses(view)), modes, gradients, eigenvalues, hints)


def _confirmation(arm: ArmView) -> Curve | None:
    """The first confirmation that counts."""
    return next((c for c in arm.curves if c.kind == CONFIRM and c.counts and c.measures), None)


def _hints(any_known: bool, modes: bool, gradients: bool, eigenvalues: bool) -> tuple[str, ...]:
    if not any_known:
        return ()
    hints = []
    if not modes:
        hints.append("Modes over training are shown for data with modes or a classifier (metric forgetting).")
    if not gradients:
        hints.append("Gradient norms are shown with “metrics: [gradients]” in the spec.")
    if not eigenvalues:
        hints.append(
            "Leading eigenvalues are shown with “metrics: [eigenvalues]” in the spec (dear for networks: about 40 "
            "field units a report)."
        )
    return tuple(hints)


def _diagnoses(view: SweepView) -> list[Diagnoses]:
    rows = []
    for arm in view.arms:
        for kind in (CONFIRM, SEARCH):
            words = [word for curve in arm.curves if curve.kind == kind and curve.counts for word in curve.diagnoses]
            if words:
                counted = Counter(words)
                rows.append(Diagnoses(arm.arm, kind, tuple((word, counted[word]) for word in WORDS if counted[word])))
                break
    return rows


def in_words(row: Diagnoses) -> str:
    """The bar, for those who do not see it."""
    return diagnosed([word for word, n in row.counts for _ in range(n)])


def _covers(curve: Curve) -> bool:
    return bool(curve.measures.get("covered"))


def _modes(at: int, arm: str, curve: Curve, figures: dict[str, Figure]) -> Drawn:
    """A row a seed, those that end with most modes at the top: a line that darkens has forgotten."""
    covered = curve.measures["covered"]
    seeds = sorted(range(len(covered[0])), key=lambda seed: tuple(report[seed] for report in reversed(covered)))
    rows = [[short(report[seed]) for report in covered] for seed in seeds]
    name = f"modes-{at}"
    trace = {
        "type": "heatmap", "z": rows, "x": [short(step) for step in curve.steps], "zmin": 0, "zmax": 1,
        "colorscale": LEVELS, "ygap": 0.5, "hovertemplate": "%{z:.0%} covered at %{x:,}<extra></extra>",
        "colorbar": {"thickness": 10, "outlinewidth": 0, "tickformat": ".0%", "dtick": 0.5, "xpad": 4},
    }  # fmt: skip
    upright = axis("seeds", showticklabels=False, ticks="", showgrid=False)
    figures[name] = {"data": [trace], "layout": layout(axis("field units", showgrid=False), upright, 260)}
    return Drawn(name, arm, _forgetting(covered))


def _forgetting(covered: Sequence[Members]) -> str:
    """On how many seeds something that was covered was lost, and what the seeds had at the end."""
    seeds = list(zip(*covered, strict=True))
    lost = sum(any(b < a - LOST for a, b in pairwise(own)) for own in seeds)
    end = mean([own[-1] for own in seeds])
    most = mean([max(own) for own in seeds])
    return (
        f"{lost} of {count(len(seeds), 'seed')} lost modes that they had had; on average a seed covered "
        f"{percent(most)} of the modes at its best report and {percent(end)} at the end."
    )


def _gradients(
    output: str, known: Mapping[str, Curve], colours: Mapping[str, int], figures: dict[str, Figure]
) -> Drawn:
    lines, bands, words, values = [], [], [], []
    for arm, curve in known.items():
        reports = curve.measures.get(output)
        if not reports:
            continue
        middle = [median(members) for members in reports]
        low, high = ([quantile(members, q) for members in reports] for q in (0.25, 0.75))
        values += middle
        form = "%{y:.3~g} at %{x:,}<extra>%{fullData.name}</extra>"
        lines.append(line(arm, curve.steps, middle, colours[arm], hovertemplate=form))
        bands.append(band(curve.steps, low, high, colours[arm]))
        words.append(f"{arm} from {number(middle[0])} to {number(middle[-1])}")
    name, title = f"gradients-{output[-1]}", "norm of the gradient"
    figures[name] = {"data": bands + lines, "layout": layout(axis("field units"), log_axis(title, values))}
    return Drawn(name, f"Gradient of the {PLAYERS[output]}", f"Medians over the seeds: {'; '.join(words)}.")


def _spectrum(curve: Curve) -> list[tuple[float, list[tuple[float, float]]]]:
    """At each step the leading eigenvalue of each seed as (Re, |Im|), from |λ|, Re and |Im|/|Re|.

    Where several eigenvalues were asked for these may be of different ones; then they do not fit together, and are left
    out, as are those that did not converge.
    """
    sizes, reals, turns = (curve.measures.get(name, ()) for name in ("eigenvalue", "eigenvalue_real", "rotation"))
    if not (sizes and reals and turns):
        return []
    found = []
    for step, *members in zip(curve.steps, sizes, reals, turns, strict=True):
        own = [(real, math.sqrt(size**2 - real**2)) for size, real, turn in zip(*members, strict=True)
               if _fits(size, real, turn)]  # fmt: skip
        found.append((step, own))
    return found if any(own for _, own in found) else []


def _fits(size: float, real: float, turn: float) -> bool:
    if not 0 < size < 1e6 or abs(real) > size:
        return False
    imaginary = math.sqrt(size**2 - real**2)
    return turn >= 1e6 or abs(turn * abs(real) - imaginary) <= 1e-3 * size


def _eigenvalues(
    at: int, arm: str, found: Sequence[tuple[float, Sequence[tuple[float, float]]]], index: int,
    figures: dict[str, Figure],
) -> Drawn:  # fmt: skip
    steps = [step for step, own in found for _ in own]
    real = [short(re) for _, own in found for re, _ in own]
    imaginary = [short(im) for _, own in found for _, im in own]
    last = found[-1][0] or 1.0
    trace = {
        "type": "scatter", "mode": "markers", "x": real * 2, "y": imaginary + [-im for im in imaginary],
        "customdata": steps * 2, "showlegend": False,
        "hovertemplate": "%{x:.3~g} %{y:+.3~g}i at %{customdata:,}<extra></extra>",
        "marker": {
            "symbol": MARKS[turn(index)], "size": 7, "color": [short(step / last) for step in steps] * 2, "cmin": 0,
            "cmax": 1, "colorscale": LEVELS, "line": {"width": 0.5, "color": "var(--ink)"},
            "colorbar": {
                "thickness": 10, "outlinewidth": 0, "tickvals": [0, 1], "ticktext": ["start", "end"], "xpad": 4,
            },
        },
    }  # fmt: skip
    origin = {"zeroline": True, "zerolinecolor": "var(--quiet)"}
    name = f"eigenvalues-{at}"
    figures[name] = {"data": [trace], "layout": layout(axis("Re λ", **origin), axis("Im λ", **origin), 320)}
    return Drawn(name, plain(arm), _turning(found))


def _turning(found: Sequence[tuple[float, Sequence[tuple[float, float]]]]) -> str:
    parts = []
    for when, (step, own) in (("first", found[0]), ("last", found[-1])):
        if own:
            repelled = sum(re < 0 for re, _ in own)
            turning = sum(im >= abs(re) for re, im in own)
            parts.append(
                f"at the {when} report ({number(step)}) {turning} of {len(own)} seeds had |Im\u00a0λ| ≥ "
                f"|Re\u00a0λ|, and {repelled} had Re\u00a0λ < 0, which repels"
            )
    text = "; ".join(parts) or "no eigenvalue at the first and the last report"
    return f"{text[0].upper()}{text[1:]}."
