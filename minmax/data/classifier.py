"""Small classifiers whose classes and features judge generated pictures."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


AT_ONCE = 4096  # pictures, for what lies between the layers


class Classifier:
    """A chain of layers, the last of them linear: ``features`` is what that one is given, ``classes`` its largest."""

    def __init__(self, model: nn.Sequential, tensors: dict[str, Tensor]) -> None:
        model.load_state_dict(tensors)
        self._model = model.eval().requires_grad_(False)
        self._copies: dict[Any, nn.Sequential] = {}

    def features(self, pictures: Tensor) -> Tensor:
        """``[..., side, side] -> [..., k]``, on the pictures' device."""
        return self._run(self._on(pictures)[:-1], pictures)

    def classes(self, pictures: Tensor) -> Tensor:
        """``[..., side, side] -> [...]`` integers."""
        return self._run(self._on(pictures), pictures).argmax(-1)

    def _run(self, model: nn.Module, pictures: Tensor) -> Tensor:
        single = pictures.reshape(-1, *pictures.shape[-2:]).to(next(self._model.parameters()).dtype)
        outputs = torch.cat([model(part) for part in single.split(AT_ONCE)])
        return outputs.reshape(*pictures.shape[:-2], -1)

    def _on(self, pictures: Tensor) -> nn.Sequential:
        if pictures.device not in self._copies:
            self._copies[pictures.device] = copy.deepcopy(self._model).to(pictures.device)
        return self._copies[pictures.device]


def dense(pixels: int, classes: int) -> nn.Sequential:
    """Two hidden layers, of 64 and of 16 features: for scans of a few pixels."""
    nn = torch.nn
    layers = {
        "flat": nn.Flatten(), "one": nn.Linear(pixels, 64), "relu": nn.ReLU(), "two": nn.Linear(64, 16),
        "tanh": nn.Tanh(), "out": nn.Linear(16, classes),
    }  # fmt: skip
    return nn.Sequential(OrderedDict(layers))


def convolutional(classes: int) -> nn.Sequential:
    """Two strided convolutions and a layer of 64 features: for 28×28 pixels."""
    nn = torch.nn
    layers = {
        "channel": nn.Unflatten(1, (1, -1)),
        "one": nn.Conv2d(1, 16, 5, stride=2, padding=2), "relu1": nn.ReLU(),
        "two": nn.Conv2d(16, 32, 5, stride=2, padding=2), "relu2": nn.ReLU(), "flat": nn.Flatten(),
        "three": nn.Linear(32 * 7 * 7, 64), "tanh": nn.Tanh(), "out": nn.Linear(64, classes),
    }  # fmt: skip
    return nn.Sequential(OrderedDict(layers))


def fit(
    model: nn.Sequential, pictures: Tensor, labels: Tensor, lr: float = 3e-3, steps: int = 1500, seed: int = 0
) -> dict[str, Tensor]:
    """Trains on cross-entropy with Adam, minibatches of 128 and weight decay; the same tensors for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(seed)
        for layer in model:
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
        optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            chosen = torch.randint(len(pictures), (128,), generator=generator)
            loss = torch.nn.functional.cross_entropy(model(pictures[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
