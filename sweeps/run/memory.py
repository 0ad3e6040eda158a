"""Memory: which errors say that there was too little, and a bound for a worker's own."""

from __future__ import annotations

import contextlib
import gc
import resource
from pathlib import Path

import psutil

from minmax.lazy import torch

SAID = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")
KILLS = Path("/proc/vmstat")  # of Linux: counts what its out-of-memory killer ended, also within a container's limit


def is_shortage(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, says that memory ran out: Python's, torch's on any device, C++'s."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
            return True
        said = " ".join(part for part in error.args if isinstance(part, str))
        if isinstance(error, RuntimeError) and any(words in said for words in SAID):
            return True
        error = error.__cause__ or error.__context__
    return False


def release() -> None:
    """Gives back what a failed trial held, for the next one in this process."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def bound(memory: int) -> None:
    """Lets this process have about ``memory`` bytes, all it has now included: past that, allocations fail as errors.

    What counts is what it may write to (``RLIMIT_DATA``), of which a process reserves more than it ever touches: the
    bound is as far above the present reserve as ``memory`` is above what is resident.
    """
    process = psutil.Process()
    reserved, resident = process.memory_info().data, process.memory_info().rss
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    with contextlib.suppress(ValueError, OSError):  # where the system has no such limit, there is no bound
        resource.setrlimit(resource.RLIMIT_DATA, (reserved + max(0, memory - resident), hard))


def bound_gpu(share: float) -> None:
    """Lets this process have its ``share`` of its GPU's memory: of several on one GPU none takes the others' away. Past
    that, allocations fail as errors."""
    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(share)


def kills() -> int:
    """How many processes this machine's kernel has ended for want of memory; 0 where it does not say."""
    try:
        words = KILLS.read_text().split()
        return int(words[words.index("oom_kill") + 1])
    except (OSError, ValueError):
        return 0
