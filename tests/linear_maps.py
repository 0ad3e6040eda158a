"""A step on a linear game is a linear map: its matrix, its eigenvalues, and the path that training takes.

Each is held against the closed forms in ``closed_forms``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from closed_forms import Row
from torch import Tensor

import minmax
from minmax import checkpoint, streams, tree
from minmax.hypers import hypers_over_members
from minmax.types import Game, Optimizer

CYCLES = 20


def random_bilinear(rows: int, columns: int, top: float, seed: int = 0) -> Game:
    """A random matrix with largest singular value ``top``, and a solution away from zero."""
    own = torch.Generator().manual_seed(seed)
    matrix = torch.randn(rows, columns, generator=own, dtype=torch.float64)
    offsets = [torch.randn(size, generator=own, dtype=torch.float64).tolist() for size in (rows, columns)]
    return minmax.games.get("bilinear", matrix * (top / torch.linalg.matrix_norm(matrix, 2)), *offsets)


def bilinear_of(sigma: float, row: Row) -> Game:
    """One number a player, and s·√(hx·hy) = σ."""
    return minmax.games.get("bilinear", [[sigma / row.mean_rate]], [1.0], [-2.0])


def singular_values(game: Game) -> list[float]:
    """Of A, read off the game's Jacobian [[0, A], [−Aᵀ, 0]]."""
    jacobian = minmax.field.jacobian(game, stacked(game.solution, 1), {})[0]
    rows = len(game.solution["x"])
    return torch.linalg.svdvals(jacobian[:rows, rows:]).tolist()


def stacked(players: tree.Tree, members: int) -> tree.Tree:
    """The same players for every member."""
    return tree.map(lambda x: x.double().expand(members, *x.shape).clone(), players)


class Coordinates:
    """(players, state) of an optimizer around a game's solution as one vector.

    The state's leaves are coordinates like the players', save those that the row's ``settings`` hold fixed.
    """

    def __init__(self, optimizer: Optimizer, row: Row, game: Game) -> None:
        players = stacked(game.solution, 1)
        self._template = {"players": players, "state": optimizer.init(players)}
        self._fixed = row.settings
        leaves = dict(tree.named_leaves(self._template))
        self._free = {path: leaf for path, leaf in leaves.items() if path.split("/")[-1] not in row.settings}
        self.centre = self.read(self._template)

    def read(self, whole: tree.Tree) -> Tensor:
        """``[M, P]``."""
        leaves = dict(tree.named_leaves(whole))
        return tree.flat({path: leaves[path] for path in self._free})

    def write(self, vectors: Tensor) -> tree.Tree:
        """``{"players", "state"}``, a member a vector."""
        count = len(vectors)
        rest = {path: path.split("/")[-1] for path, _ in tree.named_leaves(self._template) if path not in self._free}
        held = {path: torch.full((count,), self._fixed[leaf], dtype=torch.float64) for path, leaf in rest.items()}
        wide = tree.map(lambda x: x.expand(count, *x.shape[1:]), self._template)
        return tree.fill(wide, checkpoint.nest({**tree.unflat(vectors, self._free), **held}))


def iteration_matrix(optimizer: Optimizer, row: Row, game: Game) -> Tensor:
    """The matrix of one cycle on (players, state), around the solution: member k starts one unit along coordinate k."""
    coordinates = Coordinates(optimizer, row, game)
    size = coordinates.centre.shape[1]
    begin = coordinates.write(coordinates.centre + torch.cat([torch.zeros(1, size), torch.eye(size)]).double())
    values = hypers_over_members(optimizer, row.hypers, size + 1)
    players, state = begin["players"], begin["state"]
    for _ in range(row.cycle):
        players, state, _ = optimizer.step(game, players, state, ({},) * optimizer.batches, {}, values)
    after = coordinates.read({"players": players, "state": state})
    return (after[1:] - after[0]).T


def predicted(row: Row, game: Game) -> list[complex]:
    """All eigenvalues of a method's iteration matrix, by its closed form.

    Where a direction has no singular value the players go their own ways, so it brings one of each pair.
    """
    idle = abs(len(game.solution["x"]) - len(game.solution["y"]))
    still = sorted(row.eigenvalues(0.0, *row.rates, row.hypers), key=abs)
    moving = [root for s in singular_values(game) for root in row.eigenvalues(s, *row.rates, row.hypers)]
    return [*moving, *still[::2] * idle]


def by_modulus(values: Sequence[complex]) -> list[complex]:
    """From the largest: what dies at once has no rate that one could measure."""
    return sorted(values, key=abs, reverse=True)


def radius(values: Sequence[complex]) -> float:
    """The largest modulus."""
    return max(abs(value) for value in values)


def spectral_radius(row: Row, game: Game) -> float:
    """Of the row's iteration matrix."""
    return radius(torch.linalg.eigvals(iteration_matrix(row.optimizer, row, game)).tolist())


def check_spectrum(optimizer: Optimizer, row: Row, game: Game) -> None:
    """The eigenvalues of the optimizer's step (or cycle) on a bilinear game are those of its closed form.

    Raises:
        AssertionError: one is not.
    """
    check_eigenvalues(iteration_matrix(optimizer, row, game), predicted(row, game))


def check_eigenvalues(matrix: Tensor, expected: Sequence[complex], relative: float = 1e-9) -> None:
    """The matrix has these eigenvalues, each to ``relative``.

    A state that remembers more than the method needs brings zeros (something forgotten after a while), and no more.

    Raises:
        AssertionError: it has not.
    """
    found = torch.linalg.eigvals(matrix).tolist()
    for value in expected:
        nearest = min(found, key=lambda other: abs(other - value))
        assert abs(nearest - value) <= relative * max(1.0, abs(value)), f"{value} expected, {nearest} is nearest"
        found.remove(nearest)
    assert all(abs(value) < 1e-6 for value in found), f"nobody expects {found}"


def check_trajectory(optimizer: Optimizer, row: Row, game: Game, value: complex) -> None:
    """Started on the eigenvector of ``value``, 20 cycles of the real training loop shrink and turn it as that says.

    From z* + v with Mv = λv for the iteration matrix M, (players, state) are z* + λᵏv after k cycles: to 1e-9, with λ
    the closed form's ``value``. The slope of ln‖λᵏv‖ over k is then ln|λ| to 1e-8.

    Raises:
        AssertionError: they leave it.
    """
    values, vectors = torch.linalg.eig(iteration_matrix(optimizer, row, game))
    vector = vectors[:, (values - value).abs().argmin()]
    path = trajectory(optimizer, row, game, vector)
    assert len(path) == CYCLES
    for k, players in enumerate(path, start=1):
        torch.testing.assert_close(players, value**k * vector[: len(players)], rtol=1e-9, atol=1e-12)
    assert abs(measured_rate(path) - abs(value)) <= 1e-8 * abs(value)


def measured_rate(path: Tensor) -> float:
    """exp of the least-squares slope of ln‖players‖ over time."""
    heights = path.norm(dim=1).log()
    times = torch.arange(len(path), dtype=torch.float64)
    times = times - times.mean()
    return float((times @ heights / (times @ times)).exp())


def trajectory(optimizer: Optimizer, row: Row, game: Game, start: Tensor) -> Tensor:
    """The flat players relative to the solution, ``[CYCLES, P]`` complex, after 1, 2, … cycles of ``minmax.train``.

    ``start`` is complex, (players, state): a member runs from its real part and one from its imaginary part. The run is
    resumed from there, since a state that ``init`` makes is on no eigenvector.
    """
    coordinates = Coordinates(optimizer, row, game)
    begun = coordinates.write(coordinates.centre + torch.stack([start.real, start.imag]))
    common = {"seeds": [0, 1], "report_every": row.cycle, "dtype": "float64", "device": "cpu"}
    (template,) = minmax.train(game, optimizer, row.hypers, steps=row.cycle, **common)
    remembered = template.state["optimizer"]  # of packed players: the same numbers in other shapes
    leaves = zip(tree.leaves(remembered), tree.leaves(begun["state"]), strict=True)
    state = tree.like(remembered, [new.reshape(was.shape) for was, new in leaves])
    resumed = {**template.state, "players": begun["players"], "optimizer": state}
    run = minmax.train(game, optimizer, row.hypers, steps=row.cycle * (1 + CYCLES), **common, resume=resumed)
    path = torch.stack([tree.flat(report.players) for report in run], dim=1)
    return torch.complex(*(path - tree.flat(stacked(game.solution, 1))))


def planar_path(optimizer: Optimizer, row: Row, sigma: float, steps: int, **given: Any) -> list[complex]:
    """w = (x − x*)/√hx + i(y − y*)/√hy after 0, 1, …, ``steps`` steps of training from where ``init`` puts the players
    of ``bilinear_of(σ)``. In w, HJ is the number m = −iσ: gda is w ← (1 − m)w."""
    game = bilinear_of(sigma, row)
    begun = game.init(streams.generator(0, "init"))
    settings = {"steps": steps, "report_every": 1, "dtype": "float64", "device": "cpu", **given}
    run = minmax.train(game, optimizer, row.hypers, **settings)
    players = [begun, *(tree.member(report.players, 0) for report in run)]
    away = [{name: (own[name] - game.solution[name]).item() for name in own} for own in players]
    hx, hy = row.rates
    return [complex(own["x"] / hx**0.5, own["y"] / hy**0.5) for own in away]
