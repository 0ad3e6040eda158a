"""The files that a sweep's results leave beside its report."""

from __future__ import annotations

from sweeps.judge.ranking import as_json, rank
from sweeps.show.mapgather import results
from sweeps.show.view import SweepView


def results_of(view: SweepView) -> dict[str, bytes]:
    """``ranking.json``; of a map, its numbers and pictures. Nothing of a sweep that cannot be read."""
    if view.status == "broken" and view.ranking is None:
        return {}
    if view.maps:
        return results(view.maps)
    return {"ranking.json": as_json(view.ranking or rank([], view.direction, view.objective)).encode()}
