"""The report of a sweep: one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib.resources import files
from typing import Any

import jinja2
import yaml

from sweeps.judge.answer import shown
from sweeps.judge.maps import answer as map_answer
from sweeps.judge.maps import in_words as in_words_of_map
from sweeps.judge.ranking import Standing
from sweeps.judge.stats import rate
from sweeps.search.trials import SEARCH, Trial
from sweeps.show.curves import COLOURS, axes, figure, in_words
from sweeps.show.heatmap import heatmap
from sweeps.show.phases import as_text
from sweeps.show.view import STATUSES, ArmView, SweepView
from sweeps.show.wording import diagnosed, inert, number, p_value, percent

SECTIONS = {
    "answer": "Answer",
    "samples": "Samples",
    "cost": "Cost",
    "settings": "Settings",
    "why": "Why",
    "trials": "Trials",
    "spec": "Spec",
}
"""Id of each section -> its name in the page's navigation. Ids stay as they are: links and tests name them."""


def render(view: SweepView) -> str:
    """The page as text: the answer and its table, curves, samples, every trial.

    Names in it are the user's and inert: the template escapes them, and the page's content security policy runs no
    script but the two whose checksums it states, and fetches nothing.

    Raises:
        ValueError: a status that is none of ``STATUSES``.
    """
    if view.status not in STATUSES:
        raise ValueError(f"status {view.status!r} is none of {', '.join(STATUSES)}")
    colours = _colours(view)
    view = view._replace(arms=_best_first(view))
    shared = axes(view.arms)
    figures = {
        f"curves-{at}": figure(arm, colours[arm.arm], shared, view.objective) for at, arm in enumerate(view.arms)
    }
    figures |= {f"map-{at}": heatmap(shown) for at, shown in enumerate(view.maps)}
    scripts = {"plotly": _plotly(), "page": _asset("figures.js")} if figures else {}
    return _template().render(
        view=view,
        status=STATUSES[view.status],
        answer=_answer(view),
        rows=view.ranking.standings if view.ranking else (),
        figures=figures,
        samples=[(arm.arm, arm.samples, _data_uri(arm.samples.png)) for arm in view.arms if arm.samples],
        trials=view.trials,
        parameters=list(dict.fromkeys(name for trial in view.trials for name in trial.params)),
        last_success=_last_success(view),
        diagnoses={(arm.arm, curve.kind, curve.number): curve.diagnoses for arm in view.arms for curve in arm.curves},
        rated=any(curve.success for arm in view.arms for curve in arm.curves),
        log=shared.log,
        colours=colours,
        spec=yaml.safe_dump(view.spec, sort_keys=False, allow_unicode=True),
        sections=SECTIONS,
        style=_asset("page.css"),
        scripts=scripts,
        policy=_policy(scripts.values()),
    )


def _answer(view: SweepView) -> str:
    if view.maps:
        return map_answer(view.maps)
    return view.ranking.answer if view.ranking else "Nothing has been confirmed yet, so nothing can be ranked."


def _best_first(view: SweepView) -> tuple[ArmView, ...]:
    places = {row.arm: index for index, row in enumerate(view.ranking.standings)} if view.ranking else {}
    return tuple(sorted(view.arms, key=lambda arm: places.get(arm.arm, len(places))))


def _colours(view: SweepView) -> dict[str, int]:
    names = [arm.arm for arm in view.arms] + [shown.arm for shown in view.maps]
    if view.ranking:
        names += [row.arm for row in view.ranking.standings] + [other.arm for other in view.ranking.unranked]
    return {name: index % COLOURS for index, name in enumerate(dict.fromkeys(names))}


def _last_success(view: SweepView) -> dict[tuple[str, str, int], float]:
    """The share of a trial's seeds that succeeded at its last report."""
    return {
        (arm.arm, curve.kind, curve.number): rate(curve.success[-1])
        for arm in view.arms
        for curve in arm.curves
        if curve.success
    }


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _state(trial: Trial) -> str:
    return "waiting" if trial.attempt == 0 else trial.state


def _forest(row: Standing) -> str:
    """What the drawn interval says, for those who do not see it."""
    if row.interval is None:
        return ""
    low, high = percent(row.interval.low), percent(row.interval.high)
    return f"{row.successes} of {row.seeds} seeds succeeded; the 95% interval is {low} to {high}"


def _policy(scripts: Any) -> str:
    """Runs these scripts and no other; fetches nothing."""
    digests = [base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii") for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


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
    environment.filters |= {"number": number, "percent": percent, "p_value": p_value}
    environment.filters |= {
        "forest": _forest,
        "state": _state,
        "in_words": in_words,
        "diagnosed": diagnosed,
        "shown": shown,
        "map_in_words": in_words_of_map,
        "as_text": as_text,
    }
    environment.globals |= {"SEARCH": SEARCH}
    return environment.get_template("page.html.j2")
