"""One sweep of one side under one fault: started, hurt by a row, brought to its end, and counted."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType

from bench.faults.left import Counts, counted
from bench.faults.processes import Driver, Leftovers, wait_for
from bench.faults.sides import Side, ordinary, python
from bench.faults.trace import Trace
from bench.faults.work import LENGTH, REPORT_EVERY, Log, Step

PATIENCE, TRIES = 420.0, 3  # seconds for one driver; drivers that end by themselves without success, in a row


class DidNotBite(AssertionError):
    """The fault was not what happened: the row is worth nothing."""


class Case:
    """A folder of its own; ``place`` is where the side works, the steps and what drivers say lie above it.

    ``pace``: seconds that a step takes. ``database``: the study of the plain side lies in one too. ``server``: MLflow's
    address, by default a file of the side's own. ``more``: for the environment.
    """

    def __init__(
        self,
        side: Side,
        pace: float = 0.02,
        database: bool = False,
        server: str = "",
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.side, self.database = side, database
        self.folder = Path(tempfile.mkdtemp(prefix="f", dir="/tmp"))  # short, for the sockets below it
        self.place = self.folder / "w"
        self.place.mkdir()
        self._environment = {**ordinary(self.folder, pace), **side.environment(self.folder, self.place, database)}
        self._environment |= {"MLFLOW_TRACKING_URI": server or side.tracking(self.place), **more}
        self._drivers: list[Driver] = []
        self._leftovers, self._log = Leftovers(), Log(self.folder / "steps")
        self.codes: list[int] = []  # of drivers that ended by themselves

    def __enter__(self) -> Case:
        self.side.prepare(self.place)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for driver in self._drivers:
            driver.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *before: str) -> Driver:
        """A driver that begins the sweep or goes on with it; ``before``: a module that runs the side's."""
        command = python([*before, *self.side.module()])
        self._drivers.append(Driver(command, self.place, self.folder / "output.txt", self._environment))
        return self._drivers[-1]

    def kill(self, driver: Driver) -> None:
        """SIGKILL; ten seconds later what it left is counted."""
        driver.kill()
        self._leftovers.watch(driver)

    def ended(self, driver: Driver) -> int | None:
        """Waits for a driver; its exit code, None if it never ends (and then it is killed)."""
        code = driver.wait(PATIENCE)
        if code is None:
            driver.kill()
        else:
            self.codes.append(code)
        self._leftovers.watch(driver)
        return code

    def finish(self, driver: Driver | None = None) -> bool:
        """Waits for the driver and goes on until one of them succeeds; whether one did."""
        for _ in range(TRIES):
            if self.ended(driver or self.start()) == 0:
                return True
            driver = None
        return False

    def steps(self) -> list[Step]:
        """What was trained so far."""
        self._log.read()
        return self._log.steps

    def midway(self, driver: Driver, finished: int, reports: int = 1) -> Step:
        """Waits for a moment at which so many trials are over and another is so many reports on, and between two; its
        newest step.

        Raises:
            DidNotBite: the driver ended before.
        """
        found: list[Step] = []

        def there() -> bool:
            steps = self.steps()
            over = {step.key for step in steps if step.step == LENGTH}
            last = {step.key: step for step in steps}
            running = [step for key, step in last.items() if key not in over and _between(step.step, reports)]
            found[:] = running[-1:] if len(over) >= finished else []
            return bool(found) or not driver.lives

        if not wait_for(there, PATIENCE) or not found:
            raise DidNotBite(f"the sweep was over before it could be hurt\n{self.said()}")
        return found[0]

    def count(self, tracking: str = "") -> Counts:
        """The columns of the table."""
        processes = self._leftovers.most()
        left = self.side.left(self.place, tracking or self.side.tracking(self.place), self.database)
        return counted(left, Trace(self.steps()), processes)

    def said(self) -> str:
        """The end of what the drivers said."""
        output = self.folder / "output.txt"
        return output.read_text(errors="replace")[-3000:] if output.exists() else ""

    def trained_between(self, began: float, ended: float) -> list[Step]:
        """The steps of a span of time."""
        return [step for step in self.steps() if began <= step.time <= ended]


def now() -> float:
    """On the clock of the steps."""
    return time.time()


def _between(step: int, reports: int) -> bool:
    return reports * REPORT_EVERY + 2 <= step <= LENGTH - 4 and 2 <= step % REPORT_EVERY <= REPORT_EVERY - 3
