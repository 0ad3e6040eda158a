"""The field F of a game: what moves its players, how it bends, where it rests, where it flows."""

from minmax.field.derivatives import Linearization, field, linearize, losses, partial, value
from minmax.field.equilibria import Equilibrium, find_equilibria, kind
from minmax.field.flow import flow
from minmax.field.lifting import lift, over_members
from minmax.field.points import grid, players_at
from minmax.field.relaxation import combined, conservative, relaxed
from minmax.field.spectrum import antisymmetric, eigenvalues, jacobian, leading_eigenvalues, symmetric

__all__ = [
    "Equilibrium",
    "Linearization",
    "antisymmetric",
    "combined",
    "conservative",
    "eigenvalues",
    "field",
    "find_equilibria",
    "flow",
    "grid",
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
