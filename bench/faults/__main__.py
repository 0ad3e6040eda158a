"""``python -m bench.faults [ROW…]``: hurts sweeps of both sides, and writes docs/faults.json and docs/faults.md.

Both sides of a row run at the same time, so that they have the same machine. The exit code is 1 where a fault did not
bite, or where ours lost, doubled or left anything.
"""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bench.faults import page
from bench.faults.case import DidNotBite
from bench.faults.rows import KILLS, ROWS, Result
from bench.faults.sides import SIDES, Side


def main() -> int:
    """Runs the rows that are asked for, by default all."""
    parser = ArgumentParser(prog="python -m bench.faults", description="what faults do to a sweep, ours and plain")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--side", choices=list(SIDES), help="one side only")
    parser.add_argument("--kills", type=int, default=KILLS, help="of the row driver")
    asked = parser.parse_args()
    rows: dict[str, Callable[[Side], Result]] = {**ROWS, "driver": partial(ROWS["driver"], kills=asked.kills)}
    unknown = set(asked.rows) - set(ROWS)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: no such row; there are {', '.join(ROWS)}")
    failed = []
    for row in asked.rows or ROWS:
        print(f"{time.strftime('%H:%M:%S')} {page.TITLES[row]}", flush=True)
        sides = [asked.side] if asked.side else list(SIDES)
        with ThreadPoolExecutor(len(sides)) as pool:
            came = dict(zip(sides, pool.map(partial(_one, rows[row]), sides), strict=True))
        for side, (result, seconds) in came.items():
            page.store(row, side, result, seconds)
            said = result if isinstance(result, str) else f"{result.counts}; {result.proof}; {result.ended}"
            print(f"  {side}, {seconds:.0f} s: {said}", flush=True)
            if isinstance(result, str):
                failed.append(f"{row}, {side}: did not bite")
        if "ours" in came:
            failed += page.shortcomings(row, page.stored()[row]["ours"])
        page.write()
    print("\n".join(failed) or "every fault bit, and ours lost, doubled and left nothing")
    return 1 if failed else 0


def _one(row: Callable[[Side], Result], side: str) -> tuple[Result | str, float]:
    began = time.monotonic()
    try:
        came: Result | str = row(SIDES[side])
    except DidNotBite as error:
        came = str(error)
    return came, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
