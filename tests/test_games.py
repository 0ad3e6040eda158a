"""Every registered game of a formula: its field by hand, its solution, its feasible set, its row in the docs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from linear_maps import stacked
from torch import Tensor

import minmax
from minmax import field, tree
from minmax.field import lift
from minmax.types import Game, Players

ROOT = Path(__file__).parents[1]
MEMBERS = 40

Formula = Callable[[Players], dict[str, Tensor]]


def wave(z: Players) -> dict[str, Tensor]:
    x, y = z["x"], z["y"]
    u = y - 3 * x + 0.05 * x**3
    g, e = 4 * x**2 - u**2 - 0.1 * y**4, torch.exp(-0.01 * (x**2 + y**2))
    return {
        "x": e * (8 * x + 2 * u * (3 - 0.15 * x**2) - 0.02 * x * g),
        "y": e * (2 * u + 0.4 * y**3 + 0.02 * y * g),
    }


FIELDS: dict[str, tuple[dict[str, Any], Formula]] = {
    "cos_sin": ({}, lambda z: {"theta": -z["phi"].cos(), "phi": -z["theta"].sin()}),
    "curl": ({}, lambda z: {"theta": z["phi"], "phi": -z["theta"]}),
    "f1": ({}, lambda z: {"x": 4 * z["y"] - 6 * z["x"], "y": 2 * z["y"] - 4 * z["x"]}),
    "f2": ({}, lambda z: {"x": 6 * z["x"] + 4 * z["y"], "y": -4 * z["x"] - 2 * z["y"]}),
    "f3": ({}, wave),
    "quadratic": (
        {"a": 0.5, "b": 0.7, "s": 1.1},
        lambda z: {"x": 0.5 * z["x"] + 1.1 * z["y"], "y": 0.7 * z["y"] - 1.1 * z["x"]},
    ),
    "xy": ({"bound": 2.0}, lambda z: {"x": z["y"], "y": -z["x"]}),
}
"""F by hand, at options that are not neutral."""

VALUES: dict[str, tuple[tuple[float, float], float]] = {
    "curl": ((2.0, 3.0), 6.0),
    "f1": ((2.0, 3.0), -12.0 - 9.0 + 24.0),
    "f2": ((2.0, 3.0), 12.0 + 9.0 + 24.0),
    "f3": ((2.0, 1.0), (16.0 - 4.6**2 - 0.1) * 0.951229424500714),
    "quadratic": ((2.0, 3.0), 1.0 + 6.6 - 3.15),
    "xy": ((2.0, 3.0), 6.0),
}
"""f by hand at a point."""


def built(name: str) -> Game:
    return lift(minmax.games.get(name, **FIELDS[name][0]))


def somewhere(game: Game, members: int = MEMBERS, spread: float = 2.0) -> Players:
    """Random players of the game's shapes, in float64."""
    own = torch.Generator().manual_seed(0)
    begun = game.init(own)
    return tree.map(lambda x: spread * torch.randn(members, *x.shape, generator=own, dtype=torch.float64), begun)


def test_every_game_has_a_row_in_the_docs() -> None:
    text = (ROOT / "docs" / "games.md").read_text()
    rows = [line.split("|")[1].strip(" `") for line in text.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(minmax.GAMES)


@pytest.mark.parametrize("name", FIELDS)
def test_the_field_is_the_formula(name: str) -> None:
    game = built(name)
    players = somewhere(game)
    expected = FIELDS[name][1](players)
    found = field.field(game, players, {})
    assert list(found) == list(expected) == list(players)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", VALUES)
def test_the_value_is_f(name: str) -> None:
    point, expected = VALUES[name]
    game = built(name)
    players = {key: torch.tensor([own], dtype=torch.float64) for key, own in zip(somewhere(game), point, strict=True)}
    assert field.value(game, players, {}).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", FIELDS)
def test_a_solution_is_at_rest(name: str) -> None:
    game = built(name)
    if game.solution is None:
        assert name in {"f2"}
        return
    assert tree.norm(field.field(game, stacked(game.solution, 1), {})).item() < 1e-12


DRIFTS = {
    "curl": [1j, -1j],
    "f1": [-2, -2],
    "f2": [2, 2],
    "f3": [-4, -4],
    "xy": [1j, -1j],
    "cos_sin": [1j, -1j],
    "quadratic": [0.6 - 1.2**0.5 * 1j, 0.6 + 1.2**0.5 * 1j],
}


@pytest.mark.parametrize("name", DRIFTS)
def test_eigenvalues_at_the_equilibrium(name: str) -> None:
    """Exact to the square root of rounding, where an eigenvalue is double."""
    game = built(name)
    at = game.solution if game.solution is not None else {"x": torch.zeros(()), "y": torch.zeros(())}
    found = field.eigenvalues(game, stacked(at, 1), {})[0].tolist()
    for value in DRIFTS[name]:
        nearest = min(found, key=lambda other: abs(other - value))
        assert abs(nearest - value) < 1e-7
        found.remove(nearest)


@pytest.mark.parametrize(("name", "factor"), [("f1", 1.1), ("f2", 0.9)])
def test_descent_ascent_takes_the_wrong_point(name: str, factor: float) -> None:
    """Along the eigenvectors (1, 1) and (1, −1): F1's min-max point is left by 1 + 2h a step, F2's rest is reached by
    1 − 2h."""
    start = (1.0, 1.0) if name == "f1" else (1.0, -1.0)
    game = minmax.games.get(name, start=start)
    settings = {"steps": 30, "report_every": 10, "dtype": "float64", "device": "cpu"}
    for report in minmax.train(game, minmax.optimizers.get("gda"), {"lr": 0.05}, **settings):
        expected = torch.tensor(start, dtype=torch.float64) * factor**report.step
        torch.testing.assert_close(tree.flat(report.players)[0], expected, rtol=1e-12, atol=0)


def highest(game: Game, x: Tensor) -> Tensor:
    """max_y f(x, y) over a fine grid of y."""
    y = torch.linspace(-40, 40, 16001, dtype=torch.float64)
    players = {"x": x[:, None].expand(-1, len(y)).reshape(-1), "y": y.repeat(len(x))}
    return field.value(game, players, {}).view(len(x), -1).max(1).values


def test_min_max_points() -> None:
    """max_y F1 = x²; F2 has no highest y; sup_y F3 is at least 0 (f → 0 for large y), and 0 at x = 0 alone."""
    x = torch.tensor([-2.0, -0.5, 0.0, 1.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(highest(built("f1"), x), x**2, rtol=0, atol=1e-5)
    assert (highest(built("f2"), x) > 1300).all()
    hills = highest(built("f3"), x)
    assert hills[2].abs() < 1e-25
    assert (hills[[0, 1, 3, 4]] > 0.5).all()
    y = torch.linspace(20, 60, 5, dtype=torch.float64)
    tail = field.value(built("f3"), {"x": torch.full_like(y, 7.0), "y": y}, {})
    assert (tail < 0).all()
    assert tail[-1] > -1e-9


@pytest.mark.parametrize("name", ["xy"])
def test_projection_is_to_the_nearest_feasible_point(name: str) -> None:
    """P(z) is feasible, P∘P = P, and ⟨z − P(z), u − P(z)⟩ ≤ 0 for every feasible u."""
    game = built(name)
    assert game.project is not None
    players = somewhere(game)
    nearest = game.project(players)
    torch.testing.assert_close(game.project(nearest), nearest)
    outward = tree.add(players, nearest, -1.0)
    assert (tree.norm(outward) > 0).any()
    begun = [game.init(torch.Generator().manual_seed(seed)) for seed in range(MEMBERS)]
    feasible = tree.map(torch.Tensor.double, tree.stack(begun))
    torch.testing.assert_close(game.project(feasible), feasible)
    assert (tree.dot(outward, tree.add(feasible, nearest, -1.0)) <= 1e-12).all()


def brute(players: Players) -> Tensor:
    """The distance to the nearest centre of ``cos_sin`` among those of some periods."""
    pairs = [(k, m) for k in range(-6, 7) for m in range(-6, 7) if (k + m) % 2 == 0]
    centres = torch.tensor(pairs, dtype=torch.float64) * torch.pi + torch.tensor([0.0, torch.pi / 2])
    return torch.cdist(tree.flat(players), centres).min(1).values


def test_the_distance_is_to_the_nearest_centre() -> None:
    game = built("cos_sin")
    players = somewhere(game, spread=4.0)
    found = minmax.metrics.get("distance").measure(game, players, torch.Generator())["distance"]
    torch.testing.assert_close(found, brute(players))


def test_starts() -> None:
    """At the source's point without spread; around a given one with it; uniform in a box."""
    own = torch.Generator().manual_seed(0)
    assert tree.map(float, minmax.games.get("f3").init(own)) == {"x": 5.5, "y": 5.5}
    game = minmax.games.get("curl", start=(3.0, -1.0), spread=0.5)
    drawn = tree.flat(tree.stack([game.init(own) for _ in range(4000)]))
    torch.testing.assert_close(drawn.mean(0), torch.tensor([3.0, -1.0]), rtol=0, atol=0.04)
    torch.testing.assert_close(drawn.std(0), torch.tensor([0.5, 0.5]), rtol=0.05, atol=0)
    game = minmax.games.get("xy", bound=2.0)
    drawn = tree.flat(tree.stack([game.init(own) for _ in range(4000)]))
    assert 1.99 < drawn.abs().max() <= 2
    torch.testing.assert_close(drawn.std(0), torch.full((2,), 2 / 3**0.5), rtol=0.05, atol=0)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("xy", {"bound": 0.0}, r"bound: 0\.0 given; a positive number is allowed"),
        ("curl", {"start": (1.0,)}, "start: 1 values given; one each for theta, phi is allowed"),
        ("f1", {"spread": -1.0}, r"spread: -1\.0 given; at least 0 is allowed"),
    ],
)
def test_wrong_options_are_told(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        minmax.games.get(name, **options)
