"""F1, F2, F3 in the authors' low-dimensional setting: accept/reject ends at an equilibrium, descent-ascent does not.

Start (5.5, 5.5), rate 0.05 (F1 here: 0.25, which answers the same sooner), the answer to |∂f/∂y| ≤ 1e-3, Gaussian
proposals of 0.5, margin δ = 0.03, stop after more than 20 rejects in a row, f before the first answer infinite. Members
are runs with noise of their own.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

import minmax
from minmax import tree
from minmax.field import lift, partial
from minmax.optimizers.accept_reject import equilibrium_share
from minmax.types import Game, Players

RUNS = 30
SETTING = {"lr": 0.05, "scale": 0.5, "delta": 0.03, "tolerance": 1e-3, "accept": 1.0, "temperature": 1e-3}
GREEDY = minmax.optimizers.get("accept_reject", proposal="gaussian", to_tolerance=True, ascent_steps=2000, patience=21)


def ended(game: Game, steps: int = 80, rate: float = 0.05) -> minmax.Report:
    (report,) = minmax.train(game, GREEDY, {**SETTING, "lr": rate}, range(RUNS), steps, dtype="float64")
    return report


def descended(game: Game) -> minmax.Report:
    """By simultaneous descent-ascent: the same rate, 401 steps."""
    (report,) = minmax.train(game, minmax.optimizers.get("gda"), {"lr": 0.05}, steps=401, dtype="float64")
    return report


def share(game: Game, players: Players) -> Tensor:
    return equilibrium_share(lift(game), players, GREEDY, SETTING, torch.Generator().manual_seed(0), proposals=20)


@pytest.mark.parametrize(("name", "slope", "rate"), [("f1", 2.0, 0.25), ("f3", 3.0, 0.05)])
def test_it_ends_at_the_min_max_point(name: str, slope: float, rate: float) -> None:
    """Around 0 max_y f is x² for F1 (at y = 2x) and 4x² for F3 (at y ≈ 3x): δ resolves |x| ≤ √δ = 0.17 and 0.09.

    Where few proposals are left that would help, patience may end a little earlier.
    """
    game = minmax.games.get(name)
    report = ended(game, rate=rate)
    x, y = report.players["x"], report.players["y"]
    assert (x.abs() < 0.3).all() and x.abs().median() < 0.17
    assert (y - slope * x).abs().max() < 0.05
    assert (partial(lift(game), report.players, {}, "y")["y"].abs() <= 2e-3).all()
    assert share(game, report.players).mean() < 0.1
    assert report.cost < GREEDY.cost * report.step / 5, "the answers were far below their cap"
    other = descended(game).players
    assert torch.stack(tree.leaves(other)).norm() > 1


def test_it_does_not_end_where_f2_lures_descent_ascent() -> None:
    """F2 is convex in y: descent-ascent ends in (0, 0), where f is *lowest* in y; from there y runs to an edge.

    On [−20, 20]²: at y = 20 ∂f/∂y = 40 + 4x ≥ 0 iff x ≥ −10, and f falls in x down to −40/3: accept/reject walks to
    (−10, 20), a local equilibrium, for beyond it the answer runs to the other edge and f up to 3x² − 80x + 400.
    """
    game = replace(minmax.games.get("f2"), project=lambda players: tree.map(lambda z: z.clamp(-20, 20), players))
    lured = descended(game).players
    assert torch.stack(tree.leaves(lured)).norm() < 1e-6
    report = ended(game, steps=130)
    assert (report.players["y"] == 20).all()
    assert ((report.players["x"] > -10.05) & (report.players["x"] < -8)).all()
    assert share(game, report.players).median() < 0.1
    around = replace(game, init=lambda generator: tree.map(lambda z: torch.tensor(0.01), lured))
    assert (ended(around, steps=3).players["y"].abs() == 20).all()
