"""Heavy-ball momentum, positive or negative."""

from __future__ import annotations

from minmax import tree
from minmax.types import Hypers, Range, State, Transform, Tree

HYPERS = {"momentum": Range(-0.9, 0.9, default=0.9, searched=False, gt=-1, lt=1)}


def momentum() -> Transform:
    """b ← μ·b + g, direction = b: ``torch.optim.SGD(momentum=μ)``, which refuses the negative μ that games like.

    Polyak 1964; negative momentum for games: Gidel et al. 2019, arXiv 1807.04740.
    """

    def init(params: Tree) -> State:
        return {"velocity": tree.zeros_like(params)}

    def update(gradient: Tree, state: State, hypers: Hypers) -> tuple[Tree, State]:
        velocity = tree.add(gradient, state["velocity"], hypers["momentum"])
        return velocity, {"velocity": velocity}

    return Transform(init, update, HYPERS)
