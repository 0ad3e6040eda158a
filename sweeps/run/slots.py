"""How many trials Ray has room for at once."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sweeps.run import before_ray  # noqa: F401  # Ray reads it at import

# isort: split
import ray

from sweeps.run import joining, nodes
from sweeps.run.nodes import LOOK
from sweeps.run.service import NoRoom

JOINING = 120.0  # seconds for a first node with room for a trial


class Slots:
    """How many trials there is room for at once. A cluster that was joined grows and shrinks, so it is asked again."""

    def __init__(self, asked: Mapping[str, float], grows: bool) -> None:
        self._asked = {name: amount for name, amount in asked.items() if amount}
        self._grows, self._known, self._looked = grows, 0, -LOOK

    @property
    def now(self) -> int:
        """As of a moment ago."""
        if (self._grows or not self._known) and time.monotonic() - self._looked >= LOOK:
            self._known, self._looked = sum(map(self._on, _nodes())), time.monotonic()
        return self._known

    def refuse_none(self) -> None:
        """Waits for a first node of a cluster with room for a trial. Raises ``NoRoom`` where none has any."""
        end = time.monotonic() + (JOINING if self._grows else 0)
        while not self.now:
            if time.monotonic() >= end:
                raise NoRoom(self._none())
            time.sleep(LOOK)

    def _on(self, node: Mapping[str, float]) -> int:
        return min(int(node.get(name, 0) // amount) for name, amount in self._asked.items())

    def _none(self) -> str:
        most = {name: max((node.get(name, 0) for node in _nodes()), default=0) for name in self._asked}
        short = [name for name, amount in self._asked.items() if amount > most[name]]
        name = (short or list(self._asked))[0]
        unit, of = ("GB", 1e9) if name == "memory" else ("", 1)
        there = f"{most[name] / of:.4g}{unit}"
        where = f"the largest node of {joining.address_of()} has {there}" if self._grows else f"Ray has {there} to give"
        return f"resources.{name}: {self._asked[name] / of:.4g}{unit} asked for one trial; {where}"


def _nodes() -> list[dict[str, float]]:
    """What each living node has in all, by the names that a trial asks by."""
    there = nodes.living()
    living = [node["Resources"] for node in ray.nodes() if node["NodeID"] in there]
    return [{name.lower(): amount for name, amount in node.items()} for node in living]
