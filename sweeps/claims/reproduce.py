"""``sweeps reproduce``: run what is missing, judge it, print it, put it on the page."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import minmax
from minmax.games.gan import Gan
from minmax.registry import did_you_mean
from sweeps.claims import CLAIMS, show, work
from sweeps.claims.claim import Claim
from sweeps.claims.results import Missing, Results
from sweeps.run.trial import build_game

HALF_AN_HOUR = 30.0


class UnknownClaim(ValueError):
    """A name that no claim has; the message says which there are."""


class NotReady(ValueError):
    """A claim's data are not there; the message says what to put where."""


def reproduce(
    names: Sequence[str], workers: int, device: str, root: str, page: Path, as_is: bool, seeds: int | None = None
) -> None:
    """Each claim in turn; without names, those that fit half an hour on two cores, and the rest listed.

    ``seeds``: no more of them a cell than so many.

    Raises:
        UnknownClaim: a name that is none.
        NoPage: the page is another file.
        Missing: ``as_is``, and there is a cell of a named claim of which nothing was run.
        NotReady: a named claim's data are not there.
        WorkFailed: a worker ended with an error.
    """
    chosen = [named(name) for name in names] or affordable()
    show.check(page)
    for claim in chosen:
        try:
            if not as_is:
                prepare(claim)
                work.run([claim], root, workers, device, seeds=seeds)
            tell(claim, Results(root), page)
        except (NotReady, Missing) as missing:
            if names:
                raise
            print(f"{claim.name}: left out; {missing}")
    rest = [claim for claim in CLAIMS.values() if claim not in chosen]
    if not names and rest:
        print("Not run, for they take longer:")
        print("\n".join(_costs(rest)))


def overview(root: str) -> None:
    """What there is, what it takes, and how much of it was run already: first what is run without names."""
    results, fits = Results(root), affordable()
    rest = [claim for claim in CLAIMS.values() if claim not in fits]
    for heading, claims in {"Run without names:": fits, "Run by name only, for they take longer:": rest}.items():
        print("\n".join([heading, *_costs(claims, results)]))


def _costs(claims: Sequence[Claim], results: Results | None = None) -> list[str]:
    """A line a claim: the command, its cost, and how many of its runs there are."""
    lines = []
    for claim in claims:
        line = f"  sweeps reproduce {claim.name:<28}{show.duration(claim.cost)}"
        if results is not None:
            run = sum(len(chunk["curves"]["seeds"]) for name in claim.cells for chunk in results.done(claim, name))
            line += f"; {run} of {sum(cell.seeds for cell in claim.cells.values())} runs made"
        lines.append(line)
    return lines


def prepare(claim: Claim) -> None:
    """Loads (and caches) data, classifiers and what metrics need before workers do.

    Raises:
        NotReady: a file is missing, or not what it should be.
    """
    settings = [cell.setting for cell in claim.cells.values() if "game" in cell.setting]
    for spec in {json.dumps([own["game"], list(own.get("metrics", ()))]) for own in settings}:
        described, metrics = json.loads(spec)
        try:
            game = build_game(described)
            if isinstance(game, Gan) and game.data.classifier is not None:
                game.data.classifier()
            for metric in map(minmax.metrics.get, metrics):
                if metric.prepare is not None:
                    metric.prepare(game)
        except ValueError as error:
            raise NotReady(str(error)) from error


def named(name: str) -> Claim:
    """The claim of that name."""
    if name in CLAIMS:
        return CLAIMS[name]
    raise UnknownClaim(f"claim: {name!r} given; {did_you_mean(name, CLAIMS)}known: {', '.join(CLAIMS)}")


def affordable(minutes: float = HALF_AN_HOUR) -> list[Claim]:
    """The cheapest claims that together take so many minutes on two cores, in the order of the registry."""
    chosen, left = set(), minutes
    for claim in sorted(CLAIMS.values(), key=lambda claim: claim.cost.two_cores):
        if claim.cost.two_cores <= left:
            chosen.add(claim.name)
            left -= claim.cost.two_cores
    return [claim for claim in CLAIMS.values() if claim.name in chosen]


def tell(claim: Claim, results: Results, page: Path) -> None:
    """Judges what is there, prints it, and appends it to the page, with pictures where matplotlib is."""
    judgement = claim.judge({name: results.curves(claim, name) for name in claim.cells})
    show.show(claim, judgement)
    chunks = [chunk for name in claim.cells for chunk in results.done(claim, name)]
    pictures = [os.path.relpath(path, page.parent) for path in _drawn(claim, results, page.with_suffix(""))]
    show.append(page, show.block(claim, judgement, chunks, pictures), list(CLAIMS.values()))


def _drawn(claim: Claim, results: Results, folder: Path) -> list[Path]:
    try:
        from sweeps.claims.film import draw
    except ModuleNotFoundError:
        print("no pictures: they need matplotlib, pip install 'minmax-sweeps[plots]'")
        return []
    return draw(claim, results, folder)
