"""Running what is missing of claims, in one process or in several that share the work."""

from __future__ import annotations

import multiprocessing
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from minmax.lazy import torch
from minmax.train import device_of
from sweeps.claims.claim import Claim
from sweeps.claims.results import Results

KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
"""For glibc: activations of megabytes are freed and asked for again at every step. A third faster, measured."""


class WorkFailed(RuntimeError):
    """A worker ended with an error, which it has printed."""


Told = Callable[[str], object]


def run(
    claims: Sequence[Claim],
    root: str,
    workers: int = 1,
    device: str = "auto",
    tell: Told = print,
    seeds: int | None = None,
) -> None:
    """Runs what is missing below ``root``, but for chunks that another process on this machine is at; ``seeds``: no
    more of them a cell than so many.

    Raises:
        ValueError: fewer than one worker.
        WorkFailed: a worker did, having said why.
    """
    if workers < 1:
        raise ValueError(f"workers: {workers} given; at least 1 is allowed")
    if workers == 1:
        return work(claims, root, device, tell, seeds)
    before = {name: os.environ.get(name) for name in KEEP_MEMORY}
    os.environ.update({name: before[name] or value for name, value in KEEP_MEMORY.items()})
    spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    processes = [spawn.Process(target=_alone, args=([claim.name for claim in claims], root, device, seeds))
                 for _ in range(workers)]  # fmt: skip
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    finally:
        for process in processes:
            process.terminate()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    if any(process.exitcode for process in processes):
        raise WorkFailed("a worker failed, see above; what was finished is kept, and the same command goes on")
    return None


def _alone(names: Sequence[str], root: str, device: str, seeds: int | None) -> None:
    from sweeps.claims import CLAIMS

    torch.set_num_threads(1)
    work([CLAIMS[name] for name in names], root, device, seeds=seeds)


def work(
    claims: Sequence[Claim], root: str, device: str = "auto", tell: Told = print, seeds: int | None = None
) -> None:
    """One worker: every chunk that nobody has run and nobody is at, the first of every cell first."""
    results = Results(root)
    claims = [_first(claim, seeds) for claim in claims]
    device = device_of(device)
    by = provenance(device)  # of the code that is loaded, whatever happens to its files meanwhile
    for claim, name, own in _in_turn(claims, results, device):
        with results.taken(claim, name, own) as mine:
            if not mine or results.has(claim, name, own):
                continue
            began = time.monotonic()
            played = claim.cells[name].play(claim.cells[name].setting, own, device)
            seconds = round(time.monotonic() - began, 1)
            results.put(claim, name, played, {"seconds": seconds, **by})
            tell(f"{claim.name}: {name}, seeds {own[0]} to {own[-1]}: {seconds:.0f} s")


def _first(claim: Claim, seeds: int | None) -> Claim:
    """With no more seeds a cell than so many, where they are seeds."""
    if seeds is None:
        return claim
    cells = {
        name: cell if cell.places else cell._replace(seeds=min(cell.seeds, seeds)) for name, cell in claim.cells.items()
    }
    return claim._replace(cells=cells)


def _in_turn(claims: Sequence[Claim], results: Results, device: str) -> Iterator[tuple[Claim, str, list[int]]]:
    queues = [
        [(claim, name, seeds) for seeds in results.missing(claim, name, cell.seeds if device != "cpu" else cell.chunk)]
        for claim in claims
        for name, cell in claim.cells.items()
    ]
    for turn in range(max(map(len, queues), default=0)):
        yield from (queue[turn] for queue in queues if turn < len(queue))


def provenance(device: str) -> dict[str, str]:
    """When, on what and by which code."""
    hardware = torch.cuda.get_device_name() if device != "cpu" else f"{_processor()}, {os.cpu_count()} cores"
    return {"date": time.strftime("%Y-%m-%d", time.gmtime()), "hardware": hardware, "commit": _commit()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _commit() -> str:
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=Path(__file__).parent, capture_output=True, text=True
        )
    except OSError:
        return "unknown"
    return said.stdout.strip() or "unknown"
