"""The field F of a game, and products with its Jacobian.

F stacks each player's gradient of its own loss. Members never interact, so the gradient of the *sum* of a loss over
members holds every member's own gradient, and second-order terms follow by differentiating once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from minmax import tree
from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.types import Batch, Game, Players, Tree


def losses(game: Game, players: Players, batch: Batch) -> Mapping[str, Tensor]:
    """Each player's own loss, ``[M]``; from one set of forward passes where the game offers it."""
    if game.joint is not None:
        return game.joint(players, batch)
    assert game.losses is not None
    return {name: loss(players, batch) for name, loss in game.losses.items()}


def value(game: Game, players: Players, batch: Batch) -> Tensor:
    """f, ``[M]``: what the first player lowers and the second raises."""
    with torch.no_grad():
        if game.value is not None:
            return game.value(players, batch)
        if game.losses is None:
            raise ValueError("this game is a field without losses: it has no value f")
        first, *others = players
        return -game.losses[others[0]](players, batch) if others else game.losses[first](players, batch)


def field(game: Game, players: Players, batch: Batch) -> Players:
    """F(z) = (∇ₓ loss₁, ∇ᵧ loss₂), of the players' parameters (buffers left out)."""
    return tree.detach(_field(game, *differentiable(players), batch, create_graph=False))


def partial(game: Game, players: Players, batch: Batch, name: str) -> Players:
    """``{name: F_name(z)}``: one player's component alone, at the cost of its own loss alone."""
    if game.losses is None:
        return {name: field(game, players, batch)[name]}
    own, whole = differentiable({name: players[name]})
    return {name: differentiate(game, {**players, **whole}, batch, name, own[name])}


def differentiate(
    game: Game, players: Players, batch: Batch, name: str, leaves: Tree, create_graph: bool = False
) -> Tree:
    """The gradient of the loss of ``name`` with respect to ``leaves``, tensors that ``players`` are functions of.

    With ``create_graph`` the gradient is a function of them too, to be differentiated further."""
    assert game.losses is not None
    with torch.enable_grad():
        return _gradient(game.losses[name](players, batch), leaves, create_graph, retain_graph=create_graph)


class Linearization(NamedTuple):
    """F at a point, and its Jacobian J there as products: ``transposed(u)`` = Jᵀu, ``product(u)`` = Ju, ``both(u)``."""

    field: Players
    transposed: Callable[[Players], Players]
    product: Callable[[Players], Players]
    both: Callable[[Players], tuple[Players, Players]]


def linearize(game: Game, players: Players, batch: Batch) -> Linearization:
    """F(z), Jᵀu by one more reverse pass, Ju by two (the double-vjp form: reverse mode of a linear map), the first of
    which gives Jᵀu as well."""
    leaves, whole = differentiable(players)
    tracked = _field(game, leaves, whole, batch, create_graph=True)

    def transposed(u: Players) -> Players:
        return tree.detach(_pull_back(tracked, u, leaves, create_graph=False))

    def both(u: Players) -> tuple[Players, Players]:
        probe = _leaves(tree.ordered(u, tracked))
        pulled = _pull_back(tracked, probe, leaves, create_graph=True)
        return tree.detach(pulled), tree.detach(_pull_back(pulled, u, probe, create_graph=False))

    return Linearization(tree.detach(tracked), transposed, lambda u: both(u)[1], both)


class Interaction(NamedTuple):
    """F of two players at a point, and how each one's part of it changes with the *other*: K = J with its diagonal
    blocks left out, ``transposed(u)`` = Kᵀu, ``product(u)`` = Ku. A u that names one player gives the other's part.
    """

    field: Players
    transposed: Callable[[Players], Players]
    product: Callable[[Players], Players]


def interact(game: Game, players: Players, batch: Batch) -> Interaction:
    """F(z), Kᵀu by one more reverse pass, Ku by another through that one, which is made once and kept."""
    leaves, whole = differentiable(players)
    tracked = _field(game, leaves, whole, batch, create_graph=True)
    first, second = leaves
    other = {first: second, second: first}

    def transposed(u: Players) -> Players:
        return {
            name: tree.detach(_pull_back(tracked[other[name]], u[other[name]], own, create_graph=False))
            for name, own in leaves.items()
            if other[name] in u
        }

    @cache
    def pulled(name: str) -> tuple[Tree, Tree]:
        """A probe u of ``name``, and Kᵀu as a (linear) function of it."""
        probe = _leaves(tree.zeros_like(tracked[name]))
        return probe, _pull_back(tracked[name], probe, leaves[other[name]], create_graph=True)

    def product(u: Players) -> Players:
        result = {}
        for name in leaves:
            if other[name] in u:
                probe, linear = pulled(name)
                result[name] = tree.detach(_pull_back(linear, u[other[name]], probe, create_graph=False))
        return result

    return Interaction(tree.detach(tracked), transposed, product)


def with_relaxation(game: Game, players: Players, batch: Batch) -> tuple[Players, Players]:
    """F and ∇½‖F‖² = JᵀF as functions of the tensors in ``players`` (which require gradients), to be differentiated
    further."""
    leaves = tree.parameters(players)
    tracked = _field(game, leaves, players, batch, create_graph=True)
    with torch.enable_grad():
        return tracked, _gradient(tree.dot(tracked, tracked) / 2, leaves, create_graph=True, retain_graph=True)


def differentiable(players: Players) -> tuple[Players, Players]:
    """Fresh leaves for the parameters, and the whole players (buffers included) that hold them."""
    leaves = _leaves(tree.parameters(players))
    return leaves, tree.with_buffers_of(leaves, players)


def _leaves(values: Tree) -> Tree:
    return tree.map(lambda x: x.detach().requires_grad_(), values)


def _field(game: Game, leaves: Players, whole: Players, batch: Batch, create_graph: bool) -> Players:
    with torch.enable_grad():
        if game.field is not None:
            return tree.ordered(game.field(whole, batch), leaves)
        each = losses(game, whole, batch)
        *_, last = leaves
        return {
            name: _gradient(each[name], own, create_graph, retain_graph=create_graph or name != last)
            for name, own in leaves.items()
        }


def _gradient(values: Tensor, leaves: Any, create_graph: bool, retain_graph: bool) -> Any:
    """Of the sum of values ``[M]``: every member's own."""
    if not values.requires_grad:  # a loss that does not depend on its player
        return tree.zeros_like(leaves)
    gradients = torch.autograd.grad(
        values,
        tree.leaves(leaves),
        torch.ones_like(values),
        create_graph=create_graph,
        retain_graph=retain_graph,
        materialize_grads=True,
    )
    return tree.like(leaves, gradients)


def _pull_back(outputs: Players, vector: Players, inputs: Players, create_graph: bool) -> Players:
    with torch.enable_grad():
        return _gradient(tree.dot(outputs, vector), inputs, create_graph, retain_graph=True)
