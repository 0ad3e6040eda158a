"""A trained member out of a checkpoint, into modules of one's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minmax import checkpoint, tree
from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from minmax.types import Players

FILE = "state.safetensors"


def load(source: str | os.PathLike[str] | bytes, member: int = 0, **modules: nn.Module) -> Players:
    """The players of one ``member`` as they were trained, each module given under a player's name filled with its.

    Modules are filled in place, buffers included: ``load("state.safetensors", generator=G, discriminator=D)``. What is
    returned are the players, stacked as everywhere (``[1, ...]``), for native nets and for ``game.generate``.

    Args:
        source: a checkpoint's file, the folder that it lies in, or its bytes. It is safetensors: nothing in it can run.
        member: which of the seeds that trained side by side.

    Raises:
        ValueError: no checkpoint, no such member or player, or a tensor that does not fit: the first that does not is
            named with both shapes. Nothing is changed then.
        OSError: the file cannot be read.
    """
    players = checkpoint.loads(_content(source)).get("players", {})
    count = min((len(leaf) for leaf in tree.leaves(players)), default=0)
    if not 0 <= member < count:
        raise ValueError(f"member: {member} given; the checkpoint has {count}, from 0")
    own: Players = tree.map(lambda x: x[member : member + 1], players)
    fitting = {name: _fitting(name, module, own) for name, module in modules.items()}
    with torch.no_grad():
        for name, module in modules.items():
            for path, place in _places(module).items():
                place.copy_(fitting[name][path][0])
    return own


def _content(source: str | os.PathLike[str] | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    path = Path(source)
    return (path / FILE if path.is_dir() else path).read_bytes()


def _fitting(name: str, module: nn.Module, players: Players) -> dict[str, Tensor]:
    """The player's tensors by the module's names, all of them of its shapes."""
    if name not in players:
        raise ValueError(f"{name}: no player of this checkpoint; it has {', '.join(players)}")
    player: dict[str, Any] = players[name] if isinstance(players[name], dict) else {}
    have = dict(tree.named_leaves({**player, **player.get("buffers", {})}))
    have = {path: leaf for path, leaf in have.items() if not path.startswith("buffers/")}
    want = _places(module)
    for path in [*want, *(path for path in have if path not in want)]:
        has, wants = (_shape(each.get(path)) for each in ({p: leaf[0] for p, leaf in have.items()}, want))
        if has != wants:
            raise ValueError(f"{name}: {path}: the checkpoint has {has}, the module wants {wants}")
    return have


def _places(module: nn.Module) -> dict[str, Tensor]:
    """Where a module's tensors go: its parameters and buffers, as training names them."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _shape(tensor: Tensor | None) -> str:
    return "no such tensor" if tensor is None else str(tuple(tensor.shape))
