"""Training: M members side by side, reported now and then, resumable bit for bit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minmax import metrics as metric_registry
from minmax import tree
from minmax.chance import Chance
from minmax.clock import Clock, cost_of, end_of, marks_until
from minmax.field import lift
from minmax.hypers import hypers_over_members
from minmax.lazy import torch
from minmax.packing import Packing
from minmax.schedules.per_player import per_player, scaled
from minmax.streams import Stream, generator, one_by_one
from minmax.types import Game, Goal, Hypers, Metric, Optimizer, Players, State, Tree

if TYPE_CHECKING:
    from torch import Tensor

NEVER = -1
UNIFORM = -1.0  # in a state, where another average has its decay


class Report(NamedTuple):
    """A run after ``step`` steps.

    ``at``: the mark of ``report_every`` that this report stands for, in steps, or in field units where the run has a
    ``length``. ``cost``: field units so far, the members' mean. ``metrics``: name -> ``[M]``; a diverged member has
    each metric's declared worst value, and no member a worse one. ``info``: what the optimizer said of its steps,
    averaged since the last report. ``players``: stacked. ``diverged``: ``[M]`` bool; ``diverged_at``: the step, −1 for
    never. ``state``: all that continues the run.
    """

    step: int
    at: float
    cost: float
    metrics: dict[str, Tensor]
    info: dict[str, Tensor]
    players: Players
    diverged: Tensor
    diverged_at: Tensor
    state: State


class Run:
    """Iterate over it to train; each item is a ``Report``."""

    def __init__(
        self,
        game: Game,
        optimizer: Optimizer,
        hypers: dict[str, Tensor],
        seeds: Sequence[int],
        marks: Sequence[float],
        by_cost: bool,
        metrics: Sequence[Metric],
        average: float | str | None,
        device: str,
        dtype: Any,
        resume: State | None,
        schedule: Any,
        chunk: int,
    ) -> None:
        self.game, self.optimizer, self.hypers = lift(game), optimizer, hypers
        self.seeds, self._clock = list(seeds), Clock(marks, by_cost, optimizer.cost)
        self._chunks = [slice(first, first + chunk) for first in range(0, len(self.seeds), chunk)]
        self._metrics, self._average, self._device, self._dtype = list(metrics), average, device, dtype
        self._restore(resume) if resume is not None else self._begin(game)
        self._schedules = {} if schedule is None else per_player(schedule, list(self._players), optimizer)
        streams = {} if resume is None else resume["streams"]
        draw = game.sample_block or one_by_one(game.sample or (lambda _: {}))
        template = tree.member(self._players, 0)
        coins = one_by_one(lambda own: optimizer.noise(own, template))
        self._batches = Stream("batch", seeds, draw, self._cast, device, streams.get("batch"))
        self._noise = Stream("noise", seeds, coins, self._cast_device, device, streams.get("noise"))

    def __iter__(self) -> Iterator[Report]:
        totals: dict[str, Tensor] = {}
        since = 0
        while not self._clock.is_over:
            for name, own in self._advance().items():
                totals[name] = totals.get(name, 0) + own
            since += 1
            if self._clock.is_due():
                yield self._report({name: total / since for name, total in totals.items()})
                totals, since = {}, 0

    def _begin(self, game: Game) -> None:
        members = [game.init(generator(seed, "init")) for seed in self.seeds]
        self._pack(tree.map(self._cast, tree.stack(members)))
        self._state = self.optimizer.init(self._players)
        self._averaged = self._players
        self._diverged_at = torch.full((len(self.seeds),), NEVER, device=self._device)
        self._chance = Chance({}, self._device) if game.native else Chance.begun(self.seeds[0], self._device)
        self._memory: dict[str, Tree] = {}

    def _restore(self, state: State) -> None:
        if tree.members(state["players"]) != len(self.seeds):
            raise ValueError(f"resume: a state of {tree.members(state['players'])} members for {len(self.seeds)} seeds")
        held = _held(state)
        if held != self._average:
            raise ValueError(
                f"average: {self._average!r} given; the resumed state holds {held!r}, which alone is allowed"
            )
        state = tree.map(lambda x: x.to(self._device), {k: v for k, v in state.items() if k != "streams"})
        self._clock.restore(state)
        self._pack(state["players"])
        self._state = tree.fill(self.optimizer.init(self._players), state.get("optimizer", {}), "optimizer")
        self._averaged = self._packing.pack(state["average"]) if "average" in state else self._players
        self._diverged_at = state["diverged_at"]
        self._memory = state.get("memory", {})
        self._chance = Chance.of(state, self._device)

    def _pack(self, players: Players) -> None:
        _check_players(self.game, self.optimizer, players)
        self._packing = Packing(players)
        self._packed_game, self._players = self._packing.game(self.game), self._packing.pack(players)

    def _advance(self) -> dict[str, Tensor]:
        """One step; a member whose players are no longer finite stays where it last was."""
        with self._chance.lent():
            players, state, info = self._one_step()
        self._clock.tick(cost_of(info, self.optimizer))
        finite = _finite(players)
        alive = finite & (self._diverged_at == NEVER)
        if not alive.all():  # a branch of the training loop, not of the step: members stay independent
            players = tree.where(alive, players, self._players)
            fell = ~finite & (self._diverged_at == NEVER)
            self._diverged_at = torch.where(fell, self._clock.step, self._diverged_at)
        self._players, self._state = players, state
        self._take_average()
        return info

    def _one_step(self) -> tuple[Players, State, dict[str, Tensor]]:
        batches = tuple(self._batches.next() for _ in range(self.optimizer.batches))
        noise = self._noise.next()
        hypers = scaled(self.hypers, self._schedules, self._clock.elapsed, self._clock.steps)
        whole = (self._players, self._state, dict(enumerate(batches)), noise, hypers)
        if len(self._chunks) == 1:
            return self._step_of(*whole)
        done = [self._step_of(*(tree.part(each, members) for each in whole)) for members in self._chunks]
        players, state, info = (tree.cat(parts) for parts in zip(*done, strict=True))
        return players, state, info

    def _step_of(
        self, players: Players, state: State, batches: dict[int, Any], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, dict[str, Tensor]]:
        """One step of some members."""
        game = self._packed_game
        players, state, info = self.optimizer.step(game, players, state, tuple(batches.values()), noise, hypers)
        if game.renew is not None:
            players = game.renew(players, batches[0])
        return players, state, info

    def _take_average(self) -> None:
        if self._average is None:
            return
        weight = 1 / self._clock.step if self._average == "uniform" else 1 - float(self._average)

        def blend(mean: Tensor, new: Tensor) -> Tensor:
            return torch.lerp(mean, new, weight) if new.is_floating_point() else new

        self._averaged = tree.map(blend, self._averaged, self._players)

    def _report(self, info: dict[str, Tensor]) -> Report:
        diverged = self._diverged_at != NEVER
        players = self._packing.unpack(self._players if self._average is None else self._averaged)
        measured: dict[str, Tensor] = {}
        for metric in self._metrics:
            with self._chance.lent(keep=False):
                values = tree.cat([self._measured(metric, tree.part(players, members)) for members in self._chunks])
            if metric.recall is not None:
                key = next(iter(metric.outputs))
                values, self._memory[key] = metric.recall(values, self._memory.get(key, {}))
            for name, own in values.items():
                measured[name] = _with_worst(own, diverged, metric.outputs[name])
        clock, cost = self._clock, round(self._clock.spent, 6)  # a sum of many steps
        state = self._snapshot()
        return Report(clock.step, clock.at, cost, measured, info, players, diverged, self._diverged_at, state)

    def _measured(self, metric: Metric, players: Players) -> Any:
        return metric.measure(self.game, players, generator(0, "metric", self._device))

    def _snapshot(self) -> State:
        state: State = {
            "step": torch.tensor(self._clock.step),
            "players": self._packing.unpack(self._players),
            "optimizer": self._state,
            "diverged_at": self._diverged_at,
            "at": torch.tensor(self._clock.at, dtype=torch.float64),
            "spent": torch.tensor(self._clock.spent, dtype=torch.float64),
            "streams": {"batch": self._batches.state, "noise": self._noise.state},
        }
        if self._average is not None:
            state["average"] = self._packing.unpack(self._averaged)
            state["decay"] = torch.tensor(UNIFORM if self._average == "uniform" else self._average, dtype=torch.float64)
        memory = {"memory": dict(self._memory)} if self._memory else {}
        return {**state, **memory, **self._chance.state}

    def _cast(self, leaf: Tensor) -> Tensor:
        if leaf.is_floating_point() and self._dtype is not None:
            return leaf.to(self._device, self._dtype)
        return leaf.to(self._device)

    def _cast_device(self, leaf: Tensor) -> Tensor:
        return leaf.to(self._device)


def train(
    game: Game,
    optimizer: Optimizer,
    hypers: Mapping[str, float | Sequence[float]],
    seeds: Sequence[int] = (0,),
    steps: int | None = None,
    report_every: float | Collection[float] | None = None,
    metrics: Sequence[str | Metric] = (),
    average: float | str | None = None,
    device: str = "auto",
    dtype: Any = None,
    resume: State | None = None,
    schedule: Any = None,
    length: float | None = None,
    chunk: int | None = None,
) -> Run:
    """Trains one member a seed, all in one program.

    Args:
        hypers: values by name, each a number or one a member; what has a default may be left out.
        seeds: one a member; a member's chance depends on its seed alone.
        steps: of the whole run, resumed or not; 1000 if nothing is said. ``length``: in its place, how long the run is
            in field units, whatever a step costs: until the members have cost that much on average.
        report_every: what lies between reports, or where they are, in steps or, beside ``length``, in field units; the
            end always is one.
        metrics: registered names or ``Metric``s.
        average: ``"uniform"``, or the decay of an exponential average of the players, which metrics then look at.
        device: ``"auto"`` takes a GPU if there is one. ``dtype``: of players and batches; by default as they come.
        resume: a ``Report.state``; the run goes on from there bit for bit.
        schedule: what learning rates are multiplied by as the run goes on, of the step and the run's end alone: a name
            (``"cosine"``), ``{"name": "linear", "final": 0.1}``, or ``(step, steps) -> factor``, for both players; or
            ``{player: …}``, who is left out keeping the rate. Like ``hypers`` it is said again on ``resume``.
        chunk: how many members each step and each metric take at once, the others after them: less memory and the same
            run, but for how sums round. By default all; it may change on ``resume``.

    Raises:
        ValueError: a name, number or size that is not allowed, naming it and what is.
    """
    seeds = list(seeds)
    if not seeds:
        raise ValueError("seeds: 0 given; at least 1 is allowed")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk: {chunk} given; at least 1 is allowed")
    marks = marks_until(end_of(steps, length), report_every)
    device = device_of(device)
    if isinstance(dtype, str):
        dtype = getattr(torch, dtype)
    values = {name: own.to(device) for name, own in hypers_over_members(optimizer, hypers, len(seeds)).items()}
    built = [metric_registry.get(metric) if isinstance(metric, str) else metric for metric in metrics]
    by_cost, averaged = length is not None, _checked(average)
    at_once = chunk or len(seeds)
    return Run(
        game, optimizer, values, seeds, marks, by_cost, built, averaged, device, dtype, resume, schedule, at_once
    )


def device_of(asked: str) -> str:
    """Where a run is; ``"auto"`` takes a GPU if there is one."""
    if asked != "auto":
        return asked
    return "cuda" if torch.cuda.is_available() else "cpu"


def _checked(average: float | str | None) -> float | str | None:
    if average is None or average == "uniform":
        return average
    if isinstance(average, str) or not 0 <= average < 1:
        raise ValueError(f"average: {average!r} given; allowed: 'uniform', or a decay >= 0 and < 1")
    return average


def _held(state: State) -> float | str | None:
    """The ``average`` of the run that this state is of."""
    if "average" not in state:
        return None
    decay = float(state["decay"])
    return "uniform" if decay == UNIFORM else decay


def _check_players(game: Game, optimizer: Optimizer, players: Players) -> None:
    """One or two, each with a loss (or a field for all), and all that the optimizer needs of a game."""
    if len(players) not in (1, 2):
        raise ValueError(
            f"game: players {', '.join(players) or 'none'} given; one or two are allowed, the minimiser first"
        )
    for name in sorted(set(game.losses or players) ^ set(players)):
        what = "a player without a loss" if name in players else "a loss without a player"
        raise ValueError(f"game.losses: {name!r} is {what}; allowed: one each for {', '.join(players)}")
    missing = sorted(optimizer.needs & game.lacks(players))
    if missing:
        raise ValueError(f"game: {optimizer.name} needs {' and '.join(missing)}, which this game has not")


def _finite(players: Players) -> Tensor:
    """``[M]``: whether every coordinate is finite. A sum over a member is, unless one is not (or overflows)."""
    sums = [tree.rows(leaf).sum(1) for leaf in tree.leaves(players) if leaf.is_floating_point()]
    return torch.stack(sums).sum(0).isfinite()


def _with_worst(own: Tensor, diverged: Tensor, goal: Goal) -> Tensor:
    """Diverged members get the worst value; what exploded but is finite is no worse than that."""
    worst = own.new_tensor(goal.worst)
    bounded = own.minimum(worst) if goal.direction == "minimize" else own.maximum(worst)
    return torch.where(diverged | ~own.isfinite(), worst, bounded)
