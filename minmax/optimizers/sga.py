"""Symplectic gradient adjustment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import transforms, tree
from minmax.field import linearize
from minmax.lazy import torch
from minmax.optimizers.play import hypers_of, play, start
from minmax.types import Batch, Game, Hypers, Info, Optimizer, Players, Range, State, Tree

if TYPE_CHECKING:
    from torch import Tensor

HYPERS = {"adjustment": Range(0.1, 10.0, log=True, ge=0)}

MARGIN = 0.1  # of the sign rule: where alignment says nothing, the adjustment is added


def sga(transform: str = "sgd", aligned: bool = True) -> Optimizer:
    """Turns F against the game's rotation: the transform is fed F + w·AᵀF, A = ½(J − Jᵀ), so AᵀF = ½(JᵀF − JF).

    |w| is ``adjustment``. ``aligned``: w has the sign of ⟨F, JᵀF⟩⟨AᵀF, JᵀF⟩/d + 0.1, JᵀF = ∇½‖F‖², d coordinates: the
    adjustment points at stable equilibria and away from unstable ones. Without it w is positive. On f = s·xy
    ⟨F, JᵀF⟩ = 0, so it is the 0.1 that decides, and a step is that of ``consensus``: λ = 1 − wσs + iσ, σ = hs.
    Balduzzi et al. 2018, arXiv 1802.05642. (Their released code divides by the number of tensors; here d is the
    paper's, all coordinates of both players, however they are laid out.)
    Cost: 1 field, and 3.8 for JᵀF and, through its graph, JF.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> near, far = minmax.train(game, minmax.optimizers.get("sga"), {"lr": 0.1, "adjustment": 1.0}, steps=20,
    ...                          report_every=10, metrics=["distance"])
    >>> f"{(far.metrics['distance'] / near.metrics['distance']).item():.4f}"  # √(0.9² + 0.1²)¹⁰
    '0.3707'
    """
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        return start(rule, players)

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        at = linearize(game, players, batches[0])
        transposed, product = at.both(at.field)
        turn = tree.scale(0.5, tree.add(transposed, product, -1.0))
        weight = hypers["adjustment"]
        if aligned:
            weight = torch.where(_aligned(at.field, transposed, turn), weight, -weight)
        players, state = play(game, rule, players, tree.add(at.field, turn, weight), state, hypers)
        return players, state, {}

    return Optimizer("sga", init, step, batches=1, cost=4.8, hypers=hypers_of(rule, HYPERS))


def _aligned(field: Players, descent: Players, turn: Players) -> Tensor:
    """``[M]``: whether the adjustment is to be added, by the sign rule; ``descent`` is ∇½‖F‖²."""
    size = tree.flat(field).shape[1]
    return tree.dot(field, descent) * tree.dot(turn, descent) / size + MARGIN > 0
