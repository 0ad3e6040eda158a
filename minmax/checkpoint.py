"""A run's state as safetensors: nothing in it can execute."""

from __future__ import annotations

from minmax import tree
from minmax.lazy import torch
from minmax.types import State


def dumps(state: State) -> bytes:
    """The tensors of a state, each named by its path."""
    from safetensors.torch import save

    return save({path: leaf.detach().cpu().contiguous().clone() for path, leaf in tree.named_leaves(state)})


def loads(content: bytes) -> State:
    """The state that ``dumps`` wrote.

    Raises:
        ValueError: not a whole safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ValueError(f"checkpoint: not a whole safetensors file: {error}") from error
    return nest(tensors)


def nest(tensors: dict[str, torch.Tensor]) -> State:
    """The tree whose ``tree.named_leaves`` these are."""
    state: State = {}
    for path, leaf in tensors.items():
        *parents, name = path.split("/")
        place = state
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = leaf
    return state
