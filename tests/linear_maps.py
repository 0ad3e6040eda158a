"""A step on a linear game is a linear map: its matrix, its eigenvalues, and what theory says they are.

Let J be the game's Jacobian, H = diag(hx, …, hy, …) the learning rates (hy = hx·lr_ratio). For f = (x−x*)ᵀA(y−y*)
the eigenvalues of HJ are ±iσ with σ = s·√(hx·hy), one pair for each singular value s of A, and 0 for each of the
|n − m| directions that a non-square A leaves alone. Every method below is a polynomial in HJ (consensus: in HJ and
HJᵀJ), so its eigenvalues are functions of σ alone (consensus: of s, hx, hy, γ).
"""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

import minmax
from minmax import checkpoint, tree
from minmax.train import hypers_over_members
from minmax.types import Game, Optimizer

Eigenvalues = Callable[[float, float, float, float], list[complex]]
"""(s, hx, hy, γ) -> the eigenvalues that one singular value s brings."""

STEPS = 20

SETTINGS = {"optimistic": {"has_previous": 1.0}}
"""Leaves of a method's state that are no coordinates: after its first step, optimistic has a previous direction."""


def random_bilinear(rows: int, columns: int, top: float, seed: int = 0) -> Game:
    """A random matrix with largest singular value ``top``, and a solution away from zero."""
    own = torch.Generator().manual_seed(seed)
    matrix = torch.randn(rows, columns, generator=own, dtype=torch.float64)
    offsets = [torch.randn(size, generator=own, dtype=torch.float64).tolist() for size in (rows, columns)]
    return minmax.games.get("bilinear", matrix * (top / torch.linalg.matrix_norm(matrix, 2)), *offsets)


def singular_values(game: Game) -> list[float]:
    """Of A, read off the game's Jacobian [[0, A], [−Aᵀ, 0]]."""
    jacobian = minmax.field.jacobian(game, stacked(game.solution, 1), {})[0]
    rows = len(game.solution["x"])
    return torch.linalg.svdvals(jacobian[:rows, rows:]).tolist()


def stacked(players: tree.Tree, members: int) -> tree.Tree:
    """The same players for every member."""
    return tree.map(lambda x: x.double().expand(members, *x.shape).clone(), players)


def iteration_matrix(optimizer: Optimizer, game: Game, hypers: Mapping[str, float]) -> Tensor:
    """The matrix of one step on (players, state), around the solution: member k starts one unit along coordinate k.

    The state's leaves are coordinates like the players', save those that ``SETTINGS`` holds fixed.
    """
    fixed = SETTINGS.get(optimizer.name, {})
    players = stacked(game.solution, 1)
    template = {"players": players, "state": optimizer.init(players)}
    free = {path: leaf for path, leaf in tree.named_leaves(template) if path.split("/")[-1] not in fixed}
    centre = tree.flat(free)
    size = centre.shape[1]
    starts = centre + torch.cat([torch.zeros(1, size), torch.eye(size)]).double()

    def whole(vectors: Tensor) -> tree.Tree:
        rest = {path: leaf for path, leaf in tree.named_leaves(template) if path not in free}
        held = {path: torch.full((len(vectors),), fixed[path.split("/")[-1]]).double() for path in rest}
        wide = tree.map(lambda x: x.expand(len(vectors), *x.shape[1:]), template)
        return tree.fill(wide, checkpoint.nest({**tree.unflat(vectors, free), **held}))

    begin = whole(starts)
    values = hypers_over_members(optimizer, hypers, len(starts))
    moved, state, _ = optimizer.step(game, begin["players"], begin["state"], ({},) * optimizer.batches, {}, values)
    ends = dict(tree.named_leaves({"players": moved, "state": state}))
    after = tree.flat({path: ends[path] for path in free})
    return (after[1:] - after[0]).T


def gda(s: float, hx: float, hy: float, gamma: float) -> list[complex]:
    """1 ± iσ: the radius grows by √(1 + σ²) a step."""
    sigma = s * (hx * hy) ** 0.5
    return [1 + 1j * sigma, 1 - 1j * sigma]


def alternating_gda(s: float, hx: float, hy: float, gamma: float) -> list[complex]:
    """Determinant 1, trace 2 − σ²: on the unit circle iff σ < 2."""
    return roots(2 - s * s * hx * hy, 1.0)


def optimistic(s: float, hx: float, hy: float, gamma: float) -> list[complex]:
    """λ² − (1 + 2iσ)λ + iσ = 0 and its conjugate."""
    sigma = s * (hx * hy) ** 0.5
    pair = roots(1 + 2j * sigma, 1j * sigma)
    return [*pair, *(root.conjugate() for root in pair)]


def extragradient(s: float, hx: float, hy: float, gamma: float) -> list[complex]:
    """1 − σ² ± iσ."""
    sigma = s * (hx * hy) ** 0.5
    return [1 - sigma**2 + 1j * sigma, 1 - sigma**2 - 1j * sigma]


def consensus(s: float, hx: float, hy: float, gamma: float) -> list[complex]:
    """Of [[1 − hx·γs², −hx·s], [hy·s, 1 − hy·γs²]]; with one rate 1 − hγs² ± ihs."""
    x, y = 1 - hx * gamma * s * s, 1 - hy * gamma * s * s
    return roots(x + y, x * y + hx * hy * s * s)


EIGENVALUES: dict[str, Eigenvalues] = {
    "gda": gda,
    "alternating_gda": alternating_gda,
    "optimistic": optimistic,
    "extragradient": extragradient,
    "consensus": consensus,
}


def roots(trace: complex, determinant: complex) -> list[complex]:
    """Of λ² − trace·λ + determinant."""
    half = cmath.sqrt(trace * trace / 4 - determinant)
    return [trace / 2 + half, trace / 2 - half]


def predicted(name: str, game: Game, hypers: Mapping[str, float]) -> list[complex]:
    """All eigenvalues of a method's iteration matrix, by its closed form."""
    hx = hypers["lr"]
    hy, gamma = hx * hypers["lr_ratio"], hypers.get("gamma", 0.0)
    idle = abs(len(game.solution["x"]) - len(game.solution["y"]))
    still = EIGENVALUES[name](0.0, hx, hy, gamma)
    moving = [root for s in singular_values(game) for root in EIGENVALUES[name](s, hx, hy, gamma)]
    return [*moving, *still[: len(still) // 2] * idle]


def radius(values: Sequence[complex]) -> float:
    """The largest modulus."""
    return max(abs(value) for value in values)


def check_spectrum(optimizer: Optimizer, game: Game, hypers: Mapping[str, float], relative: float = 1e-9) -> None:
    """The eigenvalues of the optimizer's step are those of its closed form, each to ``relative``.

    A state that remembers more than the method needs brings zeros (something forgotten after a while), and no more.

    Raises:
        AssertionError: one is not.
    """
    found = torch.linalg.eigvals(iteration_matrix(optimizer, game, hypers)).tolist()
    for value in predicted(optimizer.name, game, hypers):
        nearest = min(found, key=lambda other: abs(other - value))
        assert abs(nearest - value) <= relative * max(1.0, abs(value)), f"{value} expected, {nearest} is nearest"
        found.remove(nearest)
    assert all(abs(value) < 1e-6 for value in found), f"nobody expects {found}"


def check_trajectory(optimizer: Optimizer, game: Game, hypers: Mapping[str, float], which: int) -> None:
    """Started on an eigenvector, 20 steps of the real training loop stay on it, to 1e-9.

    From z* + Re v, with Mv = λv for a method's iteration matrix M, the k-th players are z* + Re(λᵏv). The first step of
    optimistic is a plain one (there is no previous direction): with HJv = mv its players are z* + Re(c_k v), c₀ = 1,
    c₁ = 1 − m, c_{k+1} = (1 − 2m)c_k + m·c_{k−1}.

    Raises:
        AssertionError: they leave it.
    """
    solution = stacked(game.solution, 1)
    if optimizer.name == "optimistic":
        jacobian = minmax.field.jacobian(game, solution, {})[0]
        rates = [hypers["lr"]] * len(game.solution["x"]) + [hypers["lr"] * hypers["lr_ratio"]] * len(game.solution["y"])
        matrix = torch.tensor(rates, dtype=torch.float64).diag() @ jacobian
    else:
        matrix = iteration_matrix(optimizer, game, hypers)
    values, vectors = torch.linalg.eig(matrix)
    value, vector = complex(values[which]), vectors[:, which]
    path = trajectory(optimizer, game, hypers, vector.real)
    assert len(path) == STEPS
    for players, factor in zip(path, factors(optimizer.name, value), strict=True):
        torch.testing.assert_close(players, (factor * vector).real, rtol=1e-9, atol=1e-12)


def factors(name: str, value: complex) -> list[complex]:
    """What the eigenvector is multiplied by after 1, 2, … steps."""
    if name != "optimistic":
        return [value**k for k in range(1, STEPS + 1)]
    path = [1, 1 - value]
    for _ in range(STEPS - 1):
        path.append((1 - 2 * value) * path[-1] + value * path[-2])
    return path[1:]


def trajectory(optimizer: Optimizer, game: Game, hypers: Mapping[str, float], start: Tensor) -> list[Tensor]:
    """The flat players relative to the solution after 1, 2, … steps of ``minmax.train``."""
    solution = stacked(game.solution, 1)
    begun = tree.member(tree.unflat(tree.flat(solution) + start, solution), 0)
    started = replace(game, init=lambda generator: begun)
    run = minmax.train(started, optimizer, hypers, steps=STEPS, report_every=1, dtype="float64", device="cpu")
    return [tree.flat(report.players)[0] - tree.flat(solution)[0] for report in run]
