"""RMSProp."""

from __future__ import annotations

from minmax import tree
from minmax.transforms.root import root
from minmax.types import Hypers, Range, State, Transform, Tree

HYPERS = {
    "decay": Range(0.9, 0.999, default=0.99, searched=False, ge=0, lt=1),
    "eps": Range(1e-10, 1e-4, log=True, default=1e-8, searched=False, gt=0),
}


def rmsprop() -> Transform:
    """s ← α·s + (1−α)·g², direction = g/(√s + ε): ``torch.optim.RMSprop`` (α is ``decay``).

    Hinton, Srivastava, Swersky 2012, lecture 6e. TensorFlow 1 (Mescheder's code) has α = 0.9 and ε inside the root.
    """

    def init(params: Tree) -> State:
        return {"square": tree.zeros_like(params)}

    def update(gradient: Tree, state: State, hypers: Hypers) -> tuple[Tree, State]:
        decay = hypers["decay"]
        square = tree.add(tree.scale(decay, state["square"]), tree.map(lambda g: g * g, gradient), 1 - decay)
        direction = tree.map(lambda g, s: g / (root(s) + tree.per_member(hypers["eps"], s)), gradient, square)
        return direction, {"square": square}

    return Transform(init, update, HYPERS)
