"""The work that both sides do: one game, an optimizer that writes down every step it takes, an objective.

A step's line says which trial it was of, its number, the process, and where the players came to, in a file that the
environment names, opened to append. So what was trained, how often, and whether it came out as it would have
undisturbed, is known without asking either side. Only Ray's workers write it: a driver tries every optimizer before
it begins, and a report trains again what it draws orbits of.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import minmax
from minmax import tree
from minmax.lazy import torch
from minmax.streams import generator
from minmax.types import Batch, Game, Goal, Hypers, Info, Metric, Optimizer, Players, State, Tree

if TYPE_CHECKING:
    from torch import Generator, Tensor

ARMS = ("sgd", "adam")
TRIALS, CONFIRMED = 4, 1  # of each arm; the plain side has no confirmation, and so many more trials
PLANNED = len(ARMS) * (TRIALS + CONFIRMED)
LENGTH, REPORT_EVERY = 60, 12
LR, LR_RATIO = (1e-3, 1e-1), (0.5, 2.0)
SEED, FRESH = 0, 1_000_000  # of a search trial's one member, and of a confirmation's

IS_WORKER = Path(sys.argv[0]).name == "default_worker.py"  # of Ray
LOG, PACE, EDGE = "FAULTS_LOG", "FAULTS_PACE", "FAULTS_EDGE"  # a file; seconds a step; where the objective is NaN


class Step(NamedTuple):
    """One step of one trial. ``at``: a number that tells where the players came to, exactly."""

    arm: str
    kind: str
    lr: float
    lr_ratio: float
    step: int
    at: float
    pid: int
    time: float

    @property
    def key(self) -> str:
        """Which trial it was of."""
        return key_of(self.arm, self.kind, self.lr)


def key_of(arm: str, kind: str, lr: float) -> str:
    """A trial's name on both sides: no two trials of a kind draw the same learning rate."""
    return f"{arm} {kind} {lr:.6e}"


class Log:
    """The steps written down in a file, of which each line is read once."""

    def __init__(self, path: Path) -> None:
        self.steps: list[Step] = []
        self._path, self._read = path, 0

    def read(self) -> None:
        """Takes in what is new."""
        if self._path.exists():
            with open(self._path, "rb") as file:
                file.seek(self._read)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._read += len(whole)
            self.steps += [Step(*json.loads(line)) for line in whole.splitlines()]


def game() -> Game:
    """f = xy in a box."""
    built: Game = minmax.games.get("xy")
    return built


def logged(transform: str = "sgd") -> Optimizer:
    """Simultaneous gradient descent-ascent that writes down every step, and takes its time over it."""
    inner: Optimizer = minmax.optimizers.get("gda", transform=transform)

    def init(players: Players) -> State:
        return {"inner": inner.init(players), "count": torch.zeros(tree.members(players))}

    def step(
        game: Game, players: Players, state: State, batches: tuple[Batch, ...], noise: Tree, hypers: Hypers
    ) -> tuple[Players, State, Info]:
        if IS_WORKER:
            time.sleep(float(os.environ.get(PACE, "0")))
        players, moved, info = inner.step(game, players, state["inner"], batches, noise, hypers)
        count = state["count"] + 1
        if IS_WORKER and LOG in os.environ:
            kind = "confirm" if int(noise["seed"][0]) == _tag(FRESH) else "search"
            lr, ratio = float(hypers["lr"][0]), float(hypers["lr_ratio"][0])
            line = Step(transform, kind, lr, ratio, int(count[0]), where(players), os.getpid(), time.time())
            append(os.environ[LOG], json.dumps(line))
        return players, {"inner": moved, "count": count}, info

    def noise(own: Generator, players: Players) -> Tree:
        return {"seed": torch.tensor(own.initial_seed() % 2**20)}

    return inner._replace(name="logged", init=init, step=step, noise=noise)


def gap() -> Metric:
    """The distance to the solution, of which the game makes NaN beyond an edge that the environment names."""

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        away = torch.stack([leaf.double().reshape(-1, 1) for leaf in tree.leaves(players)]).norm(dim=0)[:, 0]
        beyond = away >= float(os.environ.get(EDGE, "inf"))
        if LOG in os.environ and beyond.any():
            append(f"{os.environ[LOG]}.nan", "NaN")
        return {"gap": away.masked_fill(beyond, torch.nan)}

    return Metric(measure, {"gap": Goal("minimize", best=0.0, worst=1e6)})


def where(players: Players) -> float:
    """The sum of all coordinates, of the first member."""
    return sum(float(leaf[0].double().sum()) for leaf in tree.leaves(players))


def undisturbed(arm: str, kind: str, lr: float, lr_ratio: float) -> float:
    """Where the players of a trial that nobody disturbs end."""
    seeds, hypers = [FRESH if kind == "confirm" else SEED], {"lr": lr, "lr_ratio": lr_ratio}
    *_, last = minmax.train(game(), logged(arm), hypers, seeds, length=LENGTH, report_every=REPORT_EVERY, device="cpu")
    return where(last.players)


def append(path: str, line: str) -> None:
    """Adds a line, in one piece whoever else writes."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, line.encode() + b"\n")
    finally:
        os.close(file)


def _tag(seed: int) -> int:
    return generator(seed, "noise").initial_seed() % 2**20


SPEC: dict[str, Any] = {
    "name": "faults",
    "game": {"name": "bench.faults.work:game"},
    "length": LENGTH,
    "report_every": REPORT_EVERY,
    "seeds": 1,
    "optimizers": [{"name": "bench.faults.work:logged", "as": arm, "transform": arm} for arm in ARMS],
    "trials": TRIALS,
    "space": {"lr": {"log": list(LR)}, "lr_ratio": {"log": list(LR_RATIO)}},
    "metrics": ["bench.faults.work:gap"],
    "objective": {"minimize": "mean.gap"},
    "search": {"sampler": "tpe", "pruner": "none", "seed": 0},
    "confirm": {"seeds": CONFIRMED},
    "limits": {"disk": "4MB"},  # a small disk is filled in one row
}
