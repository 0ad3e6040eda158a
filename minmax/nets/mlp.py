"""Fully connected networks with the member axis built in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.registry import check_known
from minmax.types import Pair, Tree

if TYPE_CHECKING:
    from torch import Generator, Tensor

ACTIVATIONS = ("relu", "tanh", "leaky_relu", "linear")


@dataclass(frozen=True)
class MLP:
    """Affine layers of these widths with an activation between them; native: one ``baddbmm`` a layer for all members.

    ``gain``: orthogonal weights of that gain and zero biases (the papers' 2-D experiments); ``glorot``: uniform
    ±√(6/(fan_in + fan_out)) and zero biases (Glorot & Bengio 2010; what Keras does); without either PyTorch's own
    uniform ±1/√fan_in. Inputs of any shape are flattened; ``shape`` is the shape of one output. ``dropout``: the share
    of units that training drops after each of the first layers.
    """

    widths: tuple[int, ...]
    shape: tuple[int, ...] = ()
    activation: str = "relu"
    output: str = "linear"
    gain: float | None = None
    dropout: tuple[float, ...] = ()
    glorot: bool = False

    def init(self, generator: Generator) -> Tree:
        """One member's parameters: ``weight`` [in, out] and ``bias`` [1, out] a layer."""
        layers = {}
        for index, (size, out) in enumerate(zip(self.widths, self.widths[1:], strict=False)):
            layers[str(index)] = self._layer(size, out, generator)
        return layers

    @property
    def noise(self) -> Callable[[Generator, int], Tree] | None:
        """Draws which units stay, ``[batch, width]`` bool for every layer with dropout; None without any."""
        return self._masks if self.dropout else None

    def __call__(self, parameters: Tree, inputs: Tensor, noise: Tree | None = None) -> Tensor:
        """``[M, B, ...] -> [M, B, *shape]``; with ``noise``, [M, B, width] each, as in training."""
        hidden, last = inputs.flatten(2), str(len(self.widths) - 2)
        for index, layer in parameters.items():
            hidden = torch.baddbmm(layer["bias"], hidden, layer["weight"])
            hidden = _activate(self.output if index == last else self.activation, hidden)
            if noise and index in noise:
                hidden = hidden * noise[index] / (1 - self.dropout[int(index)])
        return hidden.reshape(*hidden.shape[:2], *self.shape)

    def _masks(self, generator: Generator, batch: int) -> Tree:
        device = generator.device
        return {
            str(index): torch.rand(batch, width, generator=generator, device=device) >= share
            for index, (share, width) in enumerate(zip(self.dropout, self.widths[1:], strict=False))
        }

    def _layer(self, size: int, out: int, generator: Generator) -> dict[str, Tensor]:
        weight, bias = torch.empty(size, out), torch.zeros(1, out)
        if self.glorot:
            torch.nn.init.xavier_uniform_(weight, generator=generator)
        elif self.gain is None:
            bound = 1 / math.sqrt(size)
            weight.uniform_(-bound, bound, generator=generator)
            bias.uniform_(-bound, bound, generator=generator)
        else:
            torch.nn.init.orthogonal_(weight, self.gain, generator=generator)
        return {"weight": weight, "bias": bias}


def mlp(
    shape: tuple[int, ...],
    latent: int,
    widths: Sequence[int] = (64, 64),
    activation: str = "relu",
    output: str = "linear",
    gain: float | None = None,
) -> Pair:
    """A generator ``latent → widths → shape`` (``output`` activation on its last layer) and a discriminator
    ``shape → widths → logit``.

    Raises:
        ValueError: an unknown activation, or widths that are not positive integers.
    """
    for name in (activation, output):
        check_known("activation", name, ACTIVATIONS)
    if not widths or any(not isinstance(width, int) or width < 1 for width in widths):
        raise ValueError(f"widths: {list(widths)} given; a list of positive integers is allowed")
    size = math.prod(shape)
    return Pair(
        MLP((latent, *widths, size), shape, activation, output, gain),
        MLP((size, *widths, 1), (), activation, "linear", gain),
    )


def _activate(name: str, x: Tensor) -> Tensor:
    if name == "linear":
        return x
    if name == "leaky_relu":
        return torch.nn.functional.leaky_relu(x, 0.2)
    return torch.relu(x) if name == "relu" else torch.tanh(x)
