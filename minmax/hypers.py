"""Hyperparameters over members: one value a member of each, declared defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import Optimizer


def hypers_over_members(
    optimizer: Optimizer, hypers: Mapping[str, float | Sequence[float]], members: int
) -> dict[str, Tensor]:
    """Every hyperparameter as float64 ``[M]``, defaults filled in.

    Raises:
        ValueError: an unknown or missing name, a value that is not allowed, or not one value a member.
    """
    unknown = sorted(set(hypers) - set(optimizer.hypers))
    if unknown:
        raise ValueError(
            f"{unknown[0]}: {optimizer.name} has no such hyperparameter; allowed: {', '.join(optimizer.hypers)}"
        )
    values = {}
    for name, declared in optimizer.hypers.items():
        given = hypers.get(name, declared.default)
        if given is None:
            raise ValueError(f"{name}: {optimizer.name} needs a value; allowed: {declared.allowed}")
        own = torch.as_tensor(given, dtype=torch.float64).flatten()
        for value in own.tolist():
            if not declared.allows(value):
                raise ValueError(f"{name}: {value:g} given; allowed: {declared.allowed}")
        if len(own) not in (1, members):
            raise ValueError(f"{name}: {len(own)} values for {members} members; allowed: one, or one a member")
        values[name] = own.expand(members).clone()
    return values
