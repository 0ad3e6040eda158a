"""What the sweep's summary run shows, from what lies in its store: the same for the driver and for `sweeps sync`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sweeps.records.record import TrialRecord
from sweeps.track.describe import short
from sweeps.track.reconcile import Summary, Table

if TYPE_CHECKING:
    from sweeps.records.store import Store
    from sweeps.spec.sweep import Sweep

FILES = ("spec.yaml", "sweep.json", "report.html")
COLUMNS = ["place", "arm", "success rate", "from", "to", "median", "seeds", "p", "p corrected", "params"]


def keys(store: Store) -> list[str]:
    """The trials that have a record."""
    return [f"{arm}/{name}" for arm in store.list("trials") for name in store.list(f"trials/{arm}")]


def summary_of(store: Store, sweep: Sweep, created: int, shares: Mapping[str, float] = MappingProxyType({})) -> Summary:
    """Spec, report and ranking (or map, with its ``shares``), as of the last report of any trial; a sweep that was
    never concluded lacks all but the spec."""
    files = {name: store.get(name) for name in FILES if store.exists(name)}
    standings: list[dict[str, Any]] = []
    if store.exists("ranking.json"):
        files["standings.json"] = store.get("ranking.json")
        standings = json.loads(files["standings.json"])["standings"]
    if sweep.map is not None:
        names = ("map.json", "map.csv", *(f"map-{arm.name}.svg" for arm in sweep.optimizers))
        files |= {name: store.get(name) for name in names if store.exists(name)}
    spec = {key: value if isinstance(value, str) else json.dumps(value) for key, value in sweep.normalized().items()}
    rates = {f"success.{row['arm']}": row["rate"] for row in standings if row["rate"] is not None}
    last = (TrialRecord(store, key).history()[-1:] for key in keys(store))
    time_ms = max((report.time_ms for reports in last for report in reports), default=created)
    return Summary(files, spec, {**rates, **shares}, table_of(standings), time_ms)


def table_of(standings: list[dict[str, Any]]) -> Table:
    """The ranking as columns and rows; a rate that there is no rule for is null, and so are its bounds."""
    rows = []
    for row in standings:
        low, high = row["interval"].values() if row["interval"] else (None, None)
        params = ", ".join(f"{name} {short(value)}" for name, value in row["params"].items())
        found = [row["place"], row["arm"], row["rate"], low, high, row["median"], row["seeds"], row["p"]]
        rows.append([*found, row["corrected"], params])
    return Table(COLUMNS, rows)
