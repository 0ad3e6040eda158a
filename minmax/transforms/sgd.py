"""Plain gradient steps."""

from __future__ import annotations

from minmax.types import Hypers, State, Transform, Tree


def sgd() -> Transform:
    """direction = g: the gradient itself, as ``torch.optim.SGD`` without momentum. No constants, no state."""

    def init(params: Tree) -> State:
        return {}

    def update(gradient: Tree, state: State, hypers: Hypers) -> tuple[Tree, State]:
        return gradient, state

    return Transform(init, update, {})
