"""The data sets, and honest success on digits: what is no 0 and no 1 never counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import minmax
from minmax import tree
from minmax.data import cache
from minmax.data.digits01 import classifier, held_out, training_set
from minmax.data.strange import blends, noise
from minmax.metrics.digits import judge
from minmax.types import Pair

COUNT = 1000


def fresh() -> torch.Generator:
    """Not the seed that the classifier's own training set was made with."""
    return torch.Generator().manual_seed(12345)


def real(digit: int) -> Tensor:
    """The held-out scans of a digit, repeated to ``COUNT``."""
    images, labels = held_out()
    own = images[labels == digit]
    return own.repeat(math.ceil(COUNT / len(own)), 1, 1)[:COUNT]


class Shown:
    """A native "generator" that shows given pictures, whatever the latent vectors."""

    def __init__(self, pictures: Tensor) -> None:
        self._pictures = pictures

    def init(self, generator: torch.Generator) -> Any:
        return {"unused": torch.zeros(1)}

    def __call__(self, parameters: Any, inputs: Tensor) -> Tensor:
        return self._pictures.expand(len(inputs), -1, -1, -1)


def success(pictures: Tensor) -> float:
    """What the registered metric says of a game whose generator makes these pictures."""
    pair: Pair = minmax.nets.get("mlp", shape=(8, 8), latent=4)
    game = minmax.gan(Shown(pictures), pair.discriminator, data="digits01", latent=4)
    players = tree.stack([game.init(torch.Generator())])
    return minmax.metrics.get("digits", count=len(pictures)).measure(game, players, fresh())["success"].item()


def half_blends() -> Tensor:
    images, labels = held_out()
    return blends(images[labels == 0], images[labels == 1], COUNT, fresh())


def even_blends() -> Tensor:
    images, labels = held_out()
    zeros, ones = (images[labels == digit] for digit in (0, 1))
    pairs = [(z + o) / 2 for z in zeros for o in ones]
    return torch.stack(pairs)[:COUNT]


NOTHING: dict[str, Callable[[], Tensor]] = {
    "noise of all kinds": lambda: noise(COUNT, (8, 8), fresh()),
    "uniform noise": lambda: 2 * torch.rand(COUNT, 8, 8, generator=fresh()) - 1,
    "Gaussian noise": lambda: (0.5 * torch.randn(COUNT, 8, 8, generator=fresh())).clamp(-1, 1),
    "black and white noise": lambda: torch.randn(COUNT, 8, 8, generator=fresh()).sign(),
    "flat greys": lambda: torch.linspace(-1, 1, COUNT).view(-1, 1, 1).expand(COUNT, 8, 8),
    "blends of a 0 and a 1": half_blends,
    "even blends": even_blends,
    "the average 0 and the average 1": lambda: (real(0).mean(0) + real(1).mean(0)).div(2).expand(COUNT, 8, 8),
    "only zeros": lambda: real(0),
    "only ones": lambda: real(1),
    "other digits": lambda: real(2),
}


@pytest.mark.parametrize("pictures", NOTHING.values(), ids=NOTHING)
def test_what_is_no_success(pictures: Callable[[], Tensor]) -> None:
    assert success(pictures()) == 0.0


def test_real_scans_are_a_success() -> None:
    """Held-out zeros and ones in equal parts, and still with a third of one of them or a fifth of others."""
    zeros, ones, others = real(0), real(1), real(2)
    assert success(torch.cat([zeros[:500], ones[:500]])) == 1.0
    assert success(torch.cat([zeros[:333], ones[:667]])) == 1.0
    assert success(torch.cat([zeros[:400], ones[:400], others[:200]])) == 1.0
    assert success(torch.cat([zeros[:100], ones[:900]])) == 0.0
    assert success(torch.cat([zeros[:300], ones[:300], others[:400]])) == 0.0


@pytest.mark.parametrize(
    "net",
    [
        {"widths": [64, 64]},
        {"widths": [64, 64], "output": "tanh"},
        {"widths": [128], "activation": "tanh", "output": "tanh"},
        {"widths": [32, 32, 32], "activation": "leaky_relu", "gain": 1.0},
        {"widths": [64, 64], "output": "tanh", "gain": 3.0},
    ],
    ids=str,
)
def test_an_untrained_generator_is_no_success(net: dict[str, Any]) -> None:
    """16 seeds of each of five networks."""
    game = minmax.gan(data="digits01", net={"name": "mlp", **net}, latent=16)
    players = tree.stack([game.init(minmax.streams.generator(seed, "init")) for seed in range(16)])
    measured = minmax.metrics.get("digits").measure(game, players, fresh())
    assert measured["success"].tolist() == [0.0] * 16


def test_the_classifier_is_right_on_scans_it_never_saw() -> None:
    """At least 98% of the held-out fifth, of each of its three classes at least 95%."""
    images, labels = held_out()
    right = classifier().classes(images) == labels
    assert len(images) == 360
    assert right.double().mean() >= 0.98
    for digit in range(3):
        assert right[labels == digit].double().mean() >= 0.95


def test_the_held_out_scans_are_not_trained_on() -> None:
    images, _ = held_out()
    seen = {picture.numpy().tobytes() for picture in training_set()[0]}
    assert not any(picture.numpy().tobytes() in seen for picture in images)


def test_digits01_is_the_zeros_and_ones() -> None:
    data = minmax.data.get("digits01")
    assert data.points.shape == (360, 8, 8)
    assert data.labels is not None and data.labels.bincount().tolist() == [178, 182]
    assert (data.points.min().item(), data.points.max().item()) == (data.low, data.high) == (-1.0, 1.0)
    assert data.success in minmax.METRICS


def test_digits01_may_hold_scans_out() -> None:
    """Those that the classifier never saw; together they are all the zeros and ones, none of them twice."""
    whole, data = minmax.data.get("digits01"), minmax.data.get("digits01", held_out=True)
    assert whole.held_out is None and data.held_out is not None and data.labels is not None
    images, labels = held_out()
    assert torch.equal(data.held_out, images[labels < 2])
    assert len(data.points) == len(data.labels) == 360 - len(data.held_out)
    rows = [{picture.numpy().tobytes() for picture in part} for part in (data.points, data.held_out, whole.points)]
    assert rows[0] | rows[1] == rows[2] and not rows[0] & rows[1]


def test_judge_counts_shares() -> None:
    """20% of each and 30% other are just enough."""
    classes = torch.tensor([[0] * 2 + [1] * 5 + [2] * 3, [0] * 1 + [1] * 6 + [2] * 3, [0] * 3 + [1] * 3 + [2] * 4])
    measured = judge(classes)
    assert measured["zeros"].tolist() == [0.2, 0.1, 0.3]
    assert measured["ones"].tolist() == [0.5, 0.6, 0.3]
    assert measured["other"].tolist() == [0.3, 0.3, 0.4]
    assert measured["balance"].tolist() == [0.4, 0.2, 0.6]
    assert measured["success"].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("options", "centres", "weights"),
    [
        ({}, 8, [1 / 8] * 8),
        ({"modes": 5}, 5, [1 / 5] * 5),
        ({"layout": "grid"}, 25, [1 / 25] * 25),
        ({"layout": "grid", "modes": 9, "scale": 2.0}, 9, [1 / 9] * 9),
        ({"layout": "four"}, 4, [0.4, 0.2, 0.2, 0.2]),
        ({"layout": "four", "std": 0.05}, 4, [0.4, 0.2, 0.2, 0.2]),
        ({"layout": "four", "modes": 4}, 4, [0.4, 0.2, 0.2, 0.2]),
        ({"layout": "balanced_four"}, 4, [1 / 4] * 4),
        ({"layout": "pair"}, 2, [1 / 2] * 2),
    ],
)
def test_gaussians_have_their_modes(options: dict[str, Any], centres: int, weights: list[float]) -> None:
    """Weights, centres and spread of 50 000 points within 5 standard errors."""
    data = minmax.data.get("gaussians", **options)
    published = {"four": 0.01, "balanced_four": 0.01, "pair": 0.1}.get(options.get("layout", "ring"), 0.02)
    std, count = options.get("std", published), len(data.points)
    assert data.labels is not None and data.facts["centres"].shape == (centres, 2)
    for index, weight in enumerate(weights):
        own = data.points[data.labels == index]
        assert abs(len(own) / count - weight) <= 5 * math.sqrt(weight * (1 - weight) / count)
        offset = own - data.facts["centres"][index]
        assert offset.mean(0).abs().max() <= 5 * std / math.sqrt(len(own))
        assert offset.std(0) == pytest.approx([std, std], rel=5 / math.sqrt(2 * len(own)))
    assert data.facts["near"] == pytest.approx(max(3 * std, 0.1 * options.get("scale", 1.0)))
    assert data.facts["std"] == std and data.facts["weights"].tolist() == pytest.approx(weights)
    assert data.points.min() > data.low and data.points.max() < data.high


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layout": "spiral"}, "layout: 'spiral' given; allowed: ring, grid, four"),
        ({"layout": "grid", "modes": 8}, "modes: 8 given; a grid allows square numbers"),
        ({"layout": "four", "modes": 8}, "modes: 8 given; this layout has 4"),
        ({"layout": "pair", "modes": 3}, "modes: 3 given; this layout has 2"),
        ({"modes": 0}, "modes: 0 given; a positive number"),
        ({"std": 0}, "std: 0 given; a positive number"),
        ({"count": -1}, "count: -1 given"),
    ],
)
def test_gaussians_say_what_they_allow(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        minmax.data.get("gaussians", **options)


def test_the_cache_heals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made once, read after that, made again where the file is damaged."""
    monkeypatch.setenv("MINMAX_DATA", str(tmp_path / "new"))
    made: list[int] = []

    def make() -> dict[str, Tensor]:
        made.append(1)
        return {"x": torch.arange(5)}

    for times in (1, 1):
        assert torch.equal(cache.cached("five", make)["x"], torch.arange(5))
        assert len(made) == times
    (tmp_path / "new" / "five.safetensors").write_bytes(b"half a fi")
    assert torch.equal(cache.cached("five", make)["x"], torch.arange(5))
    assert len(made) == 2
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["five.safetensors"]
