"""What a map must agree on with the rest of its spec: axes that every arm has, and nothing else left open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sweeps.spec.mapspec import ALONE
from sweeps.spec.source import Source, shown
from sweeps.spec.values import listed

if TYPE_CHECKING:
    from minmax.types import Range
    from sweeps.spec.armchecks import Arms
    from sweeps.spec.armspec import Arm, Entry
    from sweeps.spec.mapspec import MapSpec


def alone(source: Source) -> None:
    """Nothing that only a search has stands beside a map; of a spec that this one extends, ``null`` takes it away."""
    if source.data.get("map") is None:
        return
    for key in ALONE:
        if source.data.get(key) is None:
            source.data.pop(key, None)
        else:
            source.report((key,), "has no part in a map, which trains every point of its grid", "leave it out, or null")


def axes(source: Source, asked: MapSpec | None, entries: Mapping[str, Entry], arms: Arms) -> None:
    """Every arm has the axes and a range for each, and every other hyperparameter is fixed."""
    if asked is None:
        return
    if len(asked.size) > len(asked.axes):
        what = f"{len(asked.size)} sizes for {len(asked.axes)} axis"
        source.report(("map", "size"), what, "one number, or one an axis, is allowed")
    for key, optimizer in arms.built.items():
        arm = arms.sound[key]
        for place, name in enumerate(asked.axes):
            if name not in optimizer.hypers:
                what = f"{arm.name} has no hyperparameter {shown(name)}"
                source.report(("map", "axes", place), what, listed(name, optimizer.hypers))
            elif name in arm.settings:
                path = ("optimizers", key, "set", name)
                source.report(path, "is one number, and an axis of the map", "drop it here, or from map.axes")
            else:
                own = len(asked.size) > 1 and asked.size[place]
                _spans(source, place, own, _of(entries, name, arm), name)
        for name, declared in optimizer.hypers.items():
            if name not in (*asked.axes, *arm.settings):
                _is_fixed(source, name, _of(entries, name, arm), arm, declared)


def _of(entries: Mapping[str, Entry], name: str, arm: Arm) -> Entry | None:
    entry = entries.get(name)
    return entry if entry is not None and entry.holds(arm) else None


def _spans(source: Source, place: int, size: int, entry: Entry | None, name: str) -> None:
    """``size``: what the spec says of this axis alone, if anything."""
    if entry is None:
        return
    if entry.kind == "fixed":
        source.report(("space", name), "is one number, and an axis of the map", "a range or choices are allowed")
    elif entry.kind in ("choice", "grid") and size and size != len(entry.values):
        what = f"is {size}, and space.{name} lists {len(entry.values)} values"
        source.report(("map", "size", place), what, f"{len(entry.values)} is allowed, or one number for both axes")


def _is_fixed(source: Source, name: str, entry: Entry | None, arm: Arm, declared: Range) -> None:
    way = f"a number in the space, or {arm.name}'s `set: {{{name}: …}}`, is allowed"
    if entry is not None and entry.kind != "fixed":
        source.report(("space", name), f"is left open, and is no axis of the map ({arm.name})", way)
    elif entry is None and declared.default is None and source.is_sound(("space", name)):
        what = f"is not fixed for {arm.name}, which has no default for it, and is no axis of the map"
        source.report(("space", name), what, way, missing=True)
