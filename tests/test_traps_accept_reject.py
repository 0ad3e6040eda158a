"""The habits of the released code, each planted and caught; the rule as written passes the same checks.

``restore="weights"``, ``paired=False`` and ``as_released`` are such habits on request; the others are planted here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import minmax
from minmax import tree
from minmax.field import lift, value
from minmax.hypers import hypers_over_members
from minmax.types import Batch, Game, Optimizer, Players, State

MEMBERS, STEPS = 64, 12
PAPER = {"lr": 0.03, "lr_ratio": 0.3, "accept": 0.0, "temperature": 1.0, "scale": 0.1, "every": 1000.0}


class Moment(NamedTuple):
    """One iteration of a run: the minibatches, what was there before and after, and which members kept it."""

    batches: tuple[Batch, ...]
    players: Players
    state: State
    after: Players
    later: State
    kept: Tensor


def noisy() -> Game:
    """f = xy + c, c some 10 on each minibatch: the gradients are as ever, values compare on a shared minibatch only."""

    def f(players: Players, batch: Batch) -> Tensor:
        return (players["x"] * players["y"]).sum(-1) + batch["c"]

    def sample(generator: torch.Generator) -> Batch:
        return {"c": 10 * torch.randn((), generator=generator, dtype=torch.float64)}

    quiet = minmax.games.get("bilinear")
    losses = {"x": f, "y": lambda players, batch: -f(players, batch)}
    return minmax.Game(quiet.init, losses, sample=sample, value=f, native=True)


def played(optimizer: Optimizer) -> list[Moment]:
    """A run of many members on the noisy game, as a list of its iterations."""
    own, game, members = torch.Generator().manual_seed(0), lift(noisy()), MEMBERS
    players = {name: torch.randn(members, 1, generator=own, dtype=torch.float64) for name in ("x", "y")}
    given = {name: each for name, each in PAPER.items() if name in optimizer.hypers}
    hypers = hypers_over_members(optimizer, given, members)
    state, moments = optimizer.init(players), []
    for _ in range(STEPS):
        batches = tuple(tree.stack([noisy().sample(own) for _ in range(members)]) for _ in range(optimizer.batches))
        draws = [optimizer.noise(own, tree.member(players, 0)) for _ in range(members)]
        noise = {**(tree.stack(draws) if draws[0] else {}), "coin": torch.ones(members, dtype=torch.float64)}
        after, later, info = optimizer.step(game, players, state, batches, noise, hypers)
        moments.append(Moment(batches, players, state, after, later, info["accepted"].bool()))
        players, state = after, later
    return moments


def xy(players: Players) -> Tensor:
    return (players["x"] * players["y"]).squeeze(1)


def check_kept_iff_f_fell(optimizer: Optimizer) -> None:
    """Without luck every accepted member has a lower xy: whatever the minibatch adds to f, it adds to both."""
    seen = torch.zeros(2)
    for moment in played(optimizer):
        kept = moment.kept
        assert (xy(moment.after) < xy(moment.players))[kept].all(), "kept though f did not fall"
        seen += torch.tensor([kept.sum(), (~kept).sum()])
    assert (seen > 50).all(), f"accepted and rejected: {seen.tolist()}"


def check_a_reject_leaves_no_trace(optimizer: Optimizer) -> None:
    """Both players' weights and moments are bitwise what they were."""
    rejected = 0
    for moment in played(optimizer):
        was = tree.leaves({"players": moment.players, "transform": moment.state["transform"]})
        now = tree.leaves({"players": moment.after, "transform": moment.later["transform"]})
        for old, new in zip(was, now, strict=True):
            assert torch.equal(old[~moment.kept], new[~moment.kept])
        rejected += int((~moment.kept).sum())
    assert rejected > 50


def second_kept(base: Optimizer) -> Optimizer:
    """A reject restores the first player only."""

    def step(game: Game, players: Players, state: State, batches: Any, noise: Any, hypers: Any) -> Any:
        moved, *_ = base.step(game, players, state, batches, {**noise, "coin": noise["coin"] - 2}, hypers)
        after, later, info = base.step(game, players, state, batches, noise, hypers)
        return {**after, "y": moved["y"]}, later, info

    return base._replace(step=step)


def inverted(base: Optimizer) -> Optimizer:
    """Kept when f rose: what is compared is the discriminator's cross-entropy, −f."""

    def step(game: Game, *rest: Any) -> Any:
        return base.step(replace(game, value=lambda players, batch: -value(game, players, batch)), *rest)

    return base._replace(step=step)


def remembered(base: Optimizer) -> Optimizer:
    """f_old is what was measured last, be it of a rejected proposal."""

    def init(players: Players) -> State:
        return {**base.init(players), "old": torch.full((tree.members(players),), torch.inf, dtype=torch.float64)}

    def step(game: Game, players: Players, state: State, batches: Any, noise: Any, hypers: Any) -> Any:
        moved, later, _ = base.step(game, players, state, batches, {**noise, "coin": noise["coin"] - 2}, hypers)
        kept = xy(moved) < state["old"]
        inner = tree.where(kept, later["transform"], state["transform"])
        return (
            tree.where(kept, moved, players),
            {**later, "transform": inner, "old": xy(moved)},
            {"accepted": kept.double()},
        )

    return base._replace(init=init, step=step)


class Trap(NamedTuple):
    """A habit, as options or planted into the rule with ``options``, and the check that must notice."""

    check: Callable[[Optimizer], None]
    options: dict[str, Any]
    habit: dict[str, Any] | Callable[[Optimizer], Optimizer]


ADAM = {"transform": "adam", "ascent_steps": 3}
NOISY = {"proposal": "gaussian"}
TRAPS = {
    "moments kept on a reject": Trap(check_a_reject_leaves_no_trace, ADAM, {"restore": "weights"}),
    "only the first player restored": Trap(check_a_reject_leaves_no_trace, ADAM, second_kept),
    "as released, nothing else restored": Trap(check_a_reject_leaves_no_trace, ADAM, {"as_released": True}),
    "two minibatches compared": Trap(check_kept_iff_f_fell, ADAM, {"paired": False}),
    "the rule inverted": Trap(check_kept_iff_f_fell, ADAM, inverted),
    "as released, inverted": Trap(check_kept_iff_f_fell, ADAM, {"as_released": True}),
    "the old value overwritten on a reject": Trap(check_kept_iff_f_fell, NOISY, remembered),
}


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_a_released_habit_is_caught(trap: Trap) -> None:
    sound = minmax.optimizers.get("accept_reject", **trap.options)
    trap.check(sound)
    faulty = (
        trap.habit(sound)
        if callable(trap.habit)
        else minmax.optimizers.get("accept_reject", **trap.options, **trap.habit)
    )
    with pytest.raises(AssertionError):
        trap.check(faulty)
