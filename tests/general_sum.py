"""Random quadratic games of two losses, and the second-order steps on them in dense NumPy: an independent oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count

import numpy as np
import torch
from torch import Tensor

import minmax
from minmax.types import Batch, Game, Loss, Players


class GeneralSum:
    """lossᵢ = ½zᵀQᵢz + bᵢᵀz, z = (x, y), i = 1, 2, nothing in common: F = Jz + c with J neither symmetric nor skew."""

    def __init__(self, rows: int, columns: int, seed: int = 0, strength: float = 1.0) -> None:
        own = np.random.default_rng(seed)
        size = rows + columns
        self.rows, self.columns = rows, columns
        squares = [strength * own.standard_normal((size, size)) for _ in range(2)]
        self._quadratic = [(q + q.T) / 2 for q in squares]
        self._linear = [own.standard_normal(size) for _ in range(2)]
        self.jacobian = np.concatenate([self._quadratic[0][:rows], self._quadratic[1][rows:]])
        self.constant = np.concatenate([self._linear[0][:rows], self._linear[1][rows:]])
        self.start = own.standard_normal(size)

    @property
    def interaction(self) -> np.ndarray:
        """J without its diagonal blocks."""
        mixed = self.jacobian.copy()
        mixed[: self.rows, : self.rows] = mixed[self.rows :, self.rows :] = 0.0
        return mixed

    @property
    def game(self) -> Game:
        """Started at ``start``."""
        x, y = (torch.from_numpy(part) for part in np.split(self.start, [self.rows]))
        losses = {name: self._loss(index) for index, name in enumerate(("x", "y"))}
        return minmax.Game(lambda generator: {"x": x, "y": y}, losses, native=True)

    def field(self, z: np.ndarray) -> np.ndarray:
        """F(z)."""
        return self.jacobian @ z + self.constant

    def rates(self, hypers: Mapping[str, float]) -> np.ndarray:
        """Every coordinate's learning rate."""
        return hypers["lr"] * np.repeat([1.0, hypers["lr_ratio"]], [self.rows, self.columns])

    def _loss(self, index: int) -> Loss:
        q, b = torch.from_numpy(self._quadratic[index]), torch.from_numpy(self._linear[index])

        def loss(players: Players, batch: Batch) -> Tensor:
            z = torch.cat([players["x"], players["y"]], dim=-1)
            return (z @ q * z).sum(-1) / 2 + z @ b

        return loss


def competitive(game: GeneralSum, hypers: Mapping[str, float]) -> Iterator[np.ndarray]:
    """The players after 1, 2, … steps, momentum and all: d = (I + KR)⁻¹F, v ← μv + d, z ← z − Rv."""
    z, velocity, rates = game.start, 0.0, game.rates(hypers)
    while True:
        d = np.linalg.solve(np.eye(len(z)) + game.interaction * rates, game.field(z))
        velocity = hypers.get("momentum", 0.0) * velocity + d
        z = z - rates * velocity
        yield z


def adaptive(game: GeneralSum, hypers: Mapping[str, float]) -> Iterator[np.ndarray]:
    """The same with R = h·√(1 − βᵗ)/(√v + ε), v ← βv + (1 − β)F², and no momentum."""
    z, squares, beta = game.start, 0.0, hypers["squares_decay"]
    for step in count(1):
        gradient = game.field(z)
        squares = beta * squares + (1 - beta) * gradient**2
        rates = game.rates(hypers) * np.sqrt(1 - beta**step) / (np.sqrt(squares) + hypers["squares_eps"])
        z = z - rates * np.linalg.solve(np.eye(len(z)) + game.interaction * rates, gradient)
        yield z


def regularized(game: GeneralSum, hypers: Mapping[str, float]) -> Iterator[np.ndarray]:
    """The first player's gradient of loss₁ + η‖F_y‖²."""
    z, rows = game.start, game.rows
    while True:
        gradient = game.field(z)
        gradient[:rows] += 2 * hypers["eta"] * game.jacobian[rows:, :rows].T @ gradient[rows:]
        z = z - game.rates(hypers) * gradient
        yield z


def symplectic(game: GeneralSum, hypers: Mapping[str, float]) -> Iterator[np.ndarray]:
    """F ± λAᵀF with the sign rule, A the antisymmetric part of J."""
    z, j = game.start, game.jacobian
    while True:
        xi = game.field(z)
        adjustment, descent = (j - j.T).T @ xi / 2, j.T @ xi
        sign = np.sign((xi @ descent) * (adjustment @ descent) / len(z) + 0.1)
        z = z - game.rates(hypers) * (xi + sign * hypers["adjustment"] * adjustment)
        yield z


def preconditioned(game: GeneralSum, hypers: Mapping[str, float]) -> Iterator[np.ndarray]:
    """Consensus through RMSProp, which is fed the sum F + γJᵀF."""
    z, squares, decay = game.start, 0.0, hypers["decay"]
    while True:
        gradient = game.field(z)
        gradient = gradient + hypers["gamma"] * game.jacobian.T @ gradient
        squares = decay * squares + (1 - decay) * gradient**2
        z = z - game.rates(hypers) * gradient / (np.sqrt(squares) + hypers["eps"])
        yield z


Oracle = Callable[[GeneralSum, Mapping[str, float]], Iterator[np.ndarray]]


def check_path(optimizer: minmax.Optimizer, oracle: Oracle, game: GeneralSum, hypers: Mapping[str, float]) -> None:
    """Ten steps of the training loop are those of the oracle, to 1e-8.

    Raises:
        AssertionError: they are not.
    """
    run = minmax.train(game.game, optimizer, hypers, steps=10, report_every=1, dtype="float64", device="cpu")
    for report, expected in zip(run, oracle(game, hypers), strict=False):
        found = torch.cat([report.players["x"], report.players["y"]], dim=1)[0]
        torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-8, atol=1e-10)
