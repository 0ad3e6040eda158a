"""The report: everything in one inert file, with the numbers of the ranking, whatever the sweep's state and names."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import plotly.graph_objects
import pytest
from plausible import ARMS, SEEDS, STEPS, sweep

from sweeps.judge.ranking import rank
from sweeps.judge.stats import median, quantile
from sweeps.show.curves import axes, figure, in_words
from sweeps.show.report.page import SECTIONS, render
from sweeps.show.view import STATUSES, ArmView, Curve, SweepView

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"
VOID = {"meta", "img", "br", "line", "circle", "input"}


class Page(HTMLParser):
    """Tags, texts and attributes of a page; refuses tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.raw: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif data.strip() and "style" not in self.open:
            self.text.append(" ".join(data.split()))
            self.raw.append(data)

    def attributes(self, tag: str, name: str) -> list[str]:
        return [attrs[name] or "" for found, attrs in self.tags if found == tag and name in attrs]

    @property
    def policy(self) -> str:
        return next(a["content"] or "" for _, a in self.tags if a.get("http-equiv") == "Content-Security-Policy")

    @property
    def figures(self) -> dict[str, dict[str, Any]]:
        found = [text for attrs, text in self.scripts if attrs.get("id") == "figures"]
        return json.loads(found[0]) if found else {}

    @property
    def films(self) -> dict[str, Any]:
        return json.loads(next(text for attrs, text in self.scripts if attrs.get("id") == "films"))


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(sweep()))


def test_parts_come_in_order(page: Page) -> None:
    ids = [attrs["id"] for tag, attrs in page.tags if tag == "h2"]
    assert ids == [f"{section}-title" for section in SECTIONS if section != "front"]


def test_the_table_shows_the_ranking_s_numbers(page: Page) -> None:
    ranking = sweep().ranking
    assert ranking is not None
    assert ranking.answer in page.text
    for row in ranking.standings:
        assert f"{row.successes}/32" in page.text
        label = f"{row.successes} of 32 seeds succeeded; the 95% interval is"
        assert any(text.startswith(label) for text in page.attributes("svg", "aria-label"))
    rows = len(ranking.standings)
    spans = [attrs for tag, attrs in page.tags if tag == "line" and attrs["class"] == "span"]
    ends = [(float((s["x1"] or "")[:-1]) / 100, float((s["x2"] or "")[:-1]) / 100) for s in spans[: 3 * rows : 3]]
    assert ends == [pytest.approx(row.interval) for row in ranking.standings]
    circles = [float(x[:-1]) / 100 for x in page.attributes("circle", "cx")[:rows]]
    assert circles == pytest.approx([row.rate for row in ranking.standings])


def test_nothing_is_fetched_and_no_other_script_runs(page: Page) -> None:
    executed = [text for attrs, text in page.scripts if "type" not in attrs]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in executed]
    assert page.policy.startswith("default-src 'none'; script-src ")
    assert re.findall(r"'sha256-([^']+)'", page.policy) == digests
    assert "unsafe-inline" not in page.policy.split("style-src")[0]
    assert not any("src" in attrs for attrs, _ in page.scripts)
    assert not any(tag in ("link", "iframe", "object", "base") for tag, _ in page.tags)
    assert all(source.startswith("data:image/png;base64,") for source in page.attributes("img", "src"))
    assert not any(link.partition("#")[0] for link in page.attributes("a", "href") if not link.startswith("trials/"))


def test_pictures_are_the_records_bytes_with_a_text_beside(page: Page) -> None:
    drawn = {film.frames[-1] for arm in sweep().arms for film in arm.films}
    assert {base64.b64decode(source.partition(",")[2]) for source in page.attributes("img", "src")} == drawn
    assert any(
        text.startswith("Grid of samples of consensus/confirm-0000, at 1,000: ") and "; at 2,000: " in text
        for text in page.attributes("img", "alt")
    )
    frames = [frame for arm in page.films["arms"] for film in arm["films"] for frame in film["frames"]]
    whole = [frame for arm in sweep().arms for film in arm.films for frame in film.frames]
    assert sorted(base64.b64decode(frame.partition(",")[2]) for frame in frames) == sorted(whole)


def test_arms_are_shown_best_first(page: Page) -> None:
    ranking = sweep().ranking
    assert ranking is not None
    alts = [text.split("/")[0].removeprefix("Grid of samples of ") for text in page.attributes("img", "alt")]
    assert alts == [row.arm for row in ranking.standings]


def test_every_trial_is_listed(page: Page) -> None:
    for trial in sweep().trials:
        assert trial.key in page.text
    assert "OutOfMemoryError: no room for 8 members" in page.text


def test_figures_are_plotly_s(page: Page) -> None:
    assert [name for name in page.figures if name.startswith("curves-")] == [f"curves-{at}" for at in range(len(ARMS))]
    assert set(page.attributes("div", "data-figure")) <= set(page.figures)
    for drawn in page.figures.values():
        plotly.graph_objects.Figure(drawn)


def test_curves_are_medians_quartiles_and_rates() -> None:
    arm = sweep().arms[0]
    drawn = figure(arm, 0, axes([arm]), "frechet")
    thin, band, thick, _, _, rates = drawn["data"]
    confirmed = arm.curves[-1]
    assert thick["y"] == pytest.approx([median(values) for values in confirmed.objective], rel=1e-5)
    assert rates["y"] == pytest.approx([sum(values) / 32 for values in confirmed.success], rel=1e-5)
    highs = [quantile(values, 0.75) for values in confirmed.objective]
    assert band["y"][: len(STEPS)] == pytest.approx(highs, rel=1e-5)
    assert len([x for x in thin["x"] if x is None]) == sum(bool(c.steps) for c in arm.curves[:-1])


def test_axes_hold_every_arm_and_are_logarithmic_where_that_helps() -> None:
    def one(*values: float) -> ArmView:
        return ArmView("a", (Curve("search", 0, tuple(range(1, len(values) + 1)), tuple((x,) for x in values)),))

    assert axes([one(1.0, 2.0), one(1.0, 1000.0)]).log
    assert not axes([one(1.0, 2.0)]).log
    assert not axes([one(0.0, 1000.0)]).log
    wide = axes([one(-5.0, 7.0), one(1.0, 2.0, 3.0)])
    assert wide.y[0] < -5 and wide.y[1] > 7 and wide.x[1] > 3
    assert not wide.rated


def test_a_figure_says_in_words_what_it_shows() -> None:
    curve = Curve("confirm", 0, (10.0, 20.0), ((1.0, 3.0), (4.0, 6.0)), ((0.0, 0.0), (1.0, 0.0)))
    assert in_words(ArmView("a", (curve,)), "frechet") == (
        "0 search trials; in the confirmation the median frechet went from 2 at 10 field units to 5 at 20 and the "
        "success rate from 0% to 50%."
    )
    assert in_words(ArmView("a"), "frechet") == "0 search trials; not confirmed."


@pytest.mark.parametrize("status", list(STATUSES))
def test_a_sweep_without_anything_says_so(status: str) -> None:
    view = SweepView("nothing", {}, status, "frechet", "minimize", arms=(), detail="Seven of nine.")
    empty = Page(render(view))
    assert "Nothing has been confirmed yet, so nothing can be ranked." in empty.text
    assert any(STATUSES[status] in text and "Seven of nine." in text for text in empty.text)
    assert "No trial has started." in empty.text
    assert empty.figures == {} and empty.films is None
    assert not any("Plotly" in text and len(text) > 1e6 for _, text in empty.scripts)


def test_a_running_sweep_shows_what_it_has() -> None:
    whole = sweep()
    arms = (whole.arms[0]._replace(curves=whole.arms[0].curves[:2], films=()), ArmView("consensus"))
    waiting = whole.trials[0]._replace(state="running", attempt=0, value=None)
    ranking = rank([])
    running = Page(render(whole._replace(status="running", ranking=ranking, arms=arms, trials=(waiting,))))
    assert "2 search trials; not confirmed." in running.text
    assert "waiting" in running.text
    assert ranking.answer in running.text


def test_a_status_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'done' is none of empty, running, stopped, finished, broken"):
        render(SweepView("a", {}, "done", "frechet", "minimize"))


def test_a_game_without_success_has_no_intervals() -> None:
    view = sweep()
    arms = tuple(a._replace(curves=tuple(c._replace(success=()) for c in a.curves)) for a in view.arms)
    shown = Page(render(view._replace(arms=arms, ranking=None, ties=())))
    assert "Success" not in shown.text
    assert all("yaxis2" not in drawn["layout"] for drawn in shown.figures.values())
    assert shown.figures["success-units"]["layout"]["yaxis"]["title"]["text"] == "median frechet"


@pytest.mark.parametrize("name", [HOSTILE, "x" * 5000, "\u202egnp.exe", "🙂 \u05d0\u05d1", "=HYPERLINK(1)", "</style>"])
def test_hostile_names_are_inert(name: str) -> None:
    view = sweep(names={"gda": name})
    trials = tuple(trial._replace(error=name, params={name: 1.0}) for trial in view.trials)
    view = view._replace(name=name, objective=name, trials=trials, detail=name, spec={name: name}, written=name)
    text = render(view)
    shown = Page(text)
    plain = Page(render(sweep()))
    assert [tag for tag, _ in shown.tags if tag in ("script", "img", "style")] == [
        tag for tag, _ in plain.tags if tag in ("script", "img", "style")
    ]
    assert not any(key.startswith("on") for _, attrs in shown.tags for key in attrs)
    assert "\u202e" not in re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert shown.scripts[2:] == plain.scripts[2:]
    for drawn in shown.figures.values():
        for axis in ("xaxis", "yaxis"):
            assert "<" not in drawn["layout"][axis]["title"]["text"]
        assert not any("<" in trace.get("name", "") for trace in drawn["data"])


def test_the_same_view_gives_the_same_page() -> None:
    assert render(sweep()) == render(sweep())


def test_a_thousand_trials_fit() -> None:
    view = sweep(trials=1000 // len(ARMS) + 1, seeds=SEEDS)
    assert len(view.trials) > 1000
    assert len(render(view).encode()) < 15e6
