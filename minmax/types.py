"""The vocabulary: players, games, transforms, optimizers, metrics, data sets, networks.

Every other module imports this one, and this one imports none of them.

Members are the leading axis of everything: M runs (seeds, hyperparameter values) side by side. A leaf of
``players`` has shape ``[M, ...]``, a loss ``[M]``, a hyperparameter ``[M]``. Members never interact.

Signs. Each player *minimises its own loss*; the field F stacks each player's gradient of its own loss, and
players move along −F:

=====================  =======================  ====================================
what                   here                     in papers that ascend
=====================  =======================  ====================================
zero-sum value f       first minimises f        first maximises −f
losses                 (f, −f)                  payoffs (−f, f)
field                  F = (∇ₓf, −∇ᵧf)          v = −F
one simultaneous step  z ← z − h·F(z)           z ← z + h·v(z)
stable equilibrium     eigenvalues of J: Re > 0  eigenvalues of v′: Re < 0
=====================  =======================  ====================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from torch import Generator, Tensor


Tree = Any
"""A tensor, or a dict of trees with string keys."""

Players = dict[str, Any]
"""Player's name -> tree of its parameters, in order: the first minimises f, the second maximises it. A game may have
one player only, who follows a vector field.

A player's tree may hold a key ``"buffers"``: leaves that no gradient moves and a forward pass may renew."""

Batch = Any
"""What ``Game.sample`` draws: a tree of tensors, ``{}`` for a game without chance."""

Hypers = Mapping[str, "Tensor"]
"""Hyperparameter's name -> values ``[M]``, float64."""

State = dict[str, Any]
"""A tree with all that an optimizer or transform remembers."""

Info = dict[str, "Tensor"]
"""What an optimizer says of its step, ``[M]`` each."""

Loss = Callable[[Players, Batch], "Tensor"]

Schedule = Callable[[int, int], float]
"""``(step, steps) -> factor > 0`` of a learning rate at the step (from 0) of a run of so many."""


class Range(NamedTuple):
    """A hyperparameter: where to search it, what it is when nobody says, and which values mean something.

    ``low`` to ``high`` (geometrically if ``log``) is searched unless ``searched`` is false, in which case the
    default holds until a spec names it. ``gt``, ``ge``, ``lt``, ``le`` bound the values allowed at all.
    """

    low: float
    high: float
    log: bool = False
    default: float | None = None
    searched: bool = True
    gt: float = -math.inf
    ge: float = -math.inf
    lt: float = math.inf
    le: float = math.inf

    def allows(self, value: float) -> bool:
        """Whether ``value`` is finite and inside the bounds."""
        return math.isfinite(value) and self.gt < value < self.lt and self.ge <= value <= self.le

    @property
    def allowed(self) -> str:
        """The bounds in words, for messages.

        >>> Range(0.0, 0.99, ge=0, lt=1).allowed
        '>= 0 and < 1'
        """
        bounds = [(">", self.gt), (">=", self.ge), ("<", self.lt), ("<=", self.le)]
        return (
            " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if math.isfinite(bound)) or "any finite number"
        )


TWO_PLAYERS, LOSSES, VALUE = "two players", "losses", "a value f"
NEEDS = frozenset({TWO_PLAYERS, LOSSES, VALUE})


@dataclass(frozen=True)
class Game:
    """Two players (or one), each with a loss of its own.

    Args:
        init: ``(generator) -> players`` of one member.
        losses: player's name -> ``(players, batch) -> scalar`` of **one** member; each player minimises its own.
        sample: ``(generator) -> batch`` of one member; left out for a game without chance.
        sample_block: ``(generator, count) -> batches`` with a leading axis of ``count``; optional, for speed.
        field: ``(players, batch) -> players`` instead of losses, for a vector field that is nobody's gradient.
        joint: ``(players, batch) -> {player: loss}``, all losses from shared forward passes; optional, for speed.
        value: ``(players, batch) -> scalar``: f itself; by default minus the second player's loss (one player: its
            own).
        solution: the equilibrium's players of one member, where it is known.
        nearest: ``(players) -> players``: the equilibrium nearest to these, where there are several; one member.
        project: ``(players) -> players`` onto the feasible set, one member.
        renew: ``(players, batch) -> players`` with new ``"buffers"``, called once a step; one member.
        native: whether all of these take the member axis themselves: stacked players, losses ``[M]``.

    Raises:
        ValueError: neither or both of losses and field.
    """

    init: Callable[[Generator], Players]
    losses: Mapping[str, Loss] | None = None
    sample: Callable[[Generator], Batch] | None = None
    sample_block: Callable[[Generator, int], Batch] | None = None
    field: Callable[[Players, Batch], Players] | None = None
    joint: Callable[[Players, Batch], Mapping[str, Tensor]] | None = None
    value: Loss | None = None
    solution: Players | None = None
    nearest: Callable[[Players], Players] | None = None
    project: Callable[[Players], Players] | None = None
    renew: Callable[[Players, Batch], Players] | None = None
    native: bool = False

    def lacks(self, players: Players) -> set[str]:
        """Which of the things that an optimizer may need (``NEEDS``) this game, between ``players``, has not."""
        has = {
            TWO_PLAYERS: len(players) == 2,
            LOSSES: self.losses is not None,
            VALUE: self.losses is not None or self.value is not None,
        }
        return {need for need, there in has.items() if not there}

    def __post_init__(self) -> None:
        if (self.losses is None) == (self.field is None):
            raise ValueError("a game has either losses (one a player) or a field, not both and not neither")


class Transform(NamedTuple):
    """How one player's gradient becomes the direction it moves against: ``z ← z − lr·direction``.

    ``init(params) -> state`` and ``update(gradient, state, hypers) -> (direction, state)`` are pure. ``hypers``
    declares the constants (β₁, ε, …), which are hyperparameters like any other.
    """

    init: Callable[[Tree], State]
    update: Callable[[Tree, State, Hypers], tuple[Tree, State]]
    hypers: Mapping[str, Range]


class StepFn(Protocol):
    """``(game, players, state, batches, noise, hypers) -> (players, state, info)``: one pure step.

    ``game`` is lifted (``native``); ``batches`` holds as many minibatches as the optimizer declares; ``noise`` is
    what its ``noise`` drew. No input is changed, and no Python branch looks at a tensor.
    """

    def __call__(
        self, game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]: ...


def no_noise(generator: Generator, players: Players) -> Tree:
    """For optimizers that need no chance beside the minibatches."""
    return {}


class Optimizer(NamedTuple):
    """An update rule for two players, and as plain data what it consumes, costs and lets one tune.

    ``cost``: one step in units of one simultaneous field on the same batch, counted in floating-point operations on
    a GAN of equally large networks. Where a step stops when it is good enough, this is the most it may cost, and
    ``info["cost"]`` ``[M]`` says what it did. ``batches``: minibatches a step. ``noise(generator, players)``: one
    step's chance for one member. ``needs``: which of ``NEEDS`` a game must have.
    """

    name: str
    init: Callable[[Players], State]
    step: StepFn
    batches: int
    cost: float
    hypers: Mapping[str, Range]
    noise: Callable[[Generator, Players], Tree] = no_noise
    needs: frozenset[str] = frozenset()


class Goal(NamedTuple):
    """What is good in a metric's output: its direction and its best and worst values.

    A diverged member is given ``worst``, so an average never runs over survivors only; no member is given worse.
    """

    direction: str  # "minimize" or "maximize"
    best: float
    worst: float  # finite: records hold it


@dataclass(frozen=True)
class Metric:
    """Something measured at a report.

    ``measure(game, players, generator) -> {output: Tensor[M]}`` over stacked players; ``generator`` is the same for
    all members, so that they are compared on the same latent vectors. ``outputs`` declares each one's goal.

    A metric that looks back at a run's earlier reports has ``recall(seen, memory) -> (outputs, memory)``: ``measure``
    then gives what it sees now, any tree of ``[M, ...]``, and ``memory``, such a tree too, is what recall returned at
    the report before (``{}`` at the first). The run keeps it in its state.

    ``prepare(game)`` makes what every run on the game needs alike (statistics of its data), once for all of them.
    """

    measure: Callable[[Game, Players, Generator], Any]
    outputs: Mapping[str, Goal]
    recall: Callable[[Any, Tree], tuple[dict[str, Tensor], Tree]] | None = None
    prepare: Callable[[Game], object] | None = None


@dataclass(frozen=True)
class Data:
    """A data set on the device: ``points [N, *shape]``, ``labels [N]`` or None, and the range of its values.

    ``success`` names the metric that holds the data set's own rule for when a generated set is a success.
    ``facts`` carries what its metrics need (the modes of a mixture, …); ``classifier`` loads the classifier whose
    classes and features judge generated samples. ``held_out [N′, *shape]``: points like these that nothing trains on.
    """

    name: str
    points: Tensor
    labels: Tensor | None
    low: float
    high: float
    success: str
    facts: Mapping[str, Any]
    classifier: Callable[[], Any] | None = None
    held_out: Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """One point's shape."""
        return tuple(self.points.shape[1:])


class GanLoss(NamedTuple):
    """Each player's own loss from the discriminator's logits ``[..., B]`` (means over the last axis).

    ``generator(fake)`` and ``discriminator(real, fake)``; a larger logit means more real. ``clip``: the
    discriminator's weights are projected onto [−clip, clip] after each of its steps. ``targets``: what the
    discriminator regresses, ``(real, fake)`` samples ``[..., B, d]`` -> two tensors ``[..., B]``; ``discriminator`` is
    then given its logits less these.
    """

    generator: Callable[[Tensor], Tensor]
    discriminator: Callable[[Tensor, Tensor], Tensor]
    clip: float | None = None
    targets: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None


class Penalty(NamedTuple):
    """A summand of the discriminator's loss from how steep it is: ``of(‖∇ₓD(x)‖² [..., B]) -> [...]``.

    ``share``: at which x: share·real + (1 − share)·fake, so 1 for the reals and 0 for the fakes; None for a share of
    each pair's own, uniform in [0, 1], drawn with the minibatch. The slope is that of the sum of a minibatch's logits:
    where BatchNorm looks at other samples too, it is no sample's own.
    """

    of: Callable[[Tensor], Tensor]
    share: float | None


class NativeNet(Protocol):
    """A network with the member axis built in: ``init(generator) -> parameters`` of one member, and
    ``net(parameters [M, ...], inputs [M, B, ...]) -> outputs [M, B, ...]``, an output from its own input alone.

    A network that trains with chance of its own (dropout) also has ``noise(generator, batch) -> tree`` of leaves
    ``[batch, ...]``, one member's draws for one pass, and takes them as a third argument; without it, it evaluates.
    An ``nn.Module`` that has a method ``noise`` is treated alike.
    """

    def init(self, generator: Generator) -> Tree: ...

    def __call__(self, parameters: Tree, inputs: Tensor) -> Tensor: ...


class Pair(NamedTuple):
    """A generator ``latent -> shape`` and a discriminator ``shape -> logit``: native, or any ``nn.Module``."""

    generator: Any
    discriminator: Any
