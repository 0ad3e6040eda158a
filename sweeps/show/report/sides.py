"""Several sweeps side by side: their views as one, whose arms carry their sweep's name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sweeps.show.view import ArmView, Film, Orbit, SweepView

LONG = 200  # characters of a value that are shown


def side(part: SweepView, arm: str) -> str:
    """What an arm of one of several sweeps is called."""
    return f"{part.name}: {arm}"


def together(views: Sequence[SweepView]) -> SweepView:
    """The views as one. Densities and fields are shown where they are all the same, orbits and films of one kind."""
    first = views[0]
    plane = first.density if all(view.density == first.density for view in views) else None
    field = first.arrows if all(view.arrows == first.arrows for view in views) else None
    return SweepView(
        name=", ".join(view.name for view in views),
        spec={},
        status=first.status,
        objective=" / ".join(dict.fromkeys(view.objective for view in views)),
        direction=first.direction,
        arms=tuple(
            _arm(view, arm, plane is not None or view.density is None, field) for view in views for arm in view.arms
        ),
        maps=tuple(own._replace(arm=side(view, own.arm)) for view in views for own in view.maps),
        trials=tuple(trial._replace(arm=side(view, trial.arm)) for view in views for trial in view.trials),
        written=first.written,
        spaces={side(view, arm): space for view in views for arm, space in view.spaces.items()},
        density=plane,
        arrows=field,
        links={f"{view.name}: {key}": link for view in views for key, link in view.links.items()},
        parts=tuple(views),
    )


def differences(views: Sequence[SweepView]) -> list[tuple[str, list[str]]]:
    """Keys of the spec whose values differ, with each sweep's value."""
    keys = dict.fromkeys(key for view in views for key in view.spec if key not in ("name", "storage"))
    rows = [(key, [_short(view.spec.get(key)) for view in views]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def _arm(view: SweepView, arm: ArmView, films: bool, field: Any) -> ArmView:
    return ArmView(
        side(view, arm.arm),
        arm.curves,
        tuple(_renamed(view, film) for film in arm.films) if films else (),
        tuple(_renamed(view, orbit) for orbit in arm.orbits) if field is not None else (),
    )


def _renamed(view: SweepView, shown: Any) -> Any:
    assert isinstance(shown, Film | Orbit)
    return shown._replace(trial=f"{view.name}: {shown.trial}")


def _short(value: Any) -> str:
    text = "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONG else f"{text[:LONG]}…"
