"""Players over time: what orbits and series are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from minmax import tree
from minmax.lazy import torch
from minmax.streams import generator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from minmax.train import Run
    from minmax.types import Players

GREEK = {"theta": "θ", "phi": "φ", "psi": "ψ"}


class History(NamedTuple):
    """Players at successive times: ``times`` (steps, or a flow's time) has T entries, leaves are ``[T, M, ...]``."""

    times: Sequence[float]
    players: Players

    def of(self, member: int) -> Players:
        """One member's, leaves ``[T, ...]``."""
        return tree.map(lambda x: x[:, member], self.players)

    @property
    def members(self) -> int:
        """M."""
        return int(tree.leaves(self.players)[0].shape[1])


def history(run: Run) -> History:
    """Trains, and keeps the players: where they start, and where they are at each report.

    The run must be a fresh one (not resumed); ``report_every=1`` shows every step.
    """
    starts = tree.stack([run.game.init(generator(seed, "init")) for seed in run.seeds])
    times, points = [0], []
    for report in run:
        times.append(report.step)
        points.append(report.players)
    first = tree.map(lambda x, like: x.to(like), tree.ordered(starts, points[0]), points[0])
    return History(times, tree.stack([first, *points]))


def path(past: History, member: int = 0) -> NDArray[np.float64]:
    """One member's numbers side by side, ``[T, P]``."""
    return tree.flat(past.of(member)).detach().to("cpu", torch.float64).numpy()


def labels(players: Players) -> list[str]:
    """A name for each of a member's numbers: the player's, with an index where it has several.

    >>> import torch
    >>> labels({"theta": torch.zeros(1), "w": torch.zeros(1, 2)})
    ['θ', 'w₁', 'w₂']
    """
    names = []
    for player, own in players.items():
        symbol, count = GREEK.get(player, player), tree.flat(own).shape[1]
        names += [symbol] if count == 1 else [f"{symbol}{_subscript(k + 1)}" for k in range(count)]
    return names


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
