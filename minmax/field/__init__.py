"""The field F of a game: what moves its players, how it bends, where it rests, where it flows."""

from minmax.field.derivatives import (
    Interaction,
    Linearization,
    differentiable,
    differentiate,
    field,
    interact,
    linearize,
    losses,
    partial,
    value,
)
from minmax.field.equilibria import Equilibrium, find_equilibria, kind
from minmax.field.flow import flow
from minmax.field.lifting import lift, over_members
from minmax.field.points import grid, players_at
from minmax.field.relaxation import combined, conservative, relaxed
from minmax.field.spectrum import antisymmetric, eigenvalues, jacobian, leading_eigenvalues, symmetric

__all__ = [
    "Equilibrium",
    "Interaction",
    "Linearization",
    "antisymmetric",
    "combined",
    "conservative",
    "differentiable",
    "differentiate",
    "eigenvalues",
    "field",
    "find_equilibria",
    "flow",
    "grid",
    "interact",
    "jacobian",
    "kind",
    "leading_eigenvalues",
    "lift",
    "linearize",
    "losses",
    "over_members",
    "partial",
    "players_at",
    "relaxed",
    "symmetric",
    "value",
]
