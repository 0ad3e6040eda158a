"""Learning-rate schedules: each factor against torch's own scheduler, each player against a closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

import minmax
from minmax import schedules
from minmax.games.quadratic import quadratic
from minmax.types import Game, Schedule

STEPS, RATE, RATIO, A, B = 20, 0.1, 1.7, 1.3, 0.6

OPTIONS: dict[str, dict[str, Any]] = {
    "linear": {"final": 0.1},
    "cosine": {"final": 0.05},
    "exponential": {"final": 0.02},
    "inverse_sqrt": {"period": 5},
    "step": {"every": 6, "factor": 0.5},
    "warmup": {"over": 4, "then": {"name": "linear", "final": 0.2}},
}
NAMES = [*minmax.SCHEDULES]
every_schedule = pytest.mark.parametrize("name", NAMES)


def own(name: str) -> Schedule:
    built: Schedule = schedules.get(name, **OPTIONS.get(name, {}))
    return built


def by_torch(name: str, optimizer: torch.optim.Optimizer) -> Any:
    """The scheduler of torch that has the factors of ``OPTIONS``."""
    of = torch.optim.lr_scheduler
    if name == "warmup":
        slow = of.LinearLR(optimizer, start_factor=1 / 4, end_factor=1.0, total_iters=3)
        rest = of.LinearLR(optimizer, start_factor=1.0, end_factor=0.2, total_iters=STEPS - 4)
        return of.SequentialLR(optimizer, [slow, rest], milestones=[4])
    builders: dict[str, Callable[[], Any]] = {
        "constant": lambda: of.ConstantLR(optimizer, factor=1.0),
        "linear": lambda: of.LinearLR(optimizer, start_factor=1.0, end_factor=0.1, total_iters=STEPS),
        "cosine": lambda: of.CosineAnnealingLR(optimizer, T_max=STEPS, eta_min=0.05 * RATE),
        "exponential": lambda: of.ExponentialLR(optimizer, gamma=0.02 ** (1 / STEPS)),
        "inverse_sqrt": lambda: of.LambdaLR(optimizer, lambda t: math.sqrt(5 / (5 + t))),
        "step": lambda: of.StepLR(optimizer, step_size=6, gamma=0.5),
    }
    return builders[name]()


def played(game: Game, schedule: Any, optimizer: str = "gda", **options: Any) -> minmax.Report:
    settings = {"seeds": [3, 4], "steps": STEPS, "dtype": "float64", "schedule": schedule, **options}
    given = {"lr": RATE, "lr_ratio": RATIO}
    *_, report = minmax.train(game, minmax.optimizers.get(optimizer), given, **settings)
    return report


def decoupled() -> Game:
    """f = a/2·x² − b/2·y²: each player descends a bowl of its own, z ← (1 − h·curvature)·z."""
    return quadratic(A, B, 0.0)


def begun(game: Game) -> dict[str, torch.Tensor]:
    """Where the players of ``played`` start."""
    (report,) = minmax.train(game, minmax.optimizers.get("gda"), {"lr": 1e-300}, [3, 4], steps=1, dtype="float64")
    return dict(report.players)


@every_schedule
def test_sgd_under_it_is_torchs_own(name: str) -> None:
    """A bowl descended by SGD under torch's scheduler, for T steps, to 1e-12."""
    game = decoupled()
    for index, start in enumerate(begun(game)["x"]):
        x = start.clone().requires_grad_()
        sgd = torch.optim.SGD([x], lr=RATE)
        scheduler = by_torch(name, sgd)
        for _ in range(STEPS):
            (x.grad,) = torch.autograd.grad(A / 2 * x * x, x)
            sgd.step()
            scheduler.step()
        torch.testing.assert_close(played(game, own(name)).players["x"][index], x.detach(), rtol=1e-12, atol=0)


@every_schedule
def test_each_player_has_its_own(name: str) -> None:
    """x_T = x₀·Π(1 − h·f_t·a) and y_T = y₀·Π(1 − h·ratio·g_t·b) with x's factors f, y's factors g."""
    game, other = decoupled(), {"name": "linear", "final": 0.3}
    start, report = begun(game), played(game, {"x": own(name), "y": other})
    for player, schedule, pull in [
        ("x", own(name), RATE * A),
        ("y", schedules.get("linear", final=0.3), RATE * RATIO * B),
    ]:
        shrunk = math.prod(1 - pull * schedule(step, STEPS) for step in range(STEPS))
        torch.testing.assert_close(report.players[player], start[player] * shrunk, rtol=1e-12, atol=0)


def test_who_is_left_out_keeps_the_rate() -> None:
    game = decoupled()
    report, plain = played(game, {"y": "cosine"}), played(game, None)
    assert torch.equal(report.players["x"], plain.players["x"])
    assert not torch.equal(report.players["y"], plain.players["y"])


@pytest.mark.parametrize("optimizer", ["gda", "extragradient"])
def test_a_constant_one_changes_no_bit(optimizer: str) -> None:
    game = quadratic(A, B, 0.7)
    report, plain = played(game, "constant", optimizer), played(game, None, optimizer)
    assert all(torch.equal(report.players[name], plain.players[name]) for name in ("x", "y"))


def test_a_resumed_run_is_where_the_schedule_is() -> None:
    game, schedule = quadratic(A, B, 0.7), {"x": "cosine", "y": {"name": "warmup", "over": 9, "then": "linear"}}
    early, *_ = minmax.train(
        game, minmax.optimizers.get("gda"), {"lr": RATE, "lr_ratio": RATIO}, [3, 4], STEPS, 7,
        dtype="float64", schedule=schedule,
    )  # fmt: skip
    assert early.step == 7
    whole, rest = played(game, schedule), played(game, schedule, resume=early.state)
    assert all(torch.equal(whole.players[name], rest.players[name]) for name in ("x", "y"))
    assert not torch.equal(whole.players["x"], played(game, None, resume=early.state).players["x"])


def test_a_game_of_one_player() -> None:
    bowl = minmax.Game(lambda own: {"z": torch.randn((), generator=own)}, {"z": lambda players, _: players["z"] ** 2})
    halved = played(bowl, lambda step, steps: 0.5, steps=1).players["z"]
    torch.testing.assert_close(halved, begun(bowl)["z"] * (1 - 0.5 * RATE * 2))


@pytest.mark.parametrize("steps", [1, 2, 997])
@every_schedule
def test_factors_are_positive_to_the_end(name: str, steps: int) -> None:
    """With the options of ``OPTIONS``, and with the defaults where there are."""
    for schedule in [own(name), *([schedules.get(name)] if name not in ("step", "warmup") else [])]:
        assert all(0 < schedule(step, steps) <= 1 for step in range(steps))


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("cosin", "unknown schedule 'cosin'; did you mean 'cosine'"),
        ({"name": "linear", "last": 0.1}, "schedule: linear has no option 'last'; allowed: final"),
        ({"name": "constant", "last": 0.1}, "schedule: constant has no option 'last'; allowed: none"),
        ("step", "schedule: step needs its option 'every'"),
        ({"x": "cosine", "z": "cosine"}, "schedule: 'z' is no player; allowed: x, y"),
        ({"x": 0.5}, "schedule: 0.5 given; a name, .* or .step, steps. -> factor is allowed"),
        ({"name": "linear", "final": -0.1}, "final: -0.1 given; at least 0 is allowed"),
        ({"name": "exponential", "final": 0}, "final: 0 given; a positive number is allowed"),
        ({"name": "step", "every": 0}, "every: 0 given; at least 1 is allowed"),
        ({"name": "step", "every": 2, "factor": 0}, "factor: 0 given; a positive number is allowed"),
        ({"name": "inverse_sqrt", "period": 0}, "period: 0 given; at least 1 is allowed"),
        ({"name": "warmup", "over": 0}, "over: 0 given; at least 1 is allowed"),
        (lambda step, steps: 0.0, "schedule: 0.0 for x at step 0 of 20; a positive number is allowed"),
    ],
)
def test_what_is_not_allowed_is_named(schedule: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        played(decoupled(), schedule)


def test_an_optimizer_without_rates_is_refused() -> None:
    gda = minmax.optimizers.get("gda")
    rateless = gda._replace(name="rateless", hypers={"lr": gda.hypers["lr"]})
    with pytest.raises(ValueError, match="schedule: rateless has no hyperparameter 'lr_ratio'"):
        minmax.train(decoupled(), rateless, {"lr": RATE}, schedule="cosine")
