"""What is drawn is what was computed: lines are trajectories, arrows are −F, markers stand at equilibria."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch

import minmax
from minmax import field, plots, tree

STEPS, RATE = 25, 0.1


def started(name: str, point: tuple[float, float], **options: Any) -> minmax.Game:
    game = minmax.games.get(name, **options)
    names = list(game.init(torch.Generator()))
    begin = dict(zip(names, torch.tensor(point, dtype=torch.float64), strict=True))
    return replace(game, init=lambda generator: begin)


def past(game: minmax.Game, seeds: int = 1, steps: int = STEPS) -> plots.History:
    run = minmax.train(game, minmax.optimizers.get("gda"), {"lr": RATE}, range(seeds), steps, 1, dtype="float64")
    return plots.history(run)


def drawn(ax: Any) -> Any:
    """The axes, rendered once: what cannot be rendered raises here."""
    ax.figure.canvas.draw()
    return ax


def small_gan(data: Any, **options: Any) -> tuple[minmax.games.gan.Gan, minmax.Report]:
    game = minmax.gan(data=data, net={"name": "mlp", "widths": (8,), **options}, latent=2, batch=16)
    (report,) = minmax.train(game, minmax.optimizers.get("gda", transform="adam"), {"lr": 1e-3}, range(2), steps=3)
    return game, report


def test_a_history_begins_at_the_start_and_follows_the_steps() -> None:
    history = past(started("xy", (1.0, 2.0)))
    assert list(history.times) == list(range(STEPS + 1)) and history.members == 1
    z = [1.0 + 2.0j]  # z ← (1 + ih)z for z = x + iy, as x loses h·y and y gains h·x
    for _ in range(STEPS):
        z.append(z[-1] * (1 + 1j * RATE))
    np.testing.assert_allclose(plots.path(history), [[value.real, value.imag] for value in z], rtol=1e-12)


def test_series_draws_each_number_and_f() -> None:
    game = started("xy", (1.0, 2.0))
    history = past(game)
    ax = drawn(plots.series(history, game=game))
    x, y, f = (line.get_ydata() for line in ax.lines[:3])
    np.testing.assert_array_equal(np.stack([x, y], axis=1), plots.path(history))
    np.testing.assert_allclose(f, x * y)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["x", "y", "f"]


def test_distance_is_to_the_solution() -> None:
    game = minmax.games.get("linear_wgan")
    history = past(game)
    ax = drawn(plots.distance({"gda": history}, game.solution or {}))
    expected = np.linalg.norm(plots.path(history) - [3, 4, 0, 0], axis=1)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), expected)


def test_orbit_draws_every_member_from_start_to_end() -> None:
    history = past(minmax.games.get("xy"), seeds=3)
    ax = drawn(plots.orbit(history))
    ways = [line.get_xydata() for line in ax.lines if len(line.get_xydata()) > 1]
    assert len(ways) == 3
    for member, way in enumerate(ways):
        np.testing.assert_array_equal(way, plots.path(history, member))
    assert ax.get_aspect() == 1.0
    (only,) = [line for line in plots.orbit(history, members=[1]).lines if len(line.get_xydata()) > 1]
    np.testing.assert_array_equal(only.get_xydata(), plots.path(history, 1))


def test_a_way_that_stands_still_has_no_arrow() -> None:
    assert not drawn(plots.orbit(past(started("xy", (0.0, 0.0))))).texts


@pytest.mark.parametrize("draw", [plots.orbit, lambda own: plots.surface(minmax.games.get("linear_wgan"))])
def test_more_than_two_numbers_are_refused(draw: Any) -> None:
    with pytest.raises(ValueError, match=r"4 numbers given|\[N, 4\]|4 given"):
        draw(past(minmax.games.get("linear_wgan"), steps=2))


@pytest.mark.parametrize(
    ("vectors", "motion"),
    [
        (field.field, lambda x, y: (-y, x)),  # f = xy: F = (y, −x)
        (field.conservative, lambda x, y: (-x, -y)),
        (partial(field.combined, gamma=0.5), lambda x, y: (-y - 0.5 * x, x - 0.5 * y)),
    ],
)
def test_quiver_draws_the_motion(vectors: Any, motion: Any) -> None:
    ax = drawn(plots.quiver(minmax.games.get("xy"), (-1.0, 2.0), (0.0, 3.0), vectors=vectors, count=4))
    (arrows,) = ax.collections
    across, up = np.meshgrid(np.linspace(-1, 2, 4), np.linspace(0, 3, 4))
    np.testing.assert_allclose(np.stack([arrows.X, arrows.Y]), np.stack([across.ravel(), up.ravel()]))
    for own, expected in zip((arrows.U, arrows.V), motion(across, up), strict=True):
        np.testing.assert_allclose(np.asarray(own).ravel(), expected.ravel(), atol=1e-12)


def test_a_field_of_one_player_and_a_game_with_chance_are_drawn() -> None:
    drawn(plots.stream(minmax.games.get("autoencoder_field"), count=15))
    drawn(plots.quiver(minmax.games.get("two_time_scale"), count=5))


def test_contour_arrows_go_up_the_slope() -> None:
    ax = drawn(plots.contour(minmax.games.get("f1"), (-2.0, 2.0), (-2.0, 2.0), gradients=4))
    arrows = next(own for own in ax.collections if hasattr(own, "U"))
    x, y = np.asarray(arrows.X), np.asarray(arrows.Y)
    np.testing.assert_allclose(np.asarray(arrows.U), -6 * x + 4 * y, atol=1e-12)  # f = −3x² − y² + 4xy
    np.testing.assert_allclose(np.asarray(arrows.V), -2 * y + 4 * x, atol=1e-12)


def test_surface_has_the_height_of_f() -> None:
    ax = drawn(plots.surface(minmax.games.get("xy"), (0.0, 2.0), (-1.0, 3.0), count=5))
    (sheet,) = ax.collections
    assert sheet.get_array() is not None
    np.testing.assert_allclose(ax.zz_dataLim.intervalx, [-2.0, 6.0])


def test_equilibria_stand_where_they_are_by_kind() -> None:
    """Of cos_sin: centres (0, π/2), (π, 3π/2) and saddles (0, 3π/2), (π, π/2); γ = 1.5 makes all four attract."""
    game, low, high = minmax.games.get("cos_sin"), -0.5, 2 * math.pi - 0.5
    axes = plots.three_fields(game, 1.5, x=(low, high), y=(low, high))
    assert len(axes) == 3
    half, points = math.pi / 2, {}
    for index, ax in enumerate(map(drawn, axes)):
        for line in ax.lines:
            points[index, line.get_label()] = line.get_xydata()
    centres, saddles = [[0, half], [math.pi, 3 * half]], [[0, 3 * half], [math.pi, half]]
    np.testing.assert_allclose(points[0, "centre"], centres, atol=1e-8)
    np.testing.assert_allclose(points[0, "saddle"], saddles, atol=1e-8)
    assert len(points[1, "stable"]) == 4, "the relaxation tells no saddle from a centre"
    np.testing.assert_allclose(points[2, "stable"], centres, atol=1e-8)
    np.testing.assert_allclose(points[2, "spurious: saddle made stable"], saddles, atol=1e-8)
    assert len(points[2, "spurious: new zero, F ≠ 0"]) == 4


def test_spectrum_shows_the_eigenvalues_and_where_a_step_converges() -> None:
    values = torch.tensor([[1 + 2j, 1 - 2j], [0.5 + 0j, 3 + 0j]])
    ax = drawn(plots.spectrum({"before": 1j * values, "after": values}, step=0.5))
    before, after, disc = ax.lines[:3]
    assert {complex(*point) for point in after.get_xydata()} == set(values.ravel().tolist())
    assert {complex(*point) for point in before.get_xydata()} == set((1j * values).ravel().tolist())
    edge = np.array([complex(*point) for point in disc.get_xydata()])
    np.testing.assert_allclose(abs(1 - 0.5 * edge), 1)


@pytest.mark.parametrize("player", [0, 1])
def test_a_landscape_is_the_players_own_loss(player: int) -> None:
    game = started("quadratic", (1.0, -2.0), a=0.6, b=0.2, s=1.5)
    history = past(game)
    ax = drawn(plots.landscape(game, history, when=(0, 7), x=(-2.0, 2.0), player=player, count=9))
    for curve, dot, moment in zip(ax.lines[::2], ax.lines[1::2], (0, 7), strict=True):
        own, loss = curve.get_data()
        x, y = plots.path(history)[moment]
        x, y = (own, y) if player == 0 else (x, own)
        np.testing.assert_allclose(loss, (1 - 2 * player) * (0.3 * x * x + 1.5 * x * y - 0.1 * y * y))
        assert dot.get_xdata()[0] == plots.path(history)[moment][player]


def test_a_moment_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=f"when: 99 given; 0 to {STEPS}"):
        plots.landscape(minmax.games.get("xy"), past(minmax.games.get("xy")), when=(0, 99), x=(-1.0, 1.0))


def test_samples_are_the_generators() -> None:
    game, report = small_gan({"name": "gaussians", "layout": "four"})
    ax = drawn(plots.scatter(game, report.players, member=1, count=50))
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    np.testing.assert_array_equal(lines["data"], game.data.points[:50])
    np.testing.assert_array_equal(lines["modes"], game.data.facts["centres"])
    other = {line.get_label(): line.get_xydata() for line in plots.scatter(game, report.players, count=50).lines}
    assert lines["generated"].shape == (50, 2) and not np.array_equal(lines["generated"], other["generated"])


def test_densities_and_the_discriminators_answer() -> None:
    points = 1 + 0.5 * torch.randn(4000, 1, generator=torch.Generator().manual_seed(0))
    game, report = small_gan(points)
    ax = drawn(plots.densities(game, report.players, x=(-4.0, 6.0)))
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    x, density = lines["data"].T
    normal = np.exp(-((x - 1) ** 2) / 0.5) / (0.5 * math.sqrt(2 * math.pi))
    assert abs(density - normal).max() < 0.05 and np.trapezoid(density, x) == pytest.approx(1, abs=0.01)
    own = tree.map(lambda z: z[:1], report.players)
    expected = torch.sigmoid(game.judge(own, torch.tensor(x, dtype=torch.float32).view(1, -1, 1)))[0]
    np.testing.assert_allclose(lines["discriminator D"][:, 1], expected, rtol=1e-6)


def test_pictures_are_laid_out_row_by_row() -> None:
    data = torch.linspace(-1, 1, 20 * 12).view(20, 3, 4)
    game, report = small_gan(data)
    ax = drawn(plots.pictures(game, report.players, rows=2, columns=3))
    sheet = np.asarray(ax.images[0].get_array())
    assert sheet.shape == (2 * 4, 3 * 5)
    single = np.asarray(plots.pictures(game, report.players, rows=1, columns=6).images[0].get_array())
    np.testing.assert_array_equal(sheet[4:7, 5:9], single[:3, 20:24])


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (plots.scatter, r"points of shape \(3, 4\) given; \(2,\)"),
        (partial(plots.densities, x=(0.0, 1.0)), r"points of shape \(3, 4\) given; \(1,\)"),
    ],
)
def test_data_of_another_shape_is_refused(draw: Any, said: str) -> None:
    game, report = small_gan(torch.linspace(-1, 1, 20 * 12).view(20, 3, 4))
    with pytest.raises(ValueError, match=said):
        draw(game, report.players)


def test_settings_are_put_back_and_pyplot_is_left_alone() -> None:
    before = dict(matplotlib.rcParams)
    drawn(plots.quiver(minmax.games.get("xy"), count=3))
    assert dict(matplotlib.rcParams) == before
    code = "from minmax import plots; import sys; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


def test_without_matplotlib_the_extra_is_named_and_the_rest_works() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import minmax; minmax.games.get('xy')\n"
        "try: import minmax.plots\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert "pip install 'minmax-sweeps[plots]'" in done.stdout
