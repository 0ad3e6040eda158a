"""What the sweep's summary run shows, from what lies in its store: the same for the driver and for `sweeps sync`."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from sweeps.records.record import TrialRecord
from sweeps.show.cells import escaped
from sweeps.track.describe import short
from sweeps.track.reconcile import Summary, Table

if TYPE_CHECKING:
    from sweeps.records.store import Store
    from sweeps.spec.sweep import Sweep

FILES = ("spec.yaml", "sweep.json", "report.html")
LOOK = 60.0  # seconds between looks at the page of a running sweep: it is megabytes
COLUMNS = ["place", "arm", "success rate", "from", "to", "median", "seeds", "p", "p corrected", "params"]


def keys(store: Store) -> list[str]:
    """The trials that have a record."""
    return [f"{arm}/{name}" for arm in store.list("trials") for name in store.list(f"trials/{arm}")]


def summary_of(store: Store, sweep: Sweep, created: int) -> Summary:
    """Spec, report and ranking (or map), as of the last report of any trial; a sweep that was never concluded lacks all
    but the spec."""
    files = {name: store.get(name) for name in FILES if store.exists(name)}
    ranking: dict[str, Any] = {"standings": [], "answer": ""}
    if store.exists("ranking.json"):
        files["standings.json"] = store.get("ranking.json")
        ranking = json.loads(files["standings.json"])
    standings = ranking["standings"]
    if sweep.map is not None:
        names = ("map.json", "map.csv", *(f"map-{arm.name}.svg" for arm in sweep.optimizers))
        files |= {name: store.get(name) for name in names if store.exists(name)}
    spec = {key: value if isinstance(value, str) else json.dumps(value) for key, value in sweep.normalized().items()}
    rates = {f"success.{row['arm']}": row["rate"] for row in standings if row["rate"] is not None}
    last = (TrialRecord(store, key).history()[-1:] for key in keys(store))
    time_ms = max((report.time_ms for reports in last for report in reports), default=created)
    metrics = {**rates, **_shares(files.get("map.json"))}
    note = escaped(ranking["answer"])
    return Summary(files, spec, metrics, table_of(standings), time_ms, note=note, began=created)


def _shares(maps: bytes | None) -> dict[str, float]:
    """``converged.ARM`` and alike: the share of an arm's points with each diagnosis."""
    found = {}
    for own in json.loads(maps)["maps"] if maps else []:
        words = Counter(point["word"] for point in own["points"])
        found.update({f"{word}.{own['arm']}": n / len(own["points"]) for word, n in words.items() if word is not None})
    return found


class RunningPage:
    """The summary while a sweep runs: its report, each time that is written anew, but for what only its end knows."""

    def __init__(self, store: Store, created: int) -> None:
        self._store, self._created = store, created
        self._looked, self._shown = time.monotonic(), b""

    def __call__(self) -> Summary | None:
        """The summary; None where it is known already, or was looked at a minute ago."""
        if time.monotonic() - self._looked < LOOK:
            return None
        self._looked = time.monotonic()
        files = {name: self._store.get(name) for name in FILES if self._store.exists(name)}
        digest = hashlib.sha256(files.get("report.html", b"")).digest()
        if "report.html" not in files or digest == self._shown:
            return None
        self._shown = digest
        known = self._store.exists("ranking.json")
        standings = json.loads(self._store.get("ranking.json"))["standings"] if known else []
        return Summary(files, {}, {}, table_of(standings), self._created, ended=False)


def table_of(standings: list[dict[str, Any]]) -> Table:
    """The ranking as columns and rows; a rate that there is no rule for is null, and so are its bounds."""
    rows = []
    for row in standings:
        low, high = row["interval"].values() if row["interval"] else (None, None)
        params = ", ".join(f"{name} {short(value)}" for name, value in row["params"].items())
        found = [row["place"], row["arm"], row["rate"], low, high, row["median"], row["seeds"], row["p"]]
        rows.append([*found, row["corrected"], params])
    return Table(COLUMNS, rows)
