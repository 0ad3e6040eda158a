"""What a report shows, as plain data: gathered from the studies and the records, rendered without touching either."""

from __future__ import annotations

from typing import Any, NamedTuple

from sweeps.judge.maps import ArmMap
from sweeps.judge.ranking import Ranking
from sweeps.search.trials import Trial

STATUSES = {
    "empty": "Nothing has been tried yet.",
    "running": "The sweep is running; this page shows what is known so far. Write it anew for the newest.",
    "stopped": "The sweep was stopped before its end. It can be resumed; this page shows what it had found.",
    "finished": "The sweep is finished.",
    "broken": "The sweep ended with an error; this page shows what it had found.",
}
"""The states a sweep's page knows, and what it says of each."""


class Curve(NamedTuple):
    """A trial over its training: at each of ``steps`` (field units) the values of its members, 0 or 1 for ``success``.

    ``success`` is empty where the game has no rule of success. ``diagnoses``: what became of each member.
    """

    kind: str
    number: int
    steps: tuple[float, ...]
    objective: tuple[tuple[float, ...], ...]
    success: tuple[tuple[float, ...], ...] = ()
    diagnoses: tuple[str, ...] = ()


class Samples(NamedTuple):
    """A grid of samples as PNG, and the trial and step (field units) it was drawn at."""

    png: bytes
    trial: str
    step: float


class ArmView(NamedTuple):
    """One arm: the curves of all its trials, and the last samples of its confirmation (or of its best trial so far)."""

    arm: str
    curves: tuple[Curve, ...] = ()
    samples: Samples | None = None


class SweepView(NamedTuple):
    """A sweep as its page shows it. ``status`` is a key of ``STATUSES``; ``detail`` adds to it (an error, a count).
    A map has ``maps`` in place of ``ranking`` and ``arms``.

    ``written`` is when the page was made, in words; nothing in the page asks a clock.
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
