"""Consensus optimization."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minmax import transforms, tree
from minmax.field import linearize
from minmax.optimizers.play import hypers_of, play, start
from minmax.registry import check_known
from minmax.types import Batch, Game, Hypers, Info, Optimizer, Players, Range, State, Tree

if TYPE_CHECKING:
    from torch import Tensor

HYPERS = {"gamma": Range(0.1, 100.0, log=True, ge=0)}

Estimate = Callable[[Game, Players, Batch], tuple[Players, Players]]


def consensus(transform: str = "sgd", estimator: str = "biased") -> Optimizer:
    """Descends on the players' disagreement too: the transform is fed F(z) + γ·∇½‖F(z)‖² = F + γ·JᵀF.

    ``estimator`` of ∇½‖E F‖² from a minibatch: ``biased``, ½‖F̄‖² of the minibatch's mean, as released (it exceeds the
    truth by the gradient of tr Cov/2n); ``half_batches``, ½⟨F_A, F_B⟩ of the two halves, unbiased; ``u_statistic``,
    ½(‖Σg‖² − Σ‖g_i‖²)/(n(n−1)) of the n examples' own fields g_i, unbiased and of less variance. It takes every loss to
    be a mean over examples (with a BatchNorm it is not), and n times the players' memory.
    On f = s·xy: λ = 1 − γσs + iσ, σ = hs; converges iff h < 2γ/(1 + γ²s²).
    Mescheder, Nowozin, Geiger 2017, arXiv 1705.10461 (the sum is taken before preconditioning, as there).
    Cost: 1 field, and 1.9 for the reverse pass through it.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> near, far = minmax.train(game, minmax.optimizers.get("consensus"), {"lr": 0.1, "gamma": 0.5}, steps=20,
    ...                          report_every=10, metrics=["distance"])
    >>> f"{(far.metrics['distance'] / near.metrics['distance']).item():.4f}"  # (0.95² + 0.1²)⁵
    '0.6327'

    Raises:
        ValueError: an unknown estimator; in a step, a minibatch that cannot be cut into halves or examples.
    """
    check_known("estimator", estimator, ESTIMATORS)
    rule = transforms.get(transform)
    estimate = ESTIMATORS[estimator]

    def init(players: Players) -> State:
        return start(rule, players)

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        current, disagreement = estimate(game, players, batches[0])
        gradient = tree.add(current, disagreement, hypers["gamma"])
        players, state = play(game, rule, players, gradient, state, hypers)
        return players, state, {}

    return Optimizer("consensus", init, step, batches=1, cost=2.9, hypers=hypers_of(rule, HYPERS))


def biased(game: Game, players: Players, batch: Batch) -> tuple[Players, Players]:
    """F and JᵀF of one minibatch."""
    at = linearize(game, players, batch)
    return at.field, at.transposed(at.field)


def half_batches(game: Game, players: Players, batch: Batch) -> tuple[Players, Players]:
    """The mean of F over two halves, and ½(J_AᵀF_B + J_BᵀF_A), the gradient of ½⟨F_A, F_B⟩."""
    one, other = (linearize(game, players, half) for half in _halves(batch))
    across = tree.mean(one.transposed(other.field), other.transposed(one.field))
    return tree.mean(one.field, other.field), across


def u_statistic(game: Game, players: Players, batch: Batch) -> tuple[Players, Players]:
    """The mean of F over n examples, and Σ J_iᵀu_i with u_i = (Σg − g_i)/(n(n−1)): examples are further members."""
    if not tree.leaves(batch):  # no chance, no bias
        return biased(game, players, batch)
    n = _examples(batch)
    at = linearize(game, tree.map(lambda x: x.repeat_interleave(n, 0), players), tree.map(_one_each, batch))

    def sums(x: Tensor) -> Tensor:
        return x.unflatten(0, (-1, n)).sum(1)

    total = tree.map(sums, at.field)
    others = tree.map(lambda whole, own: whole.repeat_interleave(n, 0) - own, total, at.field)
    across = at.transposed(tree.scale(1 / (n * (n - 1)), others))
    return tree.scale(1 / n, total), tree.map(sums, across)


ESTIMATORS: dict[str, Estimate] = {"biased": biased, "half_batches": half_batches, "u_statistic": u_statistic}


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    """Examples are the axis after the members; a game without chance has one and the same batch twice."""
    for name, leaf in tree.named_leaves(batch):
        if leaf.dim() < 2 or leaf.shape[1] % 2:
            raise ValueError(
                f"half_batches: batch leaf {name!r} {tuple(leaf.shape[1:])}; an even number of examples is allowed"
            )
    return tree.map(lambda x: x[:, : x.shape[1] // 2], batch), tree.map(lambda x: x[:, x.shape[1] // 2 :], batch)


def _examples(batch: Batch) -> int:
    """How many examples a minibatch has: the size of every leaf's axis after the members."""
    sizes = {name: tuple(leaf.shape[1:]) for name, leaf in tree.named_leaves(batch)}
    counts = {size[0] if size else 1 for size in sizes.values()}
    if len(counts) != 1 or min(counts) < 2:
        raise ValueError(f"u_statistic: batch leaves {sizes}; one number of examples for all, at least 2, is allowed")
    return counts.pop()


def _one_each(leaf: Tensor) -> Tensor:
    """``[M, n, ...]`` as M·n members of one example."""
    return leaf.flatten(0, 1).unsqueeze(1)
