"""Each diagnosis fires on the run that was made to have it, and on no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import minmax
from minmax import diagnosis
from minmax.diagnosis import RULES, UNSETTLED, History, diagnose, histories, majority

MEMBERS = 3


def played(game: Any, optimizer: str, transform: str, steps: int, **hypers: float) -> minmax.Run:
    rule = minmax.optimizers.get(optimizer, transform=transform)
    return minmax.train(game, rule, hypers, range(MEMBERS), steps, steps // 10, ["symptoms"], device="cpu")


def xy() -> minmax.Game:
    """f = xy without a box, from the square [0.5, 1.5]²."""

    def value(players: Any, batch: Any) -> Tensor:
        return players["x"] * players["y"]

    return minmax.Game(
        lambda generator: {name: 0.5 + torch.rand((), generator=generator) for name in "xy"},
        {"x": value, "y": lambda players, batch: -value(players, batch)},
        solution={name: torch.zeros(()) for name in "xy"},
    )


def mixture(loss: str, scale: float) -> minmax.Game:
    data = {"name": "gaussians", "layout": "balanced_four", "std": 0.05, "scale": scale, "count": 2000}
    return minmax.gan(data=data, net={"name": "mlp", "widths": [32, 32]}, latent=8, batch=64, loss=loss)


def few() -> minmax.Game:
    """Sixteen points to train on, in eight dimensions, and many more of the same normal distribution."""
    points = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
    data = minmax.Data("few", points[:16], None, -4.0, 4.0, success="", facts={}, held_out=points[16:])
    return minmax.gan(data=data, net={"name": "mlp", "widths": [64, 64]}, latent=8, batch=32)


MADE: dict[str, Callable[[], Iterable[Any]]] = {
    # a simultaneous step multiplies the radius by √(1 + h²)
    "diverged": lambda: played(xy(), "gda", "sgd", 200, lr=0.2),
    # σ(D) of every fake is 0, and so is the gradient of log(1 − σ(D)): a discriminator a thousand times as fast
    "vanished": lambda: played(mixture("minimax", 4.0), "gda", "adam", 400, lr=1e-5, lr_ratio=1000.0),
    # a generator five times as fast runs after the discriminator's one best point
    "collapsed": lambda: played(mixture("nonsaturating", 1.0), "gda", "adam", 400, lr=2e-3, lr_ratio=0.2),
    "overfitting": lambda: played(few(), "gda", "adam", 400, lr=1e-3, lr_ratio=5.0),
    # alternating steps keep to an ellipse
    "cycling": lambda: played(xy(), "alternating_gda", "sgd", 200, lr=0.2),
    # consensus adds γ‖F‖²/2, which damps
    "converged": lambda: played(xy(), "consensus", "sgd", 200, lr=0.2, gamma=1.0),
}


@pytest.fixture(scope="module")
def runs() -> dict[str, list[Any]]:
    return {name: list(make()) for name, make in MADE.items()}


def test_every_diagnosis_has_its_run() -> None:
    assert list(MADE) == list(RULES)


def test_confusion(runs: dict[str, list[Any]]) -> None:
    """Whatever rules come before it, of every rule the share of members on which it fires is 1 on its run, else 0."""
    table = {
        made: {name: sum(fits(member) for member in histories(reports)) / MEMBERS for name, fits in RULES.items()}
        for made, reports in runs.items()
    }
    assert table == {made: {name: float(name == made) for name in RULES} for made in RULES}


def test_diagnoses(runs: dict[str, list[Any]]) -> None:
    for made, reports in runs.items():
        assert diagnose(reports) == [made] * MEMBERS


def test_recorded_reports_are_diagnosed_alike(runs: dict[str, list[Any]]) -> None:
    """Lists instead of tensors, and the step of a fall or None instead of a flag."""
    for made, reports in runs.items():
        recorded = [
            SimpleNamespace(
                metrics={name: values.tolist() for name, values in report.metrics.items()},
                diverged=[None if at < 0 else at for at in report.diverged_at.tolist()],
            )
            for report in reports
        ]
        assert diagnose(recorded) == [made] * MEMBERS


def test_the_dirac_gan_cycles_and_its_penalty_ends_it() -> None:
    for variant in ("gan", "wgan"):
        game = minmax.games.get("dirac_gan", variant=variant, start=(0.5, 0.5))
        assert diagnose(played(game, "alternating_gda", "sgd", 400, lr=0.1)) == ["cycling"] * MEMBERS
    calm = minmax.games.get("dirac_gan", variant="gradient_penalty", gamma=0.5)
    assert diagnose(played(calm, "alternating_gda", "sgd", 400, lr=0.1)) == ["converged"] * MEMBERS


def test_a_fall_is_divergence() -> None:
    """√(1 + 10¹⁰)²⁰⁰ is more than a float holds."""
    assert diagnose(played(xy(), "gda", "sgd", 200, lr=1e5)) == ["diverged"] * MEMBERS


def history(fell: bool = False, **series: list[float]) -> History:
    return History(fell, series)


FORGETFUL = {"field_norm": [1.0] * 8, "covered": [0.75] * 8, "placed": [1.0] * 8, "diversity": [1.0] * 8}


@pytest.mark.parametrize(
    ("made", "rule", "fires"),
    [
        (history(distance=[1.0, 5.0, 9.9]), "diverged", False),
        (history(distance=[1.0, 5.0, 10.0]), "diverged", True),
        (history(distance=[1.0, 50.0, 10.0]), "diverged", False),
        (history(field_norm=[1.0, 5.0, 999.0]), "diverged", False),
        (history(field_norm=[1.0, 5.0, 1000.0]), "diverged", True),
        (history(fell=True), "diverged", True),
        (history(diversity=[1.0, 0.26, 0.25]), "collapsed", False),
        (history(diversity=[1.0, 0.25, 0.25]), "collapsed", True),
        (history(covered=[1.0, 0.5, 0.5], placed=[0.6, 0.6, 0.6]), "collapsed", True),
        (history(covered=[1.0, 0.5, 0.5], placed=[0.6, 0.5, 0.6]), "collapsed", False),
        (history(covered=[1.0, 0.0, 0.0], placed=[0.6, 0.6, 0.6]), "collapsed", False),
        (history(accuracy_real=[1.0] * 2, accuracy_held_out=[0.79] * 2), "overfitting", True),
        (history(accuracy_real=[1.0] * 2, accuracy_held_out=[0.79, 0.85]), "overfitting", False),
        (history(**FORGETFUL, forgotten=[0, 0.25, 0, 0.25, 0, 0, 0, 0]), "cycling", True),
        (history(**FORGETFUL, forgotten=[0, 0.24, 0, 0.25, 0, 0, 0, 0]), "cycling", False),
        (history(field_norm=[1.0, 1.0, 0.4, 0.4], rotation=[5.0] * 4), "cycling", False),
        (history(field_norm=[1.0, 1.0, 0.5, 0.5], rotation=[5.0] * 4), "cycling", True),
        (history(field_norm=[1.0, 1.0, 0.5, 0.5], rotation=[5.0, 5.0, 5.0, 0.9]), "cycling", False),
        (history(field_norm=[1.0, 1.0, 1.0], rotation=[5.0] * 3), "cycling", False),
        (history(success=[0.0, 1.0, 1.0]), "converged", True),
        (history(success=[1.0, 1.0, 0.0]), "converged", False),
        (history(success=[1.0]), "converged", False),
        (history(distance=[5.0, 0.06, 0.05]), "converged", False),
        (history(distance=[5.0, 0.05, 0.04]), "converged", True),
        (history(distance=[0.001, 0.01, 0.01]), "converged", True),
        (history(field_norm=[1.0, 0.01, 0.01]), "converged", True),
        (history(field_norm=[1.0, 0.01, 0.01], accuracy_real=[1.0] * 3, accuracy_fake=[1.0] * 3), "converged", False),
    ],
)
def test_thresholds(made: History, rule: str, fires: bool) -> None:
    assert RULES[rule](made) is fires


def test_what_was_not_measured_fits_no_rule() -> None:
    assert not any(fits(history()) for fits in RULES.values())
    reports = [SimpleNamespace(metrics={"mine": [0.0, 1.0]}, diverged=[None, None])] * 5
    assert diagnose(reports) == [UNSETTLED] * 2
    assert diagnose([]) == []
    for name in ("distance", "success", "field_norm", "diversity", "covered", "rotation", "accuracy_real"):
        assert not any(fits(history(**{name: [1.0]})) for fits in RULES.values()), f"one report of {name}"


def test_trouble_comes_before_success() -> None:
    """Every rule at once."""
    parts = {"success": [1.0] * 4, "diversity": [0.1] * 4, "accuracy_real": [1.0] * 4, "accuracy_held_out": [0.5] * 4}
    reports = [
        SimpleNamespace(metrics={name: [own[step]] for name, own in parts.items()}, diverged=[None])
        for step in range(4)
    ]
    assert diagnose(reports) == ["collapsed"]
    reports[-1].diverged = [7]
    assert diagnose(reports) == ["diverged"]


def test_majority() -> None:
    assert majority(["converged", "cycling", "converged"]) == "converged"
    assert majority(["unsettled", "converged"]) == "converged"
    assert majority(["converged", "vanished"]) == "vanished"


def test_every_rule_says_its_thresholds() -> None:
    said = {name: rule.__doc__ or "" for name, rule in RULES.items()}
    told = {"diverged": "10 times (1000 times)", "vanished": "99%", "collapsed": "quarter", "overfitting": "0.2",
            "cycling": "half", "converged": "1%"}  # fmt: skip
    assert all(told[name] in " ".join(said[name].split()) for name in RULES)
    assert (diagnosis.GROWN, diagnosis.GROWN_FIELD, diagnosis.TOLD_APART, diagnosis.VARIED) == (10, 1000, 0.99, 0.25)
