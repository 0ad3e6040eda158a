"""Games, data sets and metrics as a user would bring them (``usergames:cliff``), also ones that break."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from minmax.metrics.generated import samples
from minmax.types import Batch, Data, Game, Goal, Metric, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor

ERRORS = {"flaky": RuntimeError, "wrong": ValueError}


def cliff(edge: float = 5.0, error: str = "wrong") -> Game:
    """f(x, y) = xy, whose training raises once a player is ``edge`` away: large learning rates get there, small never.

    ``error``: ``wrong`` will be so again, ``flaky`` may not.
    """

    def init(generator: Generator) -> Players:
        return {name: torch.rand((1,), generator=generator) + 0.5 for name in ("x", "y")}

    def value(players: Players, batch: Batch) -> Tensor:
        x, y = players["x"], players["y"]
        if bool((x.abs() > edge).any()):
            raise ERRORS[error](f"fell off\nthe cliff at {edge}")
        return (x * y).sum(-1)

    def minus_value(players: Players, batch: Batch) -> Tensor:
        return -value(players, batch)

    return Game(init, {"x": value, "y": minus_value}, solution={n: torch.zeros(1) for n in "xy"}, native=True)


def cloud(count: int = 400) -> Data:
    """A data set: a normal distribution around (1, 0)."""
    points = torch.randn(count, 2, generator=torch.Generator().manual_seed(0)) + torch.tensor([1.0, 0.0])
    return Data("cloud", points, None, -4.0, 4.0, success="", facts={})


def few() -> Data:
    """A data set: sixteen points to train on, in eight dimensions, and many more like them that nothing trains on."""
    points = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
    return Data("few", points[:16], None, -4.0, 4.0, success="", facts={}, held_out=points[16:])


def near(within: float = 1.0, count: int = 100) -> Metric:
    """A rule of success: the mean of the samples is so near to the data's."""

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        return {"success": (offset(count).measure(game, players, generator)["offset"] <= within).double()}

    return Metric(measure, {"success": Goal("maximize", best=1.0, worst=0.0)})


def offset(count: int = 100) -> Metric:
    """A metric: how far the mean of the samples is from the data's."""

    def measure(game: Game, players: Players, generator: Generator) -> dict[str, Tensor]:
        made = samples(game, players, generator, count)
        return {"offset": (made.mean(1) - game.data.points.mean(0)).norm(dim=-1)}  # type: ignore[attr-defined]

    return Metric(measure, {"offset": Goal("minimize", best=0.0, worst=100.0)})


def first() -> Callable[[Tensor], Tensor]:
    """A feature: the first coordinate."""
    return lambda samples: samples[:, :1]


def halved() -> Callable[[Tensor], Tensor]:
    """The same by half: other weights of one network."""
    return lambda samples: samples[:, :1] / 2


def corners() -> Callable[[Tensor], Tensor]:
    """Features of a picture: its corners."""
    return lambda pictures: pictures[:, ::3, ::3].flatten(1)
