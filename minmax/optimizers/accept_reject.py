"""Accept/reject: a greedy discriminator, and proposals kept only if they help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import transforms, tree
from minmax.field import partial, value
from minmax.lazy import torch
from minmax.optimizers.play import hypers_of, play, start
from minmax.types import TWO_PLAYERS, VALUE, Batch, Game, Hypers, Info, Optimizer, Players, Range, State, Tree

if TYPE_CHECKING:
    from torch import Generator

HYPERS = {
    "temperature": Range(100.0, 10_000.0, log=True, gt=0),
    "accept": Range(0.0, 1.0, default=0.2, searched=False, ge=0, le=1),
}


def accept_reject(transform: str = "sgd", ascent_steps: int = 1, patience: int = 100) -> Optimizer:
    """The first player proposes a step, the second answers it, and both are kept iff f fell.

    Iteration i: x′ ← x − h·d(F_x(x, y)); w ← y after ``ascent_steps`` steps of the second player against x′;
    (x, y) ← (x′, w) if f(x′, w) < f(x, y), both on the same held-out minibatch, or else with probability
    p₀·exp(−i/τ) (``accept``, ``temperature``). A rejected proposal leaves no trace: weights *and* the transform's state
    are restored. After ``patience`` rejects in a row the member has found no update that lowers f: it stops there.
    Keswani, Mangoubi, Sachdeva, Vishnoi 2022, arXiv 2006.12376. (Released code compares two different minibatches,
    keeps Adam's moments on a reject, and in the Gaussian notebook accepts when the discriminator got better.)
    Cost: that of ``alternating_gda``, and 0.65 for two values of f.

    Raises:
        ValueError: fewer than one ascent step or patience below 1.
    """
    for name, given in {"ascent_steps": ascent_steps, "patience": patience}.items():
        if given < 1:
            raise ValueError(f"{name}: {given} given; at least 1 is allowed")
    rule = transforms.get(transform)

    def init(players: Players) -> State:
        leaf = tree.leaves(players)[0]
        none = torch.zeros(len(leaf), dtype=torch.float64, device=leaf.device)
        return {"transform": start(rule, players), "iteration": none, "rejects": none, "stopped": none > 0}

    def noise(generator: Generator, players: Players) -> Tree:
        return {"coin": torch.rand((), generator=generator, dtype=torch.float64, device=generator.device)}

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        first, second = players
        *ascent, held_out = batches
        moved, inner = play(game, rule, players, partial(game, players, ascent[0], first), state["transform"], hypers)
        for batch in ascent:
            moved, inner = play(game, rule, moved, partial(game, moved, batch, second), inner, hypers)

        better = value(game, moved, held_out) < value(game, players, held_out)
        lucky = noise["coin"] < hypers["accept"] * torch.exp(-state["iteration"] / hypers["temperature"])
        kept = (better | lucky) & ~state["stopped"]
        rejects = torch.where(kept, 0.0, state["rejects"] + 1)
        stopped = state["stopped"] | (rejects >= patience)
        after = {
            "transform": tree.where(kept, inner, state["transform"]),
            "iteration": state["iteration"] + 1,
            "rejects": rejects,
            "stopped": stopped,
        }
        return tree.where(kept, moved, players), after, {"accepted": kept.double(), "stopped": stopped.double()}

    cost = 1.15 + 0.7 * ascent_steps
    hypers, needs = hypers_of(rule, HYPERS), frozenset({TWO_PLAYERS, VALUE})
    return Optimizer("accept_reject", init, step, ascent_steps + 1, cost, hypers, noise, needs)
