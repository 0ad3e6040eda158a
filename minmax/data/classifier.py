"""A small classifier whose classes and features judge generated pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

HIDDEN, FEATURES = 64, 16


class Classifier:
    """Two hidden layers; ``features`` is the second (16 numbers a picture), ``classes`` the most likely class."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self._tensors = tensors

    def features(self, pictures: Tensor) -> Tensor:
        """``[..., 8, 8] -> [..., 16]``, on the pictures' device."""
        return self._hidden(pictures)

    def classes(self, pictures: Tensor) -> Tensor:
        """``[..., 8, 8] -> [...]`` integers."""
        return self._linear("out", self._hidden(pictures)).argmax(-1)

    def _hidden(self, pictures: Tensor) -> Tensor:
        inputs = pictures.flatten(-2).to(self._tensors["one.weight"].dtype)
        return torch.tanh(self._linear("two", torch.relu(self._linear("one", inputs))))

    def _linear(self, layer: str, inputs: Tensor) -> Tensor:
        weight, bias = (self._tensors[f"{layer}.{part}"].to(inputs.device) for part in ("weight", "bias"))
        return torch.nn.functional.linear(inputs, weight, bias)


def fit(pictures: Tensor, labels: Tensor, classes: int, steps: int = 1500, seed: int = 0) -> dict[str, Tensor]:
    """Trains on cross-entropy with Adam, minibatches of 128 and weight decay; the same tensors for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(seed)
        model = torch.nn.ModuleDict(
            {
                "one": torch.nn.Linear(pictures[0].numel(), HIDDEN),
                "two": torch.nn.Linear(HIDDEN, FEATURES),
                "out": torch.nn.Linear(FEATURES, classes),
            }
        )
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            chosen = torch.randint(len(pictures), (128,), generator=generator)
            hidden = torch.tanh(model["two"](torch.relu(model["one"](pictures[chosen].flatten(1)))))
            loss = torch.nn.functional.cross_entropy(model["out"](hidden), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
