"""What a trial takes of its machine, measured where it runs and recorded with its reports."""

from __future__ import annotations

import psutil

from minmax.lazy import torch


class Usage:
    """Read at every report: a share of CPU is of the time since the last reading, memory as it is then."""

    def __init__(self, device: str) -> None:
        self._process, self._device = psutil.Process(), device
        self._process.cpu_percent()

    def read(self) -> dict[str, float]:
        """``cpu_percent`` (100: one core), ``memory_megabytes``, and on a GPU ``gpu_memory_megabytes`` at its most."""
        used = {
            "cpu_percent": self._process.cpu_percent(),
            "memory_megabytes": self._process.memory_info().rss / 1e6,
        }
        if self._device == "cuda":
            used["gpu_memory_megabytes"] = torch.cuda.max_memory_allocated() / 1e6
        return used
