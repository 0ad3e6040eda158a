"""The report in a real browser: every control does something, nothing lies over anything, nothing is complained of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlparse
from urllib.request import urlopen

import pytest
from looking import Look
from sweeping import Left

SCREENS = [(width, scheme) for width in (1400, 800, 390) for scheme in ("light", "dark")]
Open = Callable[..., Look]


@pytest.fixture
def report(finished: Left) -> str:
    return (finished.folder / "report.html").as_uri()


def clicked(seen: Look, told: dict[str, Any]) -> bool:
    return seen.changes(seen.control(told).click)


def moved(seen: Look, told: dict[str, Any]) -> bool:
    """A slider, by the keyboard: to either end, and a step from there."""
    slider = seen.control(told)
    slider.focus()
    least, most = (float(slider.get_attribute(name) or default) for name, default in (("min", 0), ("max", 100)))
    if least == most:
        return True
    slider.press("Home")
    to_the_end = seen.changes(lambda: slider.press("End"))
    back = seen.changes(lambda: slider.press("ArrowLeft"))
    return to_the_end and back and seen.changes(lambda: slider.press("Home"))


def chosen(seen: Look, told: dict[str, Any]) -> bool:
    """Every option of a list, the first at last."""
    box = seen.control(told)
    values = box.evaluate("(e) => [...e.options].filter((o) => !o.disabled).map((o) => o.value)")
    if len(values) < 2:
        return True
    return all(seen.changes(lambda value=value: box.select_option(value)) for value in [*values[1:], values[0]])


def filled(seen: Look, told: dict[str, Any]) -> bool:
    box = seen.control(told)
    return seen.changes(lambda: box.fill("7")) and seen.changes(lambda: box.fill(""))


def toggled(seen: Look, told: dict[str, Any]) -> bool:
    return clicked(seen, told)


def followed(seen: Look, told: dict[str, Any]) -> bool:
    """A link into the page itself goes to a place in sight; where others lead, another test asks."""
    href = told["href"]
    if not href.startswith("#"):
        return True
    seen.control(told).click()
    place = seen.page.locator(f"[id='{unquote(href[1:])}']")
    seen.page.wait_for_timeout(50)
    return bool(place.count() == 1 and place.evaluate("(e) => e.getBoundingClientRect().top < innerHeight"))


USES = {
    "summary": clicked, "button": clicked, "tab": clicked, "range": moved, "slider": moved, "select": chosen,
    "checkbox": toggled, "radio": toggled, "search": filled, "text": filled, "number": filled, "link": followed,
}  # fmt: skip


def use(seen: Look) -> list[str]:
    """Uses every control, those that others unfold too; returns those without effect."""
    idle: list[str] = []
    seen.unfold()
    seen.read_through()
    for told in seen.controls():
        if told["kind"] == "summary" or not told["shown"]:
            continue
        pressed = told["kind"] == "radio" and seen.control(told).is_checked()
        if not pressed and not USES[told["kind"]](seen, told):
            idle.append(f"{told['kind']} {told['name']!r}")
    for told in seen.controls():
        if told["kind"] == "summary" and told["shown"] and not clicked(seen, told):
            idle.append(f"fold {told['name']!r}")
    return idle


def test_every_control_does_something(report: str, look: Open) -> None:
    seen = look(report)
    assert use(seen) == []
    assert seen.wider() == []


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (800, "light")])
def test_every_control_does_something_on_other_screens(report: str, look: Open, width: int, scheme: str) -> None:
    assert use(look(report, width, scheme)) == []


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_nothing_sticks_out_and_nothing_lies_over_anything(report: str, look: Open, width: int, scheme: str) -> None:
    seen = look(report, width, scheme)
    seen.read_through()
    assert seen.wider() == []
    assert seen.overlaps() == []
    seen.unfold()
    seen.read_through()
    assert seen.wider() == []
    assert seen.overlaps() == []


def test_links_lead_somewhere(report: str, look: Open, finished: Left, mlflow: str) -> None:
    """To a part of the page, to a file or folder of the sweep, or to a page that MLflow has."""
    seen = look(report)
    for told in seen.controls():
        if told["kind"] != "link":
            continue
        address = urlparse(seen.control(told).evaluate("(e) => e.href"))
        if address.scheme == "file":
            place = unquote(address.path)
            assert place.startswith(str(finished.storage)), told
            assert not address.fragment or seen.page.locator(f"[id='{unquote(address.fragment)}']").count() == 1, told
        else:
            assert (address.scheme, address.hostname) in (("http", "127.0.0.1"), ("http", "localhost")), told
    assert urlopen(mlflow).status == 200
