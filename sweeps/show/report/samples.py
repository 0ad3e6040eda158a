"""Samples: films over training, the arms side by side; or orbits over the field, of a game of two numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sweeps.judge.stats import median, rate
from sweeps.records.grid import MEMBERS, SAMPLES, TILE, points_of
from sweeps.search.trials import CONFIRM
from sweeps.show.report.charts import COLOURS
from sweeps.show.view import ArmView, Curve, Film, Orbit, SweepView
from sweeps.show.wording import number, percent, setting

MOST = 5_000_000  # bytes of pictures in a page
LIGHT = 30_000  # bytes from which on a picture is compressed, so that more of them fit
QUALITY = 80
FRAMES = 12  # of a film, where not all films fit with all of theirs
ORDINALS = ("best of the search", "second best", "third best")
PICTURES, POINTS, ORBITS = "pictures", "points", "orbits"


class ArmFilms(NamedTuple):
    """An arm's films by role, and the last picture of the first, for readers without scripts."""

    arm: str
    roles: tuple[str, ...]
    last: str | None
    words: str


class Samples(NamedTuple):
    """The section. ``kind``: pictures, points or orbits. ``data``: what the page's script draws from, in JSON."""

    kind: str
    arms: tuple[ArmFilms, ...]
    roles: tuple[str, ...]
    seeds: int
    steps: tuple[float, ...]
    left_out: int
    data: dict[str, Any]


def samples(view: SweepView, colours: Mapping[str, int]) -> Samples | None:
    """The section of a sweep; None where nothing is drawn."""
    if any(arm.orbits for arm in view.arms):
        return _orbits(view, colours)
    if not any(arm.films for arm in view.arms):
        return None
    kind = POINTS if view.density is not None else PICTURES
    films, left_out = _fitting({arm.arm: _named(arm) for arm in view.arms}, kind)
    steps = tuple(sorted({step for own in films.values() for _, film in own for step in film.steps}))
    shown = [arm for arm in view.arms if films[arm.arm]]
    drawn = {arm.arm: [_film(view, arm, role, film, kind) for role, film in films[arm.arm]] for arm in shown}
    data = {"kind": kind, "steps": steps, "tile": TILE, "arms": _listed(drawn, colours), "density": _density(view)}
    return Samples(
        kind=kind,
        arms=tuple(_arm(arm.arm, drawn[arm.arm], films[arm.arm], kind) for arm in shown),
        roles=_roles(drawn.values()),
        seeds=max(len(film["seeds"]) for own in drawn.values() for film in own),
        steps=steps,
        left_out=left_out,
        data=data,
    )


def _named(arm: ArmView) -> list[tuple[str, Film]]:
    return list(zip(_names([film.trial for film in arm.films]), arm.films, strict=True))


def _names(trials: Sequence[str]) -> list[str]:
    """What each of an arm's trials is to it: its confirmation (of each repeat), the best of its search, …"""
    confirmed = [trial for trial in trials if _kind(trial) == CONFIRM]
    first = ["confirmation" if at == 0 else f"confirmation of repeat {at + 1}" for at in range(len(confirmed))]
    return [*first, *ORDINALS][: len(trials)]


def _kind(trial: str) -> str:
    return trial.rpartition("/")[2].partition("-")[0]


def _roles(arms: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(film["role"] for own in arms for film in own))


def _fitting(
    films: Mapping[str, Sequence[tuple[str, Film]]], kind: str
) -> tuple[dict[str, list[tuple[str, Film]]], int]:
    """As many films as a page holds, those of all arms' confirmations first; and how many are left out.

    Large pictures are compressed, and where that is not enough films have fewer frames.
    """
    if kind == POINTS:
        small = {arm: list(own) for arm, own in films.items()}
    else:
        small = {arm: [(role, _compressed(film)) for role, film in own] for arm, own in films.items()}
    if _bytes(small) > MOST:
        small = {arm: [(role, _thinned(film)) for role, film in own] for arm, own in small.items()}
    kept: dict[str, list[tuple[str, Film]]] = {arm: [] for arm in films}
    room, left_out = MOST, 0
    for place in range(max(map(len, small.values()), default=0)):
        for arm, own in small.items():
            if place < len(own):
                size = sum(map(len, own[place][1].frames))
                if size <= room:
                    kept[arm].append(own[place])
                    room -= size
                else:
                    left_out += 1
    return kept, left_out


def _bytes(films: Mapping[str, Sequence[tuple[str, Film]]]) -> int:
    return sum(len(frame) for own in films.values() for _, film in own for frame in film.frames)


def _compressed(film: Film) -> Film:
    return film._replace(frames=tuple(_smaller(frame) if len(frame) > LIGHT else frame for frame in film.frames))


def _smaller(png: bytes) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(png)).save(out, "webp", quality=QUALITY)
    return min(out.getvalue(), png, key=len)


def _thinned(film: Film) -> Film:
    """The first frame, the last, and others evenly between them."""
    last = len(film.steps) - 1
    if last < FRAMES:
        return film
    chosen = sorted({round(k * last / (FRAMES - 1)) for k in range(FRAMES)})
    return film._replace(steps=tuple(film.steps[at] for at in chosen), frames=tuple(film.frames[at] for at in chosen))


def _film(view: SweepView, arm: ArmView, role: str, film: Film, kind: str) -> dict[str, Any]:
    seeds = film.seeds[:MEMBERS]
    curve = next((c for c in arm.curves if f"{arm.arm}/{c.kind}-{c.number:04d}" == film.trial), None)
    if kind == POINTS:
        frames: list[Any] = [list(map(_base64, points_of(frame, len(film.seeds)))) for frame in film.frames]
        shape = {}
    else:
        frames = [_data_uri(frame) for frame in film.frames]
        shape = {"rows": len(seeds), "columns": SAMPLES}
    return {
        "trial": film.trial, "role": role, "seeds": list(seeds), "steps": list(film.steps), "frames": frames, **shape,
        "setting": _setting(view, film.trial), "told": [_told(view, curve, step) for step in film.steps],
    }  # fmt: skip


def _setting(view: SweepView, key: str) -> str:
    trial = next((trial for trial in view.trials if trial.key == key), None)
    return setting(trial.params) if trial else ""


def _told(view: SweepView, curve: Curve | None, step: float) -> str:
    """What the trial had come to at a step: what a picture shows, for those who do not see it."""
    if curve is None or step not in curve.steps:
        return ""
    at = curve.steps.index(step)
    parts = [f"median {view.objective} {number(median(curve.objective[at]))}"] if curve.objective else []
    if curve.success:
        members = curve.success[at]
        parts.insert(0, f"{percent(rate(members))} of {len(members)} seeds succeed")
    return ", ".join(parts)


def _arm(arm: str, drawn: Sequence[dict[str, Any]], films: Sequence[tuple[str, Film]], kind: str) -> ArmFilms:
    last = _data_uri(films[0][1].frames[-1]) if kind == PICTURES else None
    return ArmFilms(arm, tuple(film["role"] for film in drawn), last, _ended(drawn[0]))


def _ended(film: Mapping[str, Any]) -> str:
    """The first film in words: how it went at a few steps."""
    at = sorted({0, len(film["steps"]) // 2, len(film["steps"]) - 1})
    parts = [f"at {number(film['steps'][k])}: {film['told'][k]}" for k in at if film["told"][k]]
    return f"{film['trial']}, {'; '.join(parts)}." if parts else f"{film['trial']}."


def _listed(drawn: Mapping[str, Any], colours: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"arm": arm, "colour": colours[arm] % COLOURS, "films": films} for arm, films in drawn.items()]


def _density(view: SweepView) -> dict[str, Any] | None:
    own = view.density
    if own is None:
        return None
    scale = own.high - own.low
    centres = [[(x - own.low) / scale, (y - own.low) / scale] for x, y in own.centres]
    return {"side": own.side, "cells": _base64(own.cells), "centres": centres}


def _orbits(view: SweepView, colours: Mapping[str, int]) -> Samples:
    drawn: dict[str, list[dict[str, Any]]] = {}
    for arm in view.arms:
        if arm.orbits:
            names = _names([orbit.trial for orbit in arm.orbits])
            drawn[arm.arm] = [_orbit(view, role, orbit) for role, orbit in zip(names, arm.orbits, strict=True)]
    field = view.arrows._asdict() if view.arrows else None
    shown = tuple(ArmFilms(arm, tuple(film["role"] for film in own), None, _way(own[0])) for arm, own in drawn.items())
    return Samples(
        kind=ORBITS,
        arms=shown,
        roles=_roles(drawn.values()),
        seeds=max(len(film["seeds"]) for own in drawn.values() for film in own),
        steps=tuple(float(k) for k in range(101)),
        left_out=0,
        data={"kind": ORBITS, "steps": list(range(101)), "arms": _listed(drawn, colours), "field": field},
    )


def _orbit(view: SweepView, role: str, orbit: Orbit) -> dict[str, Any]:
    doubt = "; trained again, these seeds do not end where the record says" if orbit.agrees is False else ""
    return {
        "trial": orbit.trial, "role": role, "seeds": list(orbit.seeds), "steps": list(orbit.steps),
        "paths": [[_finite(point) for point in walked] for walked in orbit.paths],
        "setting": _setting(view, orbit.trial) + doubt,
    }  # fmt: skip


def _finite(point: Sequence[float]) -> list[float] | None:
    """JSON has no infinities."""
    return list(point) if all(abs(x) < 1e300 for x in point) else None


def _way(film: Mapping[str, Any]) -> str:
    """The orbits in words: where the first seed's begins and ends."""
    walked = [point for point in film["paths"][0] if point is not None]
    begin, end = (f"({number(point[0])}, {number(point[1])})" for point in (walked[0], walked[-1]))
    return f"{film['trial']}: seed {film['seeds'][0]} went from {begin} to {end} in {number(film['steps'][-1])} steps."


def _data_uri(picture: bytes) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "webp"
    return f"data:image/{kind};base64,{_base64(picture)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
