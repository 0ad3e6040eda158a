"""A run's state as safetensors: nothing in it can execute."""

from __future__ import annotations

import json

from minmax import tree
from minmax.lazy import torch
from minmax.types import State


def dumps(state: State) -> bytes:
    """The tensors of a state, each named by its path, and the order they came in (which player is the first, which
    layer: safetensors sorts by name)."""
    from safetensors.torch import save

    tensors = {path: leaf.detach().cpu().contiguous().clone() for path, leaf in tree.named_leaves(state)}
    return save(tensors, metadata={"order": json.dumps(list(tensors))})


def loads(content: bytes) -> State:
    """The state that ``dumps`` wrote.

    Raises:
        ValueError: not a whole safetensors file, or not one that ``dumps`` wrote.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ValueError(f"checkpoint: not a whole safetensors file: {error}") from error
    return nest({path: tensors[path] for path in _order(content)})


def _order(content: bytes) -> list[str]:
    """From the header: eight bytes with its length, then JSON."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    try:
        return json.loads(header["__metadata__"]["order"])
    except KeyError as error:
        raise ValueError("checkpoint: a safetensors file, but without the order of its leaves") from error


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
