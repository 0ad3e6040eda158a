"""The field F of a game: what moves its players, how it bends, where it rests."""

from minmax.field.derivatives import Linearization, field, linearize, losses, partial, value
from minmax.field.lifting import lift, over_members
from minmax.field.spectrum import eigenvalues, jacobian

__all__ = [
    "Linearization",
    "eigenvalues",
    "field",
    "jacobian",
    "lift",
    "linearize",
    "losses",
    "over_members",
    "partial",
    "value",
]
