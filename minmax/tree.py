"""Arithmetic on trees: nested dicts of stacked tensors ``[M, ...]``, with coefficients ``[M]`` or plain numbers.

An optimizer written with these reads like its formula. Nothing here changes an input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import Tree

Coefficient = Any  # a number, or a Tensor [M]


def map(function: Callable[..., Any], first: Tree, *rest: Tree) -> Tree:
    """``function`` over the leaves of trees of one structure."""
    if isinstance(first, Mapping):
        return {key: map(function, value, *(tree[key] for tree in rest)) for key, value in first.items()}
    return function(first, *rest)


def leaves(tree: Tree) -> list[Tensor]:
    """The leaves, in order."""
    if isinstance(tree, Mapping):
        return [leaf for value in tree.values() for leaf in leaves(value)]
    return [tree]


def like(tree: Tree, values: Sequence[Any]) -> Tree:
    """A tree of ``tree``'s structure that holds ``values``: the inverse of ``leaves``."""
    remaining = iter(values)
    return map(lambda _: next(remaining), tree)


def named_leaves(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Pairs of a path (keys joined by ``/``) and a leaf."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from named_leaves(value, f"{prefix}/{key}" if prefix else str(key))
    else:
        yield prefix, tree


def parameters(players: Tree) -> Tree:
    """The players without their buffers: what gradients move."""
    if any(isinstance(player, Mapping) and "buffers" in player for player in players.values()):
        return {name: _without_buffers(player) for name, player in players.items()}
    return players


def with_buffers_of(moved: Tree, players: Tree) -> Tree:
    """``moved`` with the buffers of ``players`` put back."""
    return {
        name: {**player, "buffers": players[name]["buffers"]}
        if isinstance(players[name], Mapping) and "buffers" in players[name]
        else player
        for name, player in moved.items()
    }


def _without_buffers(player: Tree) -> Tree:
    return {k: v for k, v in player.items() if k != "buffers"} if isinstance(player, Mapping) else player


def per_member(coefficient: Coefficient, leaf: Tensor) -> Coefficient:
    """A coefficient ``[M]`` shaped and typed to multiply a leaf ``[M, ...]``; a plain number as it is."""
    if isinstance(coefficient, (int, float)):
        return coefficient
    shape = coefficient.shape + (1,) * (leaf.dim() - 1)
    if coefficient.dtype == torch.bool:
        return coefficient.view(shape)
    return coefficient.view(shape).to(leaf.dtype)


def add(a: Tree, b: Tree, scale: Coefficient = 1.0) -> Tree:
    """a + scale·b."""
    return map(lambda x, y: torch.addcmul(x, y, per_member(scale, x)) if _is_tensor(scale) else x + scale * y, a, b)


def scale(coefficient: Coefficient, a: Tree) -> Tree:
    """coefficient·a."""
    return map(lambda x: x * per_member(coefficient, x), a)


def mean(a: Tree, b: Tree) -> Tree:
    """(a + b)/2."""
    return map(lambda x, y: (x + y) / 2, a, b)


def where(mask: Tensor, a: Tree, b: Tree) -> Tree:
    """Members of ``a`` where the mask ``[M]`` is true, of ``b`` elsewhere."""
    return map(lambda x, y: torch.where(per_member(mask, x), x, y), a, b)


def dot(a: Tree, b: Tree) -> Tensor:
    """⟨a, b⟩ of each member, ``[M]``."""
    products = [(x * y).flatten(1).sum(1) for x, y in zip(leaves(a), leaves(b), strict=True)]
    return torch.stack(products).sum(0)


def norm(a: Tree) -> Tensor:
    """‖a‖ of each member, ``[M]``."""
    return dot(a, a).sqrt()


def fill(template: Tree, values: Tree, path: str = "") -> Tree:
    """``template`` with its leaves taken from ``values`` (a stored tree, which may lack empty branches).

    Raises:
        ValueError: a leaf that is missing or of another shape, named by its path.
    """
    if isinstance(template, Mapping):
        return {key: fill(own, values.get(key, {}), f"{path}/{key}") for key, own in template.items()}
    if isinstance(values, Mapping):
        raise ValueError(f"{path}: missing; a tensor of shape {tuple(template.shape)} is needed")
    if values.shape != template.shape:
        raise ValueError(f"{path}: shape {tuple(values.shape)} given; {tuple(template.shape)} is needed")
    return values


def zeros_like(a: Tree) -> Tree:
    """Zeros of ``a``'s shapes."""
    return map(torch.zeros_like, a)


def detach(a: Tree) -> Tree:
    """The same values outside any graph."""
    return map(lambda x: x.detach(), a)


def members(a: Tree) -> int:
    """M, the number of members."""
    return int(leaves(a)[0].shape[0])


def stack(trees: Sequence[Tree]) -> Tree:
    """One tree with a member axis from one tree a member."""
    return map(lambda *xs: torch.stack(xs), *trees)


def member(a: Tree, index: int) -> Tree:
    """One member, without its axis."""
    return map(lambda x: x[index], a)


def flat(a: Tree) -> Tensor:
    """``[M, P]``: every member's leaves side by side."""
    return torch.cat([x.flatten(1) for x in leaves(a)], dim=1)


def unflat(vector: Tensor, a: Tree) -> Tree:
    """The tree of ``a``'s shapes whose ``flat`` is ``vector``."""
    ends = iter(vector.split([x.flatten(1).shape[1] for x in leaves(a)], dim=1))
    return map(lambda x: next(ends).view(x.shape), a)


def _is_tensor(value: Any) -> bool:
    return not isinstance(value, (int, float))
