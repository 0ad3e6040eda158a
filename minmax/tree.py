"""Arithmetic on trees: nested dicts of stacked tensors ``[M, ...]``, with coefficients ``[M]`` or plain numbers.

An optimizer written with these reads like its formula. Nothing here changes an input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import Tree

Coefficient = Any  # a number, or a Tensor [M]


def map(function: Callable[..., Any], first: Tree, *rest: Tree) -> Tree:
    """``function`` over the leaves of trees of one structure."""
    if isinstance(first, dict):
        return {key: map(function, value, *(tree[key] for tree in rest)) for key, value in first.items()}
    return function(first, *rest)


def leaves(tree: Tree) -> list[Tensor]:
    """The leaves, in order."""
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in leaves(value)]
    return [tree]


def like(tree: Tree, values: Sequence[Any]) -> Tree:
    """A tree of ``tree``'s structure that holds ``values``: the inverse of ``leaves``."""
    remaining = iter(values)
    return map(lambda _: next(remaining), tree)


def ordered(tree: Tree, template: Tree) -> Tree:
    """``tree`` with the keys of ``template``, in its order: order says which player is the first."""
    return map(lambda _, x: x, template, tree)


def named_leaves(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Pairs of a path (keys joined by ``/``) and a leaf."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from named_leaves(value, f"{prefix}/{key}" if prefix else str(key))
    else:
        yield prefix, tree


def parameters(players: Tree) -> Tree:
    """The players without their buffers: what gradients move."""
    if any(isinstance(player, dict) and "buffers" in player for player in players.values()):
        return {name: _without_buffers(player) for name, player in players.items()}
    return players


def with_buffers_of(moved: Tree, players: Tree) -> Tree:
    """``moved`` with the buffers of ``players`` put back."""
    return {
        name: {**player, "buffers": players[name]["buffers"]}
        if isinstance(players[name], dict) and "buffers" in players[name]
        else player
        for name, player in moved.items()
    }


def _without_buffers(player: Tree) -> Tree:
    return {k: v for k, v in player.items() if k != "buffers"} if isinstance(player, dict) else player


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
    products = map(lambda x, y: rows(x * y).sum(1), a, b)
    return torch.stack(leaves(products)).sum(0)


def norm(a: Tree) -> Tensor:
    """‖a‖ of each member, ``[M]``."""
    return dot(a, a).sqrt()


def fill(template: Tree, values: Tree, path: str = "") -> Tree:
    """``template`` with its leaves taken from ``values`` (a stored tree, which may lack empty branches).

    Raises:
        ValueError: a leaf that is missing or of another shape, named by its path.
    """
    if isinstance(template, dict):
        return {key: fill(own, values.get(key, {}), f"{path}/{key}") for key, own in template.items()}
    if isinstance(values, dict):
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


def counter(a: Tree) -> Tensor:
    """0 for each member of ``a``, ``[M]`` float64: where a count begins."""
    first = leaves(a)[0]
    return torch.zeros(len(first), dtype=torch.float64, device=first.device)


def stack(trees: Sequence[Tree]) -> Tree:
    """One tree with a member axis from one tree a member."""
    return map(lambda *xs: torch.stack(xs), *trees)


def member(a: Tree, index: int) -> Tree:
    """One member, without its axis."""
    return map(lambda x: x[index], a)


def part(a: Tree, members: slice) -> Tree:
    """Some members, as views; a leaf without a member axis as it is."""
    return map(lambda x: x[members] if x.dim() else x, a)


def cat(trees: Sequence[Tree]) -> Tree:
    """The members of several trees of one structure, one after another: the inverse of ``part``."""
    return trees[0] if len(trees) == 1 else map(lambda *xs: torch.cat(xs) if xs[0].dim() else xs[0], *trees)


def rows(leaf: Tensor) -> Tensor:
    """``[M, k]``: a member a row, also where a member is a single number."""
    return leaf.reshape(leaf.shape[0], math.prod(leaf.shape[1:]))


def flat(a: Tree) -> Tensor:
    """``[M, P]``: every member's leaves side by side."""
    parts = [rows(x) for x in leaves(a)]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def unflat(vector: Tensor, a: Tree) -> Tree:
    """The tree whose members have the shapes of ``a``'s (``a`` may have another number of them) and whose ``flat`` is
    ``vector``, as views of it."""
    shapes = [x.shape[1:] for x in leaves(a)]
    parts = torch.split_with_sizes(vector, [math.prod(shape) for shape in shapes], dim=1)
    count = vector.shape[0]
    return like(a, [part.view(count, *shape) for part, shape in zip(parts, shapes, strict=True)])


def _is_tensor(value: Any) -> bool:
    return not isinstance(value, (int, float))
