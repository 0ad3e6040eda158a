"""The vocabulary of the service: what a trial is, for the studies, the records, the tracker and the report alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

RUNNING, COMPLETE, PRUNED, FAILED = "running", "complete", "pruned", "failed"
SEARCH, CONFIRM, MAP = "search", "confirm", "map"


class Trial(NamedTuple):
    """One configuration × its seeds, as the study knows it; of a map a chunk of points × the seeds of each.

    ``seeds``: one a member. ``params`` are those that were drawn; an arm's constants are in its configs. ``attempt``
    counts from 1; 0 means asked for and never started. ``value`` is the objective at the last report (None before the
    first), ``others`` are further objectives there; ``error`` is the one-line reason of a failure. ``repeat`` counts
    the searches of an arm; ``confirms`` is the number of the search trial that a confirmation confirms; ``chunk`` is
    how many members are trained at once (None: all); ``failures`` of its attempts failed, whoever drove them.
    """

    arm: str
    kind: str
    number: int
    params: dict[str, float]
    state: str
    attempt: int
    value: float | None
    seeds: tuple[int, ...]
    error: str | None = None
    others: tuple[float, ...] = ()
    repeat: int = 0
    confirms: int | None = None
    chunk: int | None = None
    failures: int = 0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trial:
        """The trial that ``_asdict`` wrote; ``TypeError`` where a field is missing."""
        lists = {name: tuple(data[name]) for name in ("seeds", "others") if name in data}
        return cls(**{name: data[name] for name in cls._fields if name in data} | lists)

    @property
    def key(self) -> str:
        """``arm/search-0003``: its name everywhere, and its folder below ``trials/``."""
        return f"{self.arm}/{self.kind}-{self.number:04d}"

    @property
    def values(self) -> tuple[float, ...]:
        """All objectives at the last report; none before the first."""
        return () if self.value is None else (self.value, *self.others)
