"""Nested gradient descent: the second player answers until its answer is good enough."""

from __future__ import annotations

from minmax import transforms
from minmax.field import partial
from minmax.optimizers.ascent import TOLERANCE, ascend
from minmax.optimizers.play import hypers_of, play, start
from minmax.types import TWO_PLAYERS, Batch, Game, Hypers, Info, Optimizer, Players, State, Tree


def nested(transform: str = "sgd", ascent_steps: int = 10) -> Optimizer:
    """The second player trains to (nearly) its best answer, then the first takes one step against it: the WGAN way.

    y ← P(y − h·d(F_y(x, y))) until ‖G_y‖ ≤ ``tolerance``, at most ``ascent_steps`` times, each on a minibatch of its
    own; then x ← P(x − h·d(F_x(x, y))) on one more. G = (y − P(y − h·F_y))/h, P the projection onto the feasible set:
    the gradient itself where the set does not bind. A member that is done stands still, its transform's state too.
    The critic comes first, unlike in ``alternating_gda``: x steps against the answer, so on f = a/2·x² + s·xy − b/2·y²
    with an answer to the end, x ← (1 − h(a + s²/b))x: it descends max_y f.
    Arjovsky, Chintala, Bottou 2017, arXiv 1701.07875 (algorithm 1, with a fixed number of answers).
    Cost: 0.5 for the first player's step and 0.7 for each of the second's gradients, of which the last may only say
    that the answer is good enough; ``info["cost"]`` says how much, ``info["ascent_steps"]`` how many steps.

    >>> import minmax
    >>> game = minmax.games.get("quadratic", a=0.0, b=1.0, s=1.0)
    >>> optimizer = minmax.optimizers.get("nested", ascent_steps=100)
    >>> hypers = {"lr": 0.1, "lr_ratio": 5.0, "tolerance": 1e-6}
    >>> near, far = minmax.train(game, optimizer, hypers, steps=20, report_every=10)
    >>> f"{(far.players['x'] / near.players['x']).item():.4f}"  # 0.9¹⁰
    '0.3487'

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
        *ascent, descent = batches
        answer = ascend(game, rule, players, ascent, state, hypers, ascent_steps, hypers["tolerance"])
        gradient = partial(game, answer.players, descent, next(iter(players)))
        players, state = play(game, rule, answer.players, gradient, answer.state, hypers)
        return players, state, {"cost": 0.5 + 0.7 * answer.gradients, "ascent_steps": answer.steps}

    cost = 0.5 + 0.7 * ascent_steps
    hypers, needs = hypers_of(rule, TOLERANCE), frozenset({TWO_PLAYERS})
    return Optimizer("nested", init, step, ascent_steps + 1, cost, hypers, needs=needs)
