"""The gradient-regularised GAN of Nagarajan and Kolter."""

from __future__ import annotations

from minmax import transforms, tree
from minmax.field import interact
from minmax.optimizers.play import hypers_of, play, start
from minmax.types import TWO_PLAYERS, Batch, Game, Hypers, Info, Optimizer, Players, Range, State, Tree

HYPERS = {"eta": Range(0.01, 10.0, log=True, ge=0)}


def gradient_regularized(transform: str = "sgd") -> Optimizer:
    """The first player also lowers the second's slope: it minimises its loss + η‖F_y‖², F_y the second's gradient.

    The transforms are fed F_x + 2η(∂F_y/∂x)ᵀF_y and F_y: the penalty is not halved, and the second has none. Both step
    at once. To first order in η this is ``unrolled`` by one step of η; on f = s·xy it is the same map, a step
    [[1 − 2ηhs², −σ], [σ, 1]], σ = hs, of determinant 1 − 2ηhs² + σ²; converges iff h < 2η and 4ηhs² < 4 + σ².
    Nagarajan & Kolter 2017, arXiv 1706.04156. (Their released code steps alternately, on a minibatch each.)
    Cost: 1 field, and 0.6 for the reverse pass through the second's.

    >>> import minmax
    >>> game = minmax.games.get("bilinear", matrix=[[1.0]])
    >>> optimizer = minmax.optimizers.get("gradient_regularized")
    >>> near, far = minmax.train(game, optimizer, {"lr": 0.5, "eta": 0.5}, steps=12, report_every=6,
    ...                          metrics=["distance"])
    >>> f"{(far.metrics['distance'] / near.metrics['distance']).item():.4f}"  # √(1 − 0.5²)⁶, half a turn
    '0.4219'
    """
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        return start(rule, players)

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        first, second = players
        at = interact(game, players, batches[0])
        penalty = at.transposed({second: at.field[second]})[first]  # ∇ₓ½‖F_y‖²
        gradient = {**at.field, first: tree.add(at.field[first], penalty, 2 * hypers["eta"])}
        players, state = play(game, rule, players, gradient, state, hypers)
        return players, state, {}

    hypers, needs = hypers_of(rule, HYPERS), frozenset({TWO_PLAYERS})
    return Optimizer("gradient_regularized", init, step, batches=1, cost=1.6, hypers=hypers, needs=needs)
