"""Accept/reject as the authors' four-Gaussian notebook runs it, for its figures; not the paper's rule."""

from __future__ import annotations

from minmax import transforms, tree
from minmax.field import field, partial, value
from minmax.lazy import torch
from minmax.optimizers.accept_reject.annealing import SCHEDULES
from minmax.optimizers.play import hypers_of, play, start
from minmax.types import TWO_PLAYERS, VALUE, Batch, Game, Hypers, Info, Optimizer, Players, State, Tree


def released(transform: str = "sgd", ascent_steps: int = 1) -> Optimizer:
    """Iteration i: both players step at once, then the second alone until it has made ``ascent_steps`` (6 there).

    Let L = −f be the second player's loss (its cross-entropy) on the minibatch of its last step, before that step. With
    L′ that of the iteration before, the proposal is kept iff L ≤ L′ or i is a multiple of r (``every``, 4 there). So

    - the rule is inverted: f must *rise*, the discriminator must have got better;
    - f is compared on two different training minibatches, neither held out, and one step out of date;
    - L′ ← L also on a reject, though L belongs to a first player who is no longer there;
    - a reject restores the first player's weights only: the second keeps its steps, both keep their moments.

    With one ascent step L is measured before anything has moved: the verdict is on the proposal before.
    Code of Keswani, Mangoubi, Sachdeva, Vishnoi 2022, arXiv 2006.12376 (Gaussian_Mixture_code; its Adam has β₁ = 0.5,
    ε = 1e-8, rates 1e-3 and 1e-4).
    Cost: 1 field, 0.7 for each further ascent step, 0.33 for one value of f.
    """
    rule, often = transforms.get(transform), SCHEDULES["every"]

    def init(players: Players) -> State:
        none = tree.counter(players)
        return {"transform": start(rule, players), "iteration": none, "loss": none + torch.inf}

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        first, second = players
        measured = players
        moved, inner = play(game, rule, players, field(game, players, batches[0]), state["transform"], hypers)
        for batch in batches[1:]:
            measured = moved
            moved, inner = play(game, rule, moved, partial(game, moved, batch, second), inner, hypers)

        loss = -value(game, measured, batches[-1]).double()
        kept = (loss <= state["loss"]) | (often.probability(state["iteration"], hypers) > 0)
        after = {"transform": inner, "iteration": state["iteration"] + 1, "loss": loss}
        restored = {**moved, first: tree.where(kept, moved[first], players[first])}
        return restored, after, {"accepted": kept.double()}

    cost = 0.63 + 0.7 * ascent_steps
    hypers, needs = hypers_of(rule, often.hypers), frozenset({TWO_PLAYERS, VALUE})
    return Optimizer("accept_reject", init, step, ascent_steps, cost, hypers, needs=needs)
