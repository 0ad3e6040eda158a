"""Accept/reject: a greedy second player, and proposals kept only if they help."""

from minmax.optimizers.accept_reject.equilibrium import equilibrium, equilibrium_share
from minmax.optimizers.accept_reject.rule import accept_reject

__all__ = ["accept_reject", "equilibrium", "equilibrium_share"]
