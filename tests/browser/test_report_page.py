"""The report in a real browser, the quick part: every control does something, and nothing is complained of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from looking import WAIT, Look, Open
from sweeping import wait_for


def clicked(seen: Look, told: dict[str, Any]) -> bool:
    """What stays pressed is let go again, by itself or by a second click."""
    control = seen.control(told)
    changed = seen.changes(control.click)
    if control.get_attribute("aria-pressed") == "true":
        control.click()
    return changed and wait_for(lambda: control.get_attribute("aria-pressed") != "true", WAIT)


def moved(seen: Look, told: dict[str, Any]) -> bool:
    """A slider, by the keyboard: to its upper end, a step back, and to its upper end again."""
    slider = seen.control(told)
    slider.focus()
    least, most = (float(slider.get_attribute(name) or default) for name, default in (("min", 0), ("max", 100)))
    if least == most:
        return True
    slider.press("Home")
    changed = all(seen.changes(lambda key=key: slider.press(key)) for key in ("End", "ArrowLeft"))
    slider.press("End")
    return changed


def chosen(seen: Look, told: dict[str, Any]) -> bool:
    """Options of a list: the second, the last, and the first again."""
    box = seen.control(told)
    values = box.evaluate("(e) => [...e.options].filter((o) => !o.disabled).map((o) => o.value)")
    if len(values) < 2:
        return True
    return all(
        seen.changes(lambda value=value: box.select_option(value))
        for value in dict.fromkeys((values[1], values[-1], values[0]))
    )


def filled(seen: Look, told: dict[str, Any]) -> bool:
    """With what is nowhere, and then with nothing."""
    box = seen.control(told)
    return seen.changes(lambda: box.fill("nowhere to be found")) and seen.changes(lambda: box.fill(""))


def followed(seen: Look, told: dict[str, Any]) -> bool:
    """A link into the page itself goes to a place in sight; where others lead, another test asks."""
    href = told["href"]
    if not href.startswith("#"):
        return True
    seen.control(told).click()
    place = seen.page.locator(f"[id='{unquote(href[1:])}']")
    in_sight = "([e]) => e && e.getBoundingClientRect().top < innerHeight && e.getBoundingClientRect().bottom > 0"
    seen.page.wait_for_timeout(50)
    return bool(place.count() == 1 and place.evaluate_all(in_sight))


USES = {
    "summary": clicked, "button": clicked, "tab": clicked, "range": moved, "slider": moved, "select": chosen,
    "checkbox": clicked, "radio": clicked, "search": filled, "text": filled, "number": filled, "link": followed,
}  # fmt: skip


def use(seen: Look) -> list[str]:
    """Uses every control, those that others unfold too, once each; returns those without effect."""
    seen.unfold()
    seen.read_through()
    idle = [
        f"{told['kind']} {told['name']!r}" for told in each(seen, folds=False) if not USES[told["kind"]](seen, told)
    ]
    return idle + [f"fold {told['name']!r}" for told in each(seen, folds=True) if not clicked(seen, told)]


def each(seen: Look, folds: bool) -> Iterator[dict[str, Any]]:
    """The controls that show and are not chosen already; of many that are called alike, as in every row, the first."""
    names: set[tuple[str, str]] = set()
    for told in seen.controls():
        name = (told["kind"], re.sub(r"\S+/(search|confirm|map)-\d+", "TRIAL", told["name"]))
        if (told["kind"] == "summary") == folds and seen.control(told).is_visible() and not seen.is_on(told):
            if name not in names:
                yield told
            names.add(name)


def test_every_control_does_something(report: str, look: Open) -> None:
    seen = look(report)
    assert use(seen) == []
    assert seen.wider() == []


def test_nothing_sticks_out_and_nothing_lies_over_anything(report: str, look: Open) -> None:
    seen = look(report, 390, "dark")
    seen.read_through()
    assert seen.wider() == []
    assert seen.overlaps() == []
