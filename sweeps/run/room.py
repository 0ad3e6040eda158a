"""Whether this machine has what one trial asks for: said before anything is made. A cluster is asked once joined."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil

from minmax.lazy import torch
from sweeps.run.joining import address_of, refuse_closed
from sweeps.run.service import NoRoom
from sweeps.spec.limits import size

if TYPE_CHECKING:
    from sweeps.spec.sweep import Resources


def refuse_too_much(resources: Resources) -> None:
    """Raises ``NoRoom`` if a trial would wait for ever, ``NoCluster`` if it would for a cluster."""
    address = address_of()
    if address is not None:
        refuse_closed(address)
        return
    there = {"cpu": os.cpu_count() or 1, "gpu": torch.cuda.device_count() if resources.gpu else 0}  # torch takes 1 s
    for name, asked in (("cpu", resources.cpu), ("gpu", resources.gpu)):
        if asked > there[name]:
            raise NoRoom(f"resources.{name}: {asked:g} asked for one trial; this machine has {there[name]}")
    have = psutil.virtual_memory().total
    if (resources.memory or 0) > have:
        said = size(resources.memory or 0)
        raise NoRoom(f"resources.memory: {said} asked for one trial; this machine has {have / 1e9:.1f}GB")
