"""The page: every section's data and template joined, with what keeps it inert."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import jinja2
import yaml

from sweeps.judge.answer import shown
from sweeps.judge.maps import WORDS
from sweeps.judge.maps import in_words as in_words_of_map
from sweeps.show.curves import COLOURS, axes, figure, in_words
from sweeps.show.heatmap import heatmap
from sweeps.show.phases import as_text
from sweeps.show.report import cost, why
from sweeps.show.report.answer import answer
from sweeps.show.report.front import front
from sweeps.show.report.samples import samples
from sweeps.show.report.settings import settings
from sweeps.show.report.sides import differences, side
from sweeps.show.report.trials import trials
from sweeps.show.view import STATUSES, ArmView, SweepView
from sweeps.show.wording import inert, number, p_value, percent, setting

SECTIONS = {
    "answer": "Answer",
    "front": "Front",
    "samples": "Samples",
    "cost": "Cost",
    "settings": "Settings",
    "why": "Why",
    "trials": "Trials",
    "spec": "Spec",
}
"""Id of each section -> its name in the page's navigation. Ids stay as they are: links and tests name them."""

MAPPED = ("answer", "settings", "trials", "spec")
"""The sections of a map, which confirms, films and ranks nothing."""

SCRIPTS = ("figures.js", "films.js", "table.js")


def render(view: SweepView) -> str:
    """The page as text, of one sweep or of several side by side (see `sides.together`).

    Names in it are the user's and inert: the template escapes them, and the page's content security policy runs no
    script but those whose checksums it states, and fetches nothing.

    Raises:
        ValueError: a status that is none of ``STATUSES``.
    """
    parts = view.parts or (view,)
    for part in parts:
        if part.status not in STATUSES:
            raise ValueError(f"status {part.status!r} is none of {', '.join(STATUSES)}")
    colours = _colours(view)
    view = view._replace(arms=_best_first(view))
    found: dict[str, Any] = {
        "front": front(view, colours),
        "samples": samples(view, colours),
        "cost": cost.cost(view, colours),
        "settings": settings(view),
        "why": why.why(view, colours),
        "trials": trials(view),
    }
    shared = axes(view.arms)
    figures = {
        f"curves-{at}": figure(arm, colours[arm.arm], shared, view.objective) for at, arm in enumerate(view.arms)
    }
    figures |= {f"map-{at}": heatmap(own) for at, own in enumerate(view.maps)}
    for section in ("front", "cost", "settings", "why"):
        figures |= found[section].figures if found[section] else {}
    scripts = [*([_plotly()] if figures else []), "".join(map(_asset, SCRIPTS))]
    answers = [answer(part) for part in parts]
    return _template().render(
        **found,
        view=view,
        parts=list(zip(parts, answers, strict=True)),
        answers=answers,
        differences=differences(view.parts),
        side=side if view.parts else lambda part, arm: arm,
        sections=_sections(view, fronts=found["front"] is not None),
        figures=figures,
        curves=view.arms,
        words=[word for word in WORDS if any(word == name for row in found["why"].diagnoses for name, _ in row.counts)],
        rated=any(curve.success for arm in view.arms for curve in arm.curves),
        log=shared.log,
        colours={arm: index % COLOURS for arm, index in colours.items()},
        style=_asset("page.css"),
        scripts=scripts,
        policy=_policy(scripts),
    )


def _sections(view: SweepView, fronts: bool) -> dict[str, str]:
    if view.maps and not view.arms:
        return {id: SECTIONS[id] for id in MAPPED}
    return {id: name for id, name in SECTIONS.items() if id != "front" or fronts}


def _best_first(view: SweepView) -> tuple[ArmView, ...]:
    places = {row.arm: index for index, row in enumerate(view.ranking.standings)} if view.ranking else {}
    return tuple(sorted(view.arms, key=lambda arm: places.get(arm.arm, len(places))))


def _colours(view: SweepView) -> dict[str, int]:
    """Each arm's number: there are eight colours, and dashes and marks that tell those of one colour apart."""
    names = [arm.arm for arm in view.arms] + [own.arm for own in view.maps]
    if view.ranking:
        names += [row.arm for row in view.ranking.standings] + [other.arm for other in view.ranking.unranked]
    names += [trial.arm for trial in view.trials]
    return {name: index for index, name in enumerate(dict.fromkeys(names))}


def _policy(scripts: Iterable[str]) -> str:
    """Runs these scripts and no other; fetches nothing."""
    digests = [base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii") for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )


def _spec_yaml(view: SweepView) -> str:
    text: str = yaml.safe_dump(view.spec, sort_keys=False, allow_unicode=True)
    return text


@functools.cache
def _asset(name: str) -> str:
    return files("sweeps.show.report").joinpath("templates", name).read_text(encoding="utf-8")


@functools.cache
def _plotly() -> str:
    """plotly.js itself; imported here because it is megabytes that only a page needs."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: inert(value, lines=True) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": percent, "p_value": p_value, "setting": setting}
    environment.filters |= {
        "shown": shown,
        "in_words": in_words,
        "map_in_words": in_words_of_map,
        "diagnoses_in_words": why.in_words,
        "told": cost.told,
        "told_interval": cost.told_interval,
        "as_text": as_text,
        "spec_yaml": _spec_yaml,
    }
    environment.globals |= {"STATUSES": STATUSES}
    return environment.get_template("page.html.j2")
