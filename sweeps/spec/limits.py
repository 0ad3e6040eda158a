"""What a trial takes and how long things may last: ``resources`` and ``limits`` of a spec, in words (4GB, 2h)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from sweeps.spec import values
from sweeps.spec.gamespec import Count, Model
from sweeps.spec.source import shown

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
GB = 10**9


def _quantity(units: Mapping[str, int], allowed: str) -> Callable[[Any], float]:
    """A check that takes ``10m``, or a number of the smallest unit that it gave before."""
    pattern = re.compile(rf"(\d+(?:\.\d+)?) ?({'|'.join(units)})")

    def check(given: Any) -> float:
        found = pattern.fullmatch(given) if isinstance(given, str) else None
        if found is None:
            raise values.wrong(f"is {shown(given)}", f"{allowed} is allowed")
        return round(float(found[1]) * units[found[2]], 3)

    return check


def _spoken(units: Mapping[str, int]) -> Callable[[float], str]:
    """The inverse: in the largest unit of which it is a whole number."""
    by_size = sorted(units, key=lambda unit: units[unit], reverse=True)

    def words(amount: float) -> str:
        unit = next((unit for unit in by_size if amount and amount % units[unit] == 0), by_size[-1])
        return f"{round(amount / units[unit], 3):.15g}{unit}"

    return words


def _some(amount: float) -> float:
    if amount <= 0:
        raise values.wrong("is nothing", "more than that is allowed")
    return amount


duration, size = _spoken(SECONDS), _spoken(BYTES)
"""Seconds and bytes as a spec says them."""

Duration = Annotated[
    float,
    BeforeValidator(_quantity(SECONDS, "a time such as 90s, 10m, 2h or 1d")),
    AfterValidator(_some),
    PlainSerializer(duration),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)? ?[smhd]$"}),
]
Size = Annotated[
    int,
    BeforeValidator(lambda given: round(_quantity(BYTES, "a size such as 500MB, 2GB or 4GiB")(given))),
    PlainSerializer(size),
    WithJsonSchema({"type": "string", "pattern": rf"^\d+(\.\d+)? ?({'|'.join(BYTES)})$"}),
]


class Resources(Model):
    """What one trial takes (CPU cores, GPUs or a share of one, memory), and how many run at once at most."""

    cpu: Annotated[float, Field(gt=0, le=4096)] = Field(default=1, description="CPU cores, or a share of one")
    gpu: Annotated[float, Field(ge=0, le=4096), AfterValidator(values.whole_or_share)] = Field(
        default=0, description="GPUs, or a share of one"
    )
    memory: Annotated[Size, AfterValidator(_some)] | None = Field(
        default=None, description="what a worker may hold, as in 4GB"
    )
    max_concurrent: Count | None = Field(default=None, description="a whole number: trials at once at most")


class Limits(Model):
    """How often a trial is tried again, how long a trial, the search and a silence may last, and the disk's floor."""

    retries: Annotated[int, Field(ge=0, le=100)] = Field(
        default=2, description="a whole number: further attempts at a trial whose worker failed"
    )
    trial: Duration | None = Field(default=None, description="training of a search trial, as in 2h; then it is pruned")
    sweep: Duration | None = Field(
        default=None, description="the search, as in 12h; then what is complete is confirmed"
    )
    silence: Duration | None = Field(default=None, description="without a report, as in 10m; then a worker is killed")
    disk: Size = Field(default=GB, description="free space, as in 2GB, below which the sweep waits")
    outage: Duration = Field(default=3600.0, description="how long a storage that is out is waited for, as in 1h")
