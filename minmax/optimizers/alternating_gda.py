"""Alternating gradient descent-ascent: the ordinary GAN loop."""

from __future__ import annotations

from minmax import transforms
from minmax.field import partial
from minmax.optimizers.play import hypers_of, play, start
from minmax.types import TWO_PLAYERS, Batch, Game, Hypers, Info, Optimizer, Players, State, Tree


def alternating_gda(transform: str = "sgd", ascent_steps: int = 1) -> Optimizer:
    """The first player steps, then the second answers the *new* first: x ← x − h·F_x(x, y); y ← y − h·F_y(x, y).

    ``ascent_steps`` answers, each on a minibatch of its own; the first shares the first player's.
    On f = s·xy its matrix has determinant 1 and trace 2 − h²s²: bounded iff hs < 2, never convergent. What it keeps
    is x² + y² − hs·xy.
    Goodfellow et al. 2014, arXiv 1406.2661; Bailey, Gidel, Piliouras 2020, arXiv 1907.04392.
    Cost: 0.5 for the first player's step and 0.7 for each answer; the samples are made anew for it.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> run = minmax.train(game, minmax.optimizers.get("alternating_gda"), {"lr": 0.5}, steps=200, report_every=100,
    ...                    dtype="float64")
    >>> near, far = (x * x + y * y - 0.5 * x * y for x, y in (report.players.values() for report in run))
    >>> f"{(far / near).item():.9f}"
    '1.000000000'

    Raises:
        ValueError: fewer than one ascent step.
    """
    if ascent_steps < 1:
        raise ValueError(f"ascent_steps: {ascent_steps} given; at least 1 is allowed")
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        return start(rule, players)

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        first, second = players
        players, state = play(game, rule, players, partial(game, players, batches[0], first), state, hypers)
        for batch in batches:
            players, state = play(game, rule, players, partial(game, players, batch, second), state, hypers)
        return players, state, {}

    cost = 0.5 + 0.7 * ascent_steps
    hypers, needs = hypers_of(rule), frozenset({TWO_PLAYERS})
    return Optimizer("alternating_gda", init, step, ascent_steps, cost, hypers, needs=needs)
