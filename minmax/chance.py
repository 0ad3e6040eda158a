"""What a user's modules draw from PyTorch's global generators (dropout), made part of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.streams import generator

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import State

CPU, CUDA = "random", "random_cuda"  # in a run's state: the global generators' own


class Chance:
    """The global generators as a run has them; lent while its modules run, they are nobody else's business.

    ``state``: all that continues them; empty where no module draws.
    """

    def __init__(self, state: dict[str, Tensor], device: str) -> None:
        self.state, self._device = state, device

    @classmethod
    def begun(cls, seed: int, device: str) -> Chance:
        """As a run of this first seed begins with them."""
        devices = {CPU: "cpu"}
        if torch.device(device).type == "cuda":
            devices[CUDA] = device
        return cls({name: generator(seed, "module", own).get_state() for name, own in devices.items()}, device)

    @classmethod
    def of(cls, state: State, device: str) -> Chance:
        """As the run of this state had them."""
        return cls({name: state[name].cpu() for name in (CPU, CUDA) if name in state}, device)

    @contextmanager
    def lent(self, keep: bool = True) -> Iterator[None]:
        """What is drawn meanwhile comes from the run's own; with ``keep`` the next draws come after it."""
        if not self.state:
            yield
            return
        on_cuda = CUDA in self.state
        with torch.random.fork_rng(devices=[self._device] if on_cuda else []):
            torch.set_rng_state(self.state[CPU])
            if on_cuda:
                torch.cuda.set_rng_state(self.state[CUDA], self._device)
            yield
            if keep:
                self.state = {CPU: torch.get_rng_state()}
                if on_cuda:
                    self.state[CUDA] = torch.cuda.get_rng_state(self._device)
