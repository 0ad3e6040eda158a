"""When a proposal is kept although f did not fall: annealing schedules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from minmax.lazy import torch
from minmax.types import Hypers, Range

if TYPE_CHECKING:
    from torch import Tensor


class Annealing(NamedTuple):
    """``probability(iteration, hypers) -> p`` of keeping whatever is proposed, all ``[M]``; iterations count from 0."""

    hypers: Mapping[str, Range]
    probability: Callable[[Tensor, Hypers], Tensor]


ACCEPT = Range(0.0, 1.0, default=0.2, searched=False, ge=0, le=1)
TEMPERATURE = Range(100.0, 10_000.0, log=True, gt=0)
EVERY = Range(2.0, 10.0, default=4.0, searched=False, ge=1)


def exponential(iteration: Tensor, hypers: Hypers) -> Tensor:
    """p₀·exp(−i/τ)."""
    return hypers["accept"] * torch.exp(-iteration / hypers["temperature"])


def constant(iteration: Tensor, hypers: Hypers) -> Tensor:
    """p₀ for ever; with p₀ = 1 nothing is ever rejected."""
    return hypers["accept"] + 0 * iteration


def every(iteration: Tensor, hypers: Hypers) -> Tensor:
    """1 in the iterations 0, r, 2r, …, else 0: no chance in it. (Released: r = 4 Gaussians, 5 MNIST, 2 CIFAR-10.)"""
    return (iteration.remainder(hypers["every"]) < 1).double()


def mnist(iteration: Tensor, hypers: Hypers) -> Tensor:
    """1/T, T = 4 + exp((i/20000)²): released for 0-1 MNIST, where u ~ U(0, T) and the test applies iff u > 1."""
    return 1 / (4 + torch.exp((iteration / 20_000) ** 2))


SCHEDULES = {
    "exponential": Annealing({"temperature": TEMPERATURE, "accept": ACCEPT}, exponential),
    "constant": Annealing({"accept": ACCEPT}, constant),
    "every": Annealing({"every": EVERY}, every),
    "mnist": Annealing({}, mnist),
}
