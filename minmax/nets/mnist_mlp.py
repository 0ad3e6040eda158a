"""The fully connected pair of the accept/reject paper's 0-1 MNIST."""

from __future__ import annotations

import math

from minmax.nets.mlp import MLP
from minmax.types import Pair


def mnist_mlp(shape: tuple[int, ...], latent: int, dropout: float = 0.3) -> Pair:
    """A generator ``latent → 256 → 512 → 1024 → shape`` (tanh) and a discriminator ``shape → 1024 → 512 → 256 →
    logit`` with dropout after its first two layers; leaky ReLUs of slope 0.2 between.

    Weights begin Glorot-uniform and biases at 0, as in the released code; PyTorch's smaller ones learn later.
    Keswani et al. 2022, arXiv 2006.12376, there with a latent vector of 100 and minibatches of 128.

    Raises:
        ValueError: ``dropout`` is not in [0, 1).
    """
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout: {dropout} given; a number >= 0 and < 1 is allowed")
    size = math.prod(shape)
    return Pair(
        MLP((latent, 256, 512, 1024, size), shape, "leaky_relu", "tanh", glorot=True),
        MLP((size, 1024, 512, 256, 1), (), "leaky_relu", dropout=(dropout, dropout) if dropout else (), glorot=True),
    )
