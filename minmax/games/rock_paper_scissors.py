"""Rock-paper-scissors in mixed strategies."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from minmax import tree
from minmax.games import simplex
from minmax.games.zero_sum import at, zero_sum
from minmax.lazy import torch
from minmax.registry import check_known
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

NAMES = ("row", "column")
LOSSES = ((0.0, 1.0, -1.0), (-1.0, 0.0, 1.0), (1.0, -1.0, 0.0))
"""What row pays column; both play rock, paper or scissors, in this order."""


class Parametrization(NamedTuple):
    """How a player ``[3]`` stands for a mixed strategy."""

    strategy: Callable[[Tensor], Tensor]
    start: Callable[[Generator], Tensor]
    solution: float
    nearest: Callable[[Players], Players] | None
    project: Callable[[Players], Players] | None


def rock_paper_scissors(parametrization: str = "softmax") -> Game:
    """f(p, q) = pᵀAq, what row (p, minimises) pays column (q, maximises); A is antisymmetric and cyclic.

    ``parametrization``: ``softmax``, p = softmax(logits), logits start standard normal; ``simplex``, p itself,
    projected onto the simplex, starts uniform on it. The solution is (⅓, ⅓, ⅓) for both, in logits any three equal
    numbers (the distance is to the nearest). There J has the eigenvalues ±i√3 along the simplex, ±i√3/9 in logits, each
    double, and 0 across: play circles. On the simplex, simultaneous steps multiply the distance by √(1 + 3h²) up to its
    boundary.

    Raises:
        ValueError: an unknown parametrization.
    """
    check_known("parametrization", parametrization, PARAMETRIZATIONS)
    own = PARAMETRIZATIONS[parametrization]()

    def value(players: Players, batch: Batch) -> Tensor:
        p, q = (own.strategy(players[name]) for name in NAMES)
        return ((p @ torch.tensor(LOSSES).to(p)) * q).sum(-1)

    def init(generator: Generator) -> Players:
        return {name: own.start(generator) for name in NAMES}

    solution = at(NAMES, [(own.solution,) * 3] * 2)
    return zero_sum(NAMES, value, init, solution=solution, nearest=own.nearest, project=own.project)


def _softmax() -> Parametrization:
    def nearest(players: Players) -> Players:
        return tree.map(lambda z: z.mean(-1, keepdim=True).expand_as(z), players)

    return Parametrization(
        lambda z: z.softmax(-1), lambda generator: torch.randn(3, generator=generator), 0.0, nearest, None
    )


def _simplex() -> Parametrization:
    def project(players: Players) -> Players:
        return tree.map(simplex.onto_simplex, players)

    return Parametrization(lambda z: z, lambda generator: simplex.uniform(3, generator), 1 / 3, None, project)


PARAMETRIZATIONS: dict[str, Callable[[], Parametrization]] = {"softmax": _softmax, "simplex": _simplex}
