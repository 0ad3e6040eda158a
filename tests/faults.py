"""Planted faults: an optimizer, what is done to it, and the check that passes the real one and fails the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from closed_forms import ROWS
from contract import check_inputs_unchanged, registered_gan
from linear_maps import by_modulus, check_spectrum, check_trajectory, predicted, random_bilinear

import minmax
from minmax.types import Optimizer


class Fault(NamedTuple):
    """An optimizer by name and options, what is done to it, and the check that must notice."""

    name: str
    options: dict[str, Any]
    plant: Callable[[Optimizer], Optimizer]
    check: Callable[[Optimizer], None]


def assert_found(fault: Fault) -> None:
    """The check passes what is sound and fails what has the fault."""
    sound = minmax.optimizers.get(fault.name, **fault.options)
    fault.check(sound)
    with pytest.raises(AssertionError):
        fault.check(fault.plant(sound))


def spectrum(optimizer: Optimizer) -> None:
    """Against the closed form of the optimizer's first row."""
    check_spectrum(optimizer, ROWS[optimizer.name], random_bilinear(3, 4, top=0.9))


def path(optimizer: Optimizer) -> None:
    """The same in training."""
    row, game = ROWS[optimizer.name], random_bilinear(3, 4, top=0.9)
    check_trajectory(optimizer, row, game, by_modulus(predicted(row, game))[1])


def purity(optimizer: Optimizer) -> None:
    """No input is changed."""
    check_inputs_unchanged(optimizer, registered_gan())
