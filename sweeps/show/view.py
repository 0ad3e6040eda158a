"""What a report shows, as plain data: gathered from the studies and the records, rendered without touching either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sweeps.judge.maps import ArmMap
from sweeps.judge.power import Tie
from sweeps.judge.ranking import ArmResult, Ranking
from sweeps.records.changed import Change
from sweeps.search.trials import Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

STATUSES = {
    "empty": "Nothing has been tried yet.",
    "running": "The sweep is running; this page shows what is known so far. It is written anew every minute or so.",
    "stopped": "The sweep was stopped before its end. It can be resumed; this page shows what it had found.",
    "finished": "The sweep is finished.",
    "broken": "The sweep ended with an error; this page shows what it had found.",
}
"""The states a sweep's page knows, and what it says of each."""

Members = tuple[float, ...]
"""A value a member."""


class Curve(NamedTuple):
    """A trial over its training: at each of ``steps`` (field units) the values of its members, 0 or 1 for ``success``.

    ``success`` is empty where the game has no rule of success. ``diagnoses``: what became of each member. ``costs`` and
    ``seconds``: field units that a member had cost by then, on average, and how long all had trained. ``measures``:
    further metrics, of confirmations alone. ``counts``: whether the ranking counts this confirmation; an extended
    search has older ones.
    """

    kind: str
    number: int
    steps: tuple[float, ...]
    objective: tuple[Members, ...]
    success: tuple[Members, ...] = ()
    diagnoses: tuple[str, ...] = ()
    costs: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    measures: Mapping[str, tuple[Members, ...]] = {}  # never changed
    counts: bool = True


class Film(NamedTuple):
    """The pictures of a trial over its training: a PNG a step (field units), on which members lie as `grid.draw` lays
    them; ``seeds`` are theirs."""

    trial: str
    seeds: tuple[int, ...]
    steps: tuple[float, ...]
    frames: tuple[bytes, ...]


class Orbit(NamedTuple):
    """Where a trial's members went in the plane of both players: a path a seed, each a point a step.

    ``steps`` are the optimizer's. ``agrees``: whether the paths end where the recorded checkpoint says; None where none
    is kept.
    """

    trial: str
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    paths: tuple[tuple[tuple[float, float], ...], ...]
    agrees: bool | None = None


class Density(NamedTuple):
    """Planar data on [low, high]²: how dense they are on a grid of ``side`` cells each way, 0 to 255, a byte a cell,
    the lowest row first; and the centres of the modes, where they have some."""

    low: float
    high: float
    side: int
    cells: bytes
    centres: tuple[tuple[float, float], ...] = ()


class Arrows(NamedTuple):
    """The motion −F over the plane of a game of two numbers: its axes' names, its bounds along each, arrows as
    (x, y, dx, dy) with the longest of length 1, and the known solution."""

    labels: tuple[str, str]
    x: tuple[float, float]
    y: tuple[float, float]
    arrows: tuple[tuple[float, float, float, float], ...]
    solution: tuple[float, float] | None = None


class ArmView(NamedTuple):
    """One arm: the curves of all its trials; the films, or orbits, of its confirmation and of its best search trials,
    in this order."""

    arm: str
    curves: tuple[Curve, ...] = ()
    films: tuple[Film, ...] = ()
    orbits: tuple[Orbit, ...] = ()


class SweepView(NamedTuple):
    """A sweep as its page shows it. ``status`` is a key of ``STATUSES``; ``detail`` adds to it (an error, a count).
    A map has ``maps`` in place of ``ranking`` and ``arms``.

    ``results``: each arm's confirmation seed by seed. ``spaces``: arm -> what its search draws from. ``constants``:
    arm -> hyperparameters that are not searched. ``density`` or ``arrows``: what lies behind planar samples, or behind
    orbits. ``changes``: what was accepted as the sweep went on, each with its date. ``place``: where the records are.
    ``links``: trial -> its page in MLflow. ``said``: the keys of the spec as it was written. ``options``: what commands
    about the sweep need beside its name. ``parts``: the sweeps that are shown side by side; all else is theirs together
    then. ``written`` is when the page was made, in words; nothing in the page asks a clock.
    """

    name: str
    spec: dict[str, Any]
    status: str
    objective: str
    direction: str
    ranking: Ranking | None = None
    arms: tuple[ArmView, ...] = ()
    maps: tuple[ArmMap, ...] = ()
    trials: tuple[Trial, ...] = ()
    detail: str = ""
    written: str = ""
    results: tuple[ArmResult, ...] = ()
    ties: tuple[Tie, ...] = ()
    spaces: Mapping[str, Mapping[str, BaseDistribution]] = {}
    constants: Mapping[str, Mapping[str, float]] = {}
    density: Density | None = None
    arrows: Arrows | None = None
    changes: tuple[tuple[str, Change], ...] = ()
    place: str = ""
    links: Mapping[str, str] = {}
    said: frozenset[str] = frozenset()
    options: str = ""
    parts: tuple[SweepView, ...] = ()
