"""More of the report in a browser, slower: every screen, who cannot see it, a thousand trials, names with intent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from looking import Look, Open
from plausible import sweep
from sweeping import Left, open_sweep
from test_report_page import use

from sweeps.judge.ranking import rank
from sweeps.records.folder import Folder
from sweeps.show import gather
from sweeps.show.view import STATUSES, SweepView

pytestmark = pytest.mark.slow
SCREENS = [(width, scheme) for width in (1400, 800, 390) for scheme in ("light", "dark")]
HOSTILE = {
    "gda": "<script>hit = 1</script><img src=x onerror='hit = 1'>",
    "alternating_gda": "=cmd|' /C calc'!A1",
    "optimistic": "w" * 400,
    "extragradient": "\u202egnp.exe \u2066x",
    "consensus": "🙂 אב مرحبا 你好",
    "accept_reject": "\"'`</style></title>{{ 7*7 }}&lt;b onmouseover=hit=1",
}


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_nothing_sticks_out_and_nothing_lies_over_anything(report: str, look: Open, width: int, scheme: str) -> None:
    seen = look(report, width, scheme)
    for unfold in (lambda: None, seen.unfold):
        unfold()
        seen.read_through()
        assert seen.wider() == []
        assert seen.overlaps() == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (800, "light")])
def test_every_control_does_something_on_other_screens(report: str, look: Open, width: int, scheme: str) -> None:
    assert use(look(report, width, scheme)) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(report: str, look: Open, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    seen = look(report, 1400, scheme)
    seen.unfold()
    seen.read_through()
    found = Axe().run(seen.page).response
    assert len(found["passes"]) > 10, "it looked at next to nothing"
    grave = [
        (each["id"], [node["html"][:120] for node in each["nodes"][:3]])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert grave == []


def test_every_chart_has_its_words(report: str, look: Open) -> None:
    seen = look(report)
    silent = seen.page.evaluate(
        """() => [...document.querySelectorAll("[data-figure], canvas")].filter((e) => {
          const caption = e.closest("figure")?.querySelector("figcaption")?.innerText;
          const words = caption || e.getAttribute("aria-label") || "";
          const table = e.closest("section, figure")?.querySelector("table, details");
          return words.trim().length < 20 && !table;
        }).map((e) => e.dataset.figure || e.outerHTML.slice(0, 80))"""
    )
    assert silent == []


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_hostile_names_are_inert(shown: Callable[..., Look], width: int, scheme: str) -> None:
    view = sweep(names=HOSTILE)
    names = list(HOSTILE.values())
    trials = tuple(
        trial._replace(params=dict.fromkeys(names, 0.5), error=names[at % len(names)])
        for at, trial in enumerate(view.trials)
    )
    spec = {"name": names[0], "length": 2000, "seeds": 8, "trials": 6, names[0]: names}
    view = view._replace(name=names[0], objective=names[0], trials=trials, detail=names[0], written=names[0], spec=spec)
    seen = shown(view, width, scheme)
    seen.unfold()
    seen.read_through()
    assert seen.page.evaluate("typeof hit") == "undefined"
    assert seen.page.locator("img[onerror], [onmouseover], script[src]").count() == 0
    assert seen.wider() == []
    over = ["button 'Play'"]  # a film of two pictures is, before one looks
    assert width < 1400 or [idle for idle in use(seen) if idle not in over] == []
    assert seen.page.evaluate("typeof hit") == "undefined"


@pytest.mark.parametrize("status", list(STATUSES))
@pytest.mark.parametrize("known", ["nothing", "a little", "all"])
def test_every_state_has_a_page_that_says_so(shown: Callable[..., Look], status: str, known: str) -> None:
    view = sweep()._replace(status=status, detail="OSError: it broke")
    if known == "nothing":
        view = SweepView(view.name, view.spec, status, "frechet", "minimize", detail="OSError: it broke")
    elif known == "a little":
        first = view.arms[0]._replace(curves=view.arms[0].curves[:1])
        waiting = view.trials[0]._replace(state="running", attempt=0, value=None)
        view = view._replace(ranking=rank([]), arms=(first,), trials=(waiting,))
    seen = shown(view, 390, "light")
    seen.read_through()
    assert STATUSES[status] in seen.page.inner_text("body")
    assert seen.wider() == []
    assert seen.overlaps() == []


def test_the_page_says_what_the_records_say(finished: Left, report: str, look: Open) -> None:
    """The ranking's numbers, recomputed from the records by statsmodels, as the page's own table has them."""
    from statsmodels.stats.proportion import proportion_confint

    sweep_, service = open_sweep(Folder(str(finished.storage), "seen"))
    assert gather.ranking(sweep_, service).standings
    seen = look(report)
    text = seen.page.locator("table.ranking").inner_text()
    for arm in sweep_.optimizers:
        last = json.loads(_last(finished.folder / "trials" / arm.name / "confirm-0000").read_text())
        won, n = int(sum(last["metrics"]["success"])), len(last["metrics"]["success"])
        low, high = proportion_confint(won, n, method="wilson")
        assert f"{won}/{n}" in text
        for end in (low, high):
            assert f"{100 * end:.0f}%" in text


def _last(trial: Path) -> Path:
    return max(trial.glob("attempt-*/history/*.json"), key=lambda path: int(path.stem))
