"""Games, and the optimizers that play them: populations of adversarial runs in one program."""

from typing import TYPE_CHECKING

from minmax import data, field, games, losses, metrics, nets, optimizers, schedules, transforms
from minmax.data import DATASETS
from minmax.diagnosis import diagnose
from minmax.games import GAMES
from minmax.games.gan import gan
from minmax.load import load
from minmax.losses import LOSSES
from minmax.losses.penalties import PENALTIES
from minmax.metrics import METRICS
from minmax.nets import NETS
from minmax.optimizers import OPTIMIZERS
from minmax.schedules import SCHEDULES
from minmax.train import Report, Run, train
from minmax.transforms import TRANSFORMS
from minmax.types import Data, Game, GanLoss, Goal, Metric, Optimizer, Pair, Penalty, Range, Schedule, Transform

__version__ = "0.1.0"
__all__ = [
    "DATASETS", "GAMES", "LOSSES", "METRICS", "NETS", "OPTIMIZERS", "PENALTIES", "SCHEDULES", "TRANSFORMS",
    "Data", "Game", "GanLoss", "Goal", "Metric", "Optimizer", "Pair", "Penalty", "Range", "Report", "Run", "Schedule",
    "Transform",
    "data", "diagnose", "field", "games", "gan", "load", "losses", "metrics", "nets", "optim", "optimizers",
    "schedules", "train", "transforms",
]  # fmt: skip

if TYPE_CHECKING:
    from minmax import optim
else:

    def __getattr__(name: str) -> object:
        """``minmax.optim`` at its first use: its classes are torch's, and torch is slow to import."""
        if name != "optim":
            raise AttributeError(f"module 'minmax' has no attribute {name!r}")
        import minmax.optim

        return minmax.optim
