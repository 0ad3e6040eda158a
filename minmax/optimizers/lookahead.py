"""Lookahead for games, around any other optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minmax import optimizers, tree
from minmax.lazy import torch
from minmax.types import Batch, Game, Hypers, Info, Optimizer, Players, Range, State, Tree

HYPERS = {"slow_step": Range(0.1, 1.0, default=0.5, searched=False, gt=0, le=1)}


def lookahead(transform: str = "sgd", base: str | Mapping[str, Any] = "gda", k: int = 5) -> Optimizer:
    """Every k steps of ``base`` both players go back part of the way: slow ← slow + α(fast − slow), fast ← slow.

    α is ``slow_step``; ``base`` is a registered name or ``{"name": …, options}``. The slow weights are there from the
    start (the first synchronisation moves the players like any other), of both players at once, and part of the state.
    The base's own state (Adam's moments) goes on through it; buffers are not averaged.
    On f = s·xy around gda: λ = 1 − α + α(1 + iσ)ᵏ a cycle, σ = hs; for small σ converges iff α < 1 − 1/k.
    Chavdarova et al. 2021, arXiv 2006.14567. (Their released code makes its slow copy at the first synchronisation,
    which is then none. A Lookahead for each player apart is another algorithm.)
    Cost: that of the base.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> near, far = minmax.train(game, minmax.optimizers.get("lookahead"), {"lr": 0.3}, steps=20, report_every=10,
    ...                          metrics=["distance"])
    >>> f"{(far.metrics['distance'] / near.metrics['distance']).item():.4f}"  # |½ + ½(1 + 0.3i)⁵|²
    '0.7049'

    Raises:
        ValueError: an unknown base, or k below 1.
    """
    if k < 1:
        raise ValueError(f"k: {k} given; at least 1 is allowed")
    inner = _built(base, transform)

    def init(players: Players) -> State:
        params = tree.parameters(players)
        return {
            "base": inner.init(players),
            "slow": tree.map(torch.clone, params),  # values: a caller may go on writing into its players
            "count": tree.counter(params),
        }

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        players, after, info = inner.step(game, players, state["base"], batches, noise, hypers)
        count, slow, fast = state["count"] + 1, state["slow"], tree.parameters(players)
        back = tree.add(slow, tree.add(fast, slow, -1.0), hypers["slow_step"])
        synchronise = count % k == 0
        fast, slow = tree.where(synchronise, back, fast), tree.where(synchronise, back, slow)
        return tree.with_buffers_of(fast, players), {"base": after, "slow": slow, "count": count}, info

    return inner._replace(name="lookahead", init=init, step=step, hypers={**inner.hypers, **HYPERS})


def _built(base: str | Mapping[str, Any], transform: str) -> Optimizer:
    options = {"name": base} if isinstance(base, str) else dict(base)
    if "name" not in options:
        raise ValueError(f"base: {base!r} given; a name, or {{name: …, options}} is allowed")
    built: Optimizer = optimizers.get(options.pop("name"), **{"transform": transform, **options})
    return built
