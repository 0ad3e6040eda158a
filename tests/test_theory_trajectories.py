"""Started on an eigenvector, the training loop follows it: ``linear_maps.check_trajectory`` for every linear method."""

from __future__ import annotations

import pytest
from linear_maps import EIGENVALUES, check_trajectory, random_bilinear

import minmax

HYPERS = {"lr": 0.3, "lr_ratio": 1.7}


@pytest.mark.parametrize("which", [0, 3, -1])
@pytest.mark.parametrize("name", EIGENVALUES)
def test_eigenvectors_are_followed(name: str, which: int) -> None:
    game = random_bilinear(3, 4, top=0.5 / HYPERS["lr"], seed=1)
    hypers = {**HYPERS, "gamma": 0.37} if name == "consensus" else HYPERS
    check_trajectory(minmax.optimizers.get(name), game, hypers, which)
