"""What is measured of a GAN over its run: classes, forgetting, the discriminator, the field's eigenvalues."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from linear_maps import random_bilinear, stacked
from test_metrics import drawn, fresh, showing
from torch import Tensor

import minmax
from minmax import checkpoint, tree
from minmax.field import lift
from minmax.metrics import classes, forgetting
from minmax.metrics.minibatch import minibatch


def share(*counts: float) -> Tensor:
    return torch.tensor([counts], dtype=torch.float64) / sum(counts)


def test_classes_of_hand_made_shares() -> None:
    """Ten classes: each needs 1/80; entropy of m equal classes is log m / log 10."""
    three = classes.judge(share(1, 1, 1, *[0] * 7, 1))
    assert three["classes"].item() == pytest.approx(0.3)
    assert three["class_entropy"].item() == pytest.approx(math.log(3) / math.log(10))
    assert three["class_smallest"].item() == 0
    assert three["class_other"].item() == pytest.approx(0.25)
    even = classes.judge(share(*[1] * 10, 0))
    assert [value.item() for value in even.values()] == pytest.approx([1, 1, 1, 0])
    nothing = classes.judge(share(*[0] * 10, 1))
    assert [value.item() for value in nothing.values()] == [0, 0, 0, 1]
    edge = classes.judge(share(1, 78, *[0] * 8, 1))  # 1/80 is just enough
    assert edge["classes"].item() == pytest.approx(0.2)


def test_classes_of_real_pictures_are_their_labels() -> None:
    """Shown the scans themselves, then ones only, then noise."""
    data = minmax.data.get("digits01")
    ones = data.points[data.labels == 1][:100].repeat(4, 1, 1)[:360]
    noise = 2 * torch.rand(360, 8, 8, generator=fresh()) - 1
    game, players = showing(torch.stack([data.points, ones, noise]), "digits01")
    found = minmax.metrics.get("classes", count=360).measure(game, players, fresh())
    assert found["classes"].tolist() == [1, 0.5, 0]
    assert found["class_smallest"][0] > 0.95
    assert found["class_entropy"][1] < 0.1
    assert found["class_other"][2] > 0.95


def test_what_was_learned_and_lost() -> None:
    """Two members over three reports: one learns modes 0, 1 and loses 0; one never has any."""
    seen = [[[1, 1, 0, 0], [0] * 4], [[0, 1, 0, 0], [0] * 4], [[1, 0, 1, 0], [0] * 4]]
    memory: Any = {}
    found = []
    for now in seen:
        outputs, memory = forgetting.recall(torch.tensor(now, dtype=torch.bool), memory)
        found.append({name: values.tolist() for name, values in outputs.items()})
    assert [report["covered"] for report in found] == [[0.5, 0], [0.25, 0], [0.5, 0]]
    assert [report["learned"] for report in found] == [[0.5, 0], [0.5, 0], [0.75, 0]]
    assert [report["forgotten"] for report in found] == [[0, 0], [0.5, 0], [pytest.approx(1 / 3), 0]]


def test_forgetting_remembers_across_a_resume() -> None:
    """A run stopped after its second report and resumed from the bytes of its state says what an unbroken one says."""
    game = minmax.gan(data={"name": "gaussians", "layout": "balanced_four"}, net={"name": "mlp", "widths": [32]},
                      latent=4, batch=64)  # fmt: skip
    optimizer = minmax.optimizers.get("gda", transform="adam")

    def run(**resumed: Any) -> list[minmax.Report]:
        return list(
            minmax.train(
                game, optimizer, {"lr": 0.02}, range(4), 400, 50, ["forgetting", "symptoms"], device="cpu", **resumed
            )
        )

    whole = run()
    rest = run(resume=checkpoint.loads(checkpoint.dumps(whole[1].state)))
    assert any((report.metrics["forgotten"] > 0).any() for report in whole[2:]), "nothing was forgotten, nor tested"
    for one, other in zip(whole[2:], rest, strict=True):
        for name in one.metrics:
            assert torch.equal(one.metrics[name], other.metrics[name]), name
    assert (whole[-1].metrics["learned"] >= whole[-1].metrics["covered"]).all()


class Slope:
    """A native discriminator whose logit is the first coordinate plus ``shift``."""

    def __init__(self, shift: float) -> None:
        self._shift = shift

    def init(self, generator: torch.Generator) -> Any:
        return {"unused": torch.zeros(1)}

    def __call__(self, parameters: Any, inputs: Tensor) -> Tensor:
        return inputs[..., 0] + self._shift


@pytest.mark.parametrize("shift", [0.0, 30.0])
def test_accuracies_of_a_known_discriminator(shift: float) -> None:
    """Reals at 1, held-out ones half at 1 and half at −1. Fakes at −1 are told apart, wherever zero is; fakes like the
    reals are not: of equal logits none is above their median."""
    points, line = torch.tensor([[1.0, 0.0]]).repeat(40, 1), torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).repeat(20, 1)
    data = dataclasses.replace(minmax.data.get("gaussians"), points=points, held_out=line)
    game, players = showing(torch.stack([-points, points]), data, Slope(shift))
    found = minmax.metrics.get("discriminator", count=40).measure(game, players, fresh())
    assert found["accuracy_real"].tolist() == [1, 0]
    assert found["accuracy_fake"].tolist() == [1, 1]
    assert found["accuracy_held_out"].tolist() == [0.5, 0]
    at = minmax.metrics.get("discriminator", count=40, threshold=0.0).measure(game, players, fresh())
    assert at["accuracy_fake"].tolist() == [1.0 if shift == 0 else 0.0, 0.0]


def test_a_discriminator_that_knows_nothing_is_right_half_of_the_time() -> None:
    """Few reals and many fakes of one distribution: each kind counts alike."""
    points = torch.randn(1000, 2, generator=fresh())
    data = dataclasses.replace(minmax.data.get("gaussians"), points=points[:100])
    game, players = showing(points[None, 100:], data, Slope(0.0))
    found = minmax.metrics.get("discriminator", count=900).measure(game, players, fresh())
    assert found.keys() == {"accuracy_real", "accuracy_fake"}
    assert found["accuracy_real"].item() == pytest.approx(0.5, abs=0.1)
    assert found["accuracy_fake"].item() == pytest.approx(0.5, abs=0.1)


def test_rotation_of_known_games() -> None:
    """xy turns and nothing else; the Dirac-GAN with a penalty γ < 1 has (γ ± √(γ² − 1))/2: rotation √(1/γ² − 1)."""
    still = minmax.metrics.get("eigenvalues").measure(
        minmax.games.get("xy"), {n: torch.zeros(3, dtype=torch.float64) for n in "xy"}, fresh()
    )
    assert still["eigenvalue"].tolist() == pytest.approx([1.0] * 3)
    assert still["rotation"].tolist() == [1e6] * 3
    gamma = 0.6
    game = minmax.games.get("dirac_gan", variant="gradient_penalty", gamma=gamma)
    found = minmax.metrics.get("eigenvalues").measure(game, stacked(game.solution, 2), fresh())
    assert found["eigenvalue"].tolist() == pytest.approx([0.5] * 2)
    assert found["eigenvalue_real"].tolist() == pytest.approx([gamma / 2] * 2)
    assert found["rotation"].tolist() == pytest.approx([math.sqrt(1 / gamma**2 - 1)] * 2)


def test_a_potential_does_not_rotate() -> None:
    """f = x² − 3y²: eigenvalues 2 and 6, both real; and repelled at x² + 3y², 2 and −6."""
    for sign, real in ((-3.0, 6.0), (3.0, -6.0)):

        def value(players: Any, batch: Any, sign: float = sign) -> Tensor:
            return players["x"] ** 2 + sign * players["y"] ** 2

        losses = {"x": value, "y": lambda players, batch, value=value: -value(players, batch)}
        game = minmax.Game(lambda generator: {"x": torch.ones(()), "y": torch.ones(())}, losses)
        found = minmax.metrics.get("eigenvalues").measure(game, tree.map(torch.Tensor.double, drawn(game)), fresh())
        assert {name: values[0].item() for name, values in found.items()} == {
            "eigenvalue": pytest.approx(6.0),
            "eigenvalue_real": pytest.approx(real),
            "rotation": 0.0,
        }


def test_eigenvalues_of_what_is_not_finite() -> None:
    game = minmax.games.get("dirac_gan")
    players = {name: torch.tensor([0.0, math.inf], dtype=torch.float64) for name in ("theta", "psi")}
    found = minmax.metrics.get("eigenvalues").measure(game, players, fresh())
    assert found["eigenvalue"][0] == pytest.approx(0.5)
    assert found["eigenvalue"][1].isnan()


def test_symptoms_are_what_the_metrics_say() -> None:
    """Each part equals the metric of its own; of a plain game there are distance and eigenvalues, of a GAN samples."""
    plain = random_bilinear(2, 3, top=1.0)
    players = tree.map(torch.Tensor.double, drawn(plain))
    found = minmax.metrics.get("symptoms").measure(plain, players, fresh())
    parts: dict[str, Tensor] = {}
    for name in ("distance", "eigenvalues", "gradients"):
        parts |= minmax.metrics.get(name).measure(plain, players, fresh())
    del parts["success"]
    assert found.keys() == parts.keys()
    for name, values in parts.items():
        torch.testing.assert_close(found[name], values)
    assert minibatch(lift(plain), players, fresh()) == {}
