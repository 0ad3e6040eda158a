"""The features in which generated and real samples are compared."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from minmax.lazy import torch
from minmax.registry import Registry
from minmax.types import Data

if TYPE_CHECKING:
    from torch import Tensor

Features = Callable[["Tensor"], "Tensor"]

NETWORKS = Registry("feature network", {})
"""None is shipped: weights such as Inception's are the user's, and so is the ``module:function`` that loads them."""

AT_ONCE = 256  # samples through a feature network


def extractor(data: Data, network: str | None) -> Features:
    """``samples [..., *shape] -> features [..., k]``.

    The last hidden layer of the data set's classifier; the points themselves, flat, where it has none. ``network``
    names a ``module:function`` instead, which returns ``samples [n, *shape] -> features [n, k]`` and is called once.

    Raises:
        UnknownName: the function cannot be imported.
    """
    if network is not None:
        return lambda samples: _through(_load(network), samples, len(data.shape))
    if data.classifier is not None:
        return data.classifier().features
    return lambda samples: samples.flatten(-len(data.shape))


def _through(network: Features, samples: Tensor, dimensions: int) -> Tensor:
    flat = samples.flatten(0, -dimensions - 1)
    with torch.no_grad():
        features = torch.cat([network(part) for part in flat.split(AT_ONCE)])
    return features.reshape(*samples.shape[:-dimensions], -1)


@cache
def _load(network: str) -> Features:
    built: Features = NETWORKS.build(network)
    return built
