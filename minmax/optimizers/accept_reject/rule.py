"""Accept/reject: the rule of the paper, and what one can vary in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import transforms, tree
from minmax.field import value
from minmax.lazy import torch
from minmax.optimizers.accept_reject.annealing import SCHEDULES
from minmax.optimizers.accept_reject.proposals import PROPOSALS
from minmax.optimizers.accept_reject.released import released
from minmax.optimizers.ascent import TOLERANCE, ascend
from minmax.optimizers.play import hypers_of, start
from minmax.registry import check_known
from minmax.types import TWO_PLAYERS, VALUE, Batch, Game, Hypers, Info, Optimizer, Players, Range, State, Tree

if TYPE_CHECKING:
    from torch import Generator, Tensor

DELTA = {"delta": Range(0.0, 0.1, default=0.0, searched=False, ge=0)}
RESTORED = ("all", "weights")
DEFAULTS = (100, "exponential", "gradient", False, "all", True)
"""Of the options that ``as_released`` decides itself."""


def accept_reject(
    transform: str = "sgd",
    ascent_steps: int = 1,
    patience: int = 100,
    schedule: str = "exponential",
    proposal: str = "gradient",
    to_tolerance: bool = False,
    restore: str = "all",
    paired: bool = True,
    as_released: bool = False,
) -> Optimizer:
    """The first player proposes a step, the second answers it, and both are kept iff f fell.

    Iteration i: x′ from the ``proposal``; w ← y after ``ascent_steps`` steps of the second player against x′;
    (x, y) ← (x′, w) if f(x′, w) < f(x, y) − δ (``delta``), both on the same held-out minibatch, or else with the
    probability of the ``schedule``. A rejected proposal leaves no trace: weights *and* the transform's state are
    restored. After ``patience`` rejects in a row the member has found no update that lowers f: it stops there.

    ``schedule``: ``exponential`` p₀·exp(−i/τ) (``accept``, ``temperature``); ``constant`` p₀ (p₀ = 1: always accept);
    ``every`` r-th iteration, for certain; ``mnist`` 1/(4 + exp((i/20000)²)). ``proposal``: ``gradient``
    x − h·d(F_x(x, y)), or ``gaussian`` x + N(0, scale²). ``to_tolerance``: the answer goes on, on the proposal's
    minibatch, to the ``tolerance`` of ``ascent.stationarity``; ``ascent_steps`` is then its cap.
    Habits of the released MNIST code: ``restore="weights"`` keeps the transform's state on a reject; ``paired=False``
    compares f on two different minibatches. ``as_released`` is the four-Gaussian notebook: see ``released``.

    Keswani, Mangoubi, Sachdeva, Vishnoi 2022, arXiv 2006.12376.
    Cost: 0.5 for a gradient proposal, 0.7 for each gradient of the answer, 0.65 for two values of f; with
    ``to_tolerance`` ``info["cost"]`` says how much. ``info["accepted"]`` and ``info["stopped"]`` are 1 where it is so.

    >>> import minmax
    >>> game = minmax.games.get("f1", start=[1.0, 2.0])  # descent-ascent runs away from its min-max point (0, 0)
    >>> hypers = {"lr": 0.1, "lr_ratio": 5.0, "accept": 0.0}
    >>> optimizer = minmax.optimizers.get("accept_reject", schedule="constant")
    >>> near, far = minmax.train(game, optimizer, hypers, steps=20, report_every=10)
    >>> f"{(far.players['x'] / near.players['x']).item():.4f}"  # max_y f = x², so (1 − 2h)¹⁰
    '0.1074'

    Raises:
        ValueError: fewer than one ascent step, patience below 1, an unknown schedule, proposal or restore; or an option
            other than the ascent steps beside ``as_released``.
    """
    _refuse(ascent_steps, patience, schedule, proposal, restore)
    if as_released:
        if (patience, schedule, proposal, to_tolerance, restore, paired) != DEFAULTS:
            raise ValueError("as_released: given beside another option; only transform and ascent_steps are allowed")
        return released(transform, ascent_steps)
    rule, luck, (_, draw, propose, proposing) = transforms.get(transform), SCHEDULES[schedule], PROPOSALS[proposal]

    def init(players: Players) -> State:
        none = tree.counter(players)
        return {"transform": start(rule, players), "iteration": none, "rejects": none, "stopped": none > 0}

    def noise(generator: Generator, players: Players) -> Tree:
        coin = torch.rand((), generator=generator, dtype=torch.float64, device=generator.device)
        return {"coin": coin, **draw(generator, players)}

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        answering, before, after = batches[:answers], batches[answers], batches[-1]
        moved, inner = propose(game, rule, players, batches[0], state["transform"], noise, hypers)
        tolerance = hypers["tolerance"] if to_tolerance else None
        answer = ascend(game, rule, moved, answering, inner, hypers, ascent_steps, tolerance)

        better = value(game, answer.players, after) < value(game, players, before) - hypers["delta"]
        lucky = noise["coin"] < luck.probability(state["iteration"], hypers)
        kept = (better | lucky) & ~state["stopped"]
        later = remember(state, answer.state, kept)
        info = {"accepted": kept.double(), "stopped": later["stopped"].double()}
        if to_tolerance:
            info["cost"] = fixed_cost + 0.7 * answer.gradients
        return tree.where(kept, answer.players, players), later, info

    def remember(state: State, moved: Tree, kept: Tensor) -> State:
        """The state after a proposal that was kept or not, whose own is ``moved``."""
        rejects = torch.where(kept, 0.0, state["rejects"] + 1)
        return {
            "transform": tree.where(kept if restore == "all" else ~state["stopped"], moved, state["transform"]),
            "iteration": state["iteration"] + 1,
            "rejects": rejects,
            "stopped": state["stopped"] | (rejects >= patience),
        }

    answers, fixed_cost = 1 if to_tolerance else ascent_steps, 0.65 + proposing
    cost = fixed_cost + 0.7 * ascent_steps
    own = {**luck.hypers, **PROPOSALS[proposal].hypers, **DELTA, **(TOLERANCE if to_tolerance else {})}
    batches, needs = answers + (1 if paired else 2), frozenset({TWO_PLAYERS, VALUE})
    return Optimizer("accept_reject", init, step, batches, cost, hypers_of(rule, own), noise, needs)


def _refuse(ascent_steps: int, patience: int, schedule: str, proposal: str, restore: str) -> None:
    """Raises ``ValueError`` where one of them is not allowed."""
    for name, number in {"ascent_steps": ascent_steps, "patience": patience}.items():
        if number < 1:
            raise ValueError(f"{name}: {number} given; at least 1 is allowed")
    check_known("schedule", schedule, SCHEDULES)
    check_known("proposal", proposal, PROPOSALS)
    check_known("restore", restore, RESTORED)
