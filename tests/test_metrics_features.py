"""FID, KID, precision and recall against torchmetrics, closed forms and an independent numpy implementation."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_metrics import drawn, fresh, showing
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance, poly_mmd

import minmax
from minmax.metrics import frechet, kid, precision_recall
from minmax.metrics.features import extractor
from minmax.registry import UnknownName
from minmax.types import Data


class Flat(nn.Module):
    """A feature network as torchmetrics wants it: pictures to fixed projections of their pixels."""

    num_features = 6

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("directions", torch.randn(3 * 4 * 4, 6, generator=fresh(), dtype=torch.float64))

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.double().flatten(1) / 255 @ self.directions


def pictures(seed: int, count: int, most: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, most, (count, 3, 4, 4), generator=generator, dtype=torch.uint8)


def test_frechet_is_torchmetrics_fid() -> None:
    network = Flat()
    real, made = pictures(1, 200, 256), pictures(2, 150, 180)
    published = FrechetInceptionDistance(feature=network).set_dtype(torch.float64)
    published.update(real, real=True)
    published.update(made, real=False)
    ours = frechet.distance(*frechet.moments(network(made)[None]), *frechet.moments(network(real)[None]))
    torch.testing.assert_close(ours, published.compute().double()[None], rtol=1e-6, atol=1e-9)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`:UserWarning")
def test_kid_is_torchmetrics_kid() -> None:
    network = Flat()
    real, made = pictures(1, 120, 256), pictures(2, 120, 180)
    published = KernelInceptionDistance(feature=network, subsets=1, subset_size=120)
    published.update(real, real=True)
    published.update(made, real=False)
    ours = kid.discrepancy(network(made), network(real))
    torch.testing.assert_close(ours, published.compute()[0].double(), rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(ours, poly_mmd(network(made), network(real)))


def test_kid_of_two_points_by_hand() -> None:
    """x = (0), (1) against y = (2), (3) under (xy + 1)³: 1 + 7³ − ½(1 + 1 + 3³ + 4³) = 297.5."""
    one, other = (torch.tensor(points, dtype=torch.float64).unsqueeze(1) for points in ([0.0, 1.0], [2.0, 3.0]))
    assert kid.discrepancy(one, other).item() == pytest.approx(1 + 7**3 - (1 + 1 + 3**3 + 4**3) / 2)


def test_kid_is_unbiased() -> None:
    """Over 400 pairs of samples of one distribution its mean is 0 within three standard errors."""
    both = torch.randn(400, 2, 20, 3, generator=fresh(), dtype=torch.float64)
    found = torch.stack([kid.discrepancy(one, other) for one, other in both])
    assert abs(found.mean()) < 3 * found.std() / math.sqrt(400)
    assert (found < 0).double().mean() > 0.3  # a biased estimate never is


def test_kid_and_precision_of_generated_points() -> None:
    """The metrics end to end: the data's own points, the same moved far, one point only."""
    data = minmax.data.get("gaussians", count=300)
    one = data.points[:1].expand(300, -1)
    game, players = showing(torch.stack([data.points, data.points + 50.0, one]), count=300)
    near, far, single = minmax.metrics.get("kid", count=300).measure(game, players, fresh())["kid"].tolist()
    assert abs(near) < 0.05 < single < far
    found = minmax.metrics.get("precision_recall", count=300, k=3).measure(game, players, fresh())
    assert found["precision"].tolist() == [1, 0, 1]
    assert found["recall"].tolist() == [1, 0, pytest.approx(1 / 300)]  # balls of radius 0 hold that point alone
    assert found["coverage"][:2].tolist() == [1, 0]
    assert 0 < found["coverage"][2] < 0.05
    spread = minmax.metrics.get("diversity", count=300).measure(game, players, fresh())["diversity"]
    torch.testing.assert_close(spread, torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64), rtol=1e-5, atol=0)


def independent(made: Any, real: Any, k: int) -> dict[str, float]:
    """The definitions, sample by sample."""

    def radius(points: Any, index: int) -> float:
        others = np.delete(points, index, axis=0)
        return float(np.sort(np.linalg.norm(others - points[index], axis=1))[k - 1])

    reach_real = [radius(real, j) for j in range(len(real))]
    reach_made = [radius(made, i) for i in range(len(made))]
    near = [[float(np.linalg.norm(m - r)) for r in real] for m in made]
    rows, columns = range(len(made)), range(len(real))
    return {
        "precision": float(np.mean([any(near[i][j] <= reach_real[j] for j in columns) for i in rows])),
        "recall": float(np.mean([any(near[i][j] <= reach_made[i] for i in rows) for j in columns])),
        "density": sum(near[i][j] <= reach_real[j] for i in rows for j in columns) / (k * len(made)),
        "coverage": float(np.mean([any(near[i][j] <= reach_real[j] for i in rows) for j in columns])),
    }


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_and_recall_are_their_definitions(k: int) -> None:
    own = fresh()
    made = 0.7 * torch.randn(40, 3, generator=own, dtype=torch.float64) + 0.5
    real = torch.randn(55, 3, generator=own, dtype=torch.float64)
    found = {name: value.item() for name, value in precision_recall.compare(made, real, k).items()}
    assert found == pytest.approx(independent(made.numpy(), real.numpy(), k))
    assert 0 < found["recall"] < 1
    assert 0 < found["coverage"] < 1


def test_precision_and_recall_by_hand() -> None:
    """On a line, k = 1: reals at 0, 1, 10, 12 reach 1, 1, 2, 2; generated ones at 0.5, 1.5, 20 reach 1, 1, 18.5."""
    real = torch.tensor([[0.0], [1.0], [10.0], [12.0]])
    made = torch.tensor([[0.5], [1.5], [20.0]])
    found = {name: value.item() for name, value in precision_recall.compare(made, real, 1).items()}
    expected = {"precision": 2 / 3, "recall": 1.0, "density": 3 / 3, "coverage": 2 / 4}
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("k", "reals", "fakes"), [(1, 60, 60), (3, 80, 40), (5, 60, 60)])
def test_density_and_coverage_of_one_distribution(k: int, reals: int, fakes: int) -> None:
    """What Naeem et al. 2020 derive where real and generated samples are of one distribution, whatever it is: density 1
    and coverage 1 − (N−1)⋯(N−k)/((M+N−1)⋯(M+N−k)) on average, for N real and M generated samples."""
    own, found = fresh(), []
    for _ in range(300):
        both = torch.randn(reals + fakes, 4, generator=own, dtype=torch.float64)
        found.append(precision_recall.compare(both[:fakes], both[fakes:], k))
    missed = math.prod((reals - i) / (fakes + reals - i) for i in range(1, k + 1))
    for name, expected in {"density": 1.0, "coverage": 1 - missed}.items():
        values = torch.stack([each[name] for each in found])
        assert abs(values.mean() - expected) < 4 * values.std() / math.sqrt(len(found)), name


def test_density_forgives_outliers_where_precision_does_not() -> None:
    """One real outlier with a huge ball makes every generated sample there precise, and hardly dense."""
    real = torch.cat([torch.randn(50, 2, generator=fresh()), torch.tensor([[100.0, 0.0]])])
    made = torch.randn(50, 2, generator=fresh()) + torch.tensor([50.0, 0.0])
    found = precision_recall.compare(made, real, 5)
    assert found["precision"] == 1
    assert found["density"] < 0.3


def test_the_real_samples_moments_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a network looks at them: made by the first metric, read by the next, and another network's are others."""
    monkeypatch.setenv("MINMAX_DATA", str(tmp_path / "cache"))
    data = dataclasses.replace(minmax.data.get("gaussians", count=300))
    game, players = showing(data.points.unsqueeze(0) + 3.0, data)

    def measured(features: str | None) -> float:
        metric = minmax.metrics.get("frechet", count=300, features=features)
        return float(metric.measure(game, players, fresh())["frechet"])

    def kept() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("*")}

    assert measured(None) == pytest.approx(18.0) and not kept(), "points are their own features: nothing to keep"
    one = measured("usergames:first")
    after = kept()
    assert one == pytest.approx(9.0) and len(after) == 1 and next(iter(after)).startswith("moments-v1-")
    assert measured("usergames:first") == one and kept() == after
    assert measured("usergames:halved") == pytest.approx(one / 4) and len(kept()) == 2
    (path,) = (tmp_path / "cache" / name for name in after)
    path.write_bytes(path.read_bytes()[:-7])
    assert measured("usergames:first") == one and len(kept()) == 2


def test_features_of_the_users_own() -> None:
    """``usergames:corners`` sees each sample's own shape, whatever axes lead."""
    pictures = Data("pictures", torch.zeros(3, 4, 4), None, -1.0, 1.0, success="", facts={})
    samples = torch.randn(2, 300, 4, 4, generator=fresh())
    found = extractor(pictures, "usergames:corners")(samples)
    torch.testing.assert_close(found, samples[:, :, [0, 0, 3, 3], [0, 3, 0, 3]])


@pytest.mark.parametrize("metric", ["frechet", "kid", "precision_recall"])
def test_metrics_look_at_the_users_features(metric: str) -> None:
    """In ``usergames:first``, the first coordinate alone, points moved along the second are the data's own."""
    data = minmax.data.get("gaussians", count=300)
    points = torch.stack([data.points, data.points + torch.tensor([0.0, 50.0]), data.points + 50.0])
    game, players = showing(points, count=300)
    found = minmax.metrics.get(metric, count=300, features="usergames:first").measure(game, players, fresh())
    own, along, away = next(iter(found.values())).tolist()
    assert along == pytest.approx(own, abs=1e-6)
    assert abs(away - own) > 0.9


def test_features_that_cannot_be_imported() -> None:
    game = minmax.gan(data="gaussians", latent=3)
    with pytest.raises(UnknownName, match="feature network 'nowhere:inception' cannot be imported"):
        minmax.metrics.get("kid", features="nowhere:inception").measure(game, drawn(game), fresh())
