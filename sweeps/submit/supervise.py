"""Runs a driver until it has come to its end: one that crashes is started again, and goes on from the records.

Ray restarts no driver: this is what its Jobs API starts. ``python -m sweeps.submit.supervise spec.yaml`` is the driver
of a new sweep, and with ``--resume`` of one that was begun, here or on a head that is gone.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from sweeps.cli.codes import BAD_SPEC, CHANGED, FAILED, INTERRUPTED, TAKEN

RESTARTS = 5  # in a row
STEADY = 600.0  # seconds after which a driver is taken to run, and its restarts are forgotten
FIRST, LONGEST = 2.0, 60.0  # seconds between starts, doubling
FINAL = (0, FAILED, BAD_SPEC, CHANGED, INTERRUPTED)  # a driver that said why, and would say it again
DEAD_AFTER = 90.0  # seconds after which the owner on a head that is gone counts as dead, and a little more


def supervise(spec: str, resume: bool, pause: Callable[[float], None] = time.sleep) -> int:
    """Its exit code, once no other start would change it, or there were too many."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))  # Ray sends it to the driver as well
    restarts, wait, begun = 0, FIRST, time.monotonic()
    while True:
        started = time.monotonic()
        code = subprocess.call(_command(spec, resume))
        if asked or code in FINAL:
            return code
        if code == TAKEN and not (resume and time.monotonic() - begun < DEAD_AFTER):
            return code
        if time.monotonic() - started > STEADY:
            restarts, wait = 0, FIRST
        restarts += code != TAKEN
        if restarts > RESTARTS:
            print(f"sweeps: the driver {_ended(code)}; {RESTARTS} restarts did not help", file=sys.stderr, flush=True)
            return code
        again = "it is started again" if code == TAKEN else f"restart {restarts} of {RESTARTS}"
        print(f"sweeps: the driver {_ended(code)}; {again} in {wait:g} s", file=sys.stderr, flush=True)
        pause(wait)
        if asked:
            return INTERRUPTED
        resume, wait = True, min(2 * wait, LONGEST)


def _command(spec: str, resume: bool) -> Sequence[str]:
    return [sys.executable, "-m", "sweeps", "run", spec, "--plain", *(["--or-resume"] if resume else [])]


def _ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1], "--resume" in sys.argv[2:]))
