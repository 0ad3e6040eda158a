"""Generative adversarial networks: any generator, any discriminator, any loss, any data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minmax import losses, nets
from minmax.data import DATASETS
from minmax.field import over_members
from minmax.games.adversaries import Adversaries, noise_of
from minmax.games.minibatches import Minibatches
from minmax.games.modules import ModuleNet
from minmax.lazy import torch
from minmax.losses.penalties import PENALTIES
from minmax.types import Data, Game, GanLoss, Penalty, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True, kw_only=True)
class Gan(Game):
    """A game whose first player makes samples.

    ``generate(players, latents [M, n, latent]) -> samples [M, n, *shape]`` over stacked players. A module generates in
    eval mode: BatchNorm by the running statistics that ``renew`` keeps, no dropout. So a sample depends on its own
    latent vector alone, while training looks at minibatches. ``judge(players, samples [M, n, *shape]) -> logits
    [M, n]``: the discriminator in the same mode.
    """

    data: Data
    latent: int
    generate: Callable[[Players, Tensor], Tensor]
    judge: Callable[[Players, Tensor], Tensor]


def gan(
    generator: Any = None,
    discriminator: Any = None,
    *,
    data: Any,
    net: str | Mapping[str, Any] = "mlp",
    loss: str | Mapping[str, Any] | GanLoss = "nonsaturating",
    penalty: str | Mapping[str, Any] | Penalty | None = None,
    latent: int = 64,
    batch: int = 256,
    instance_noise: float = 0.0,
) -> Gan:
    """A GAN over ``data``, players ``"generator"`` and ``"discriminator"``.

    Args:
        generator, discriminator: two ``nn.Module`` (or functions that make one), or native nets; left out, the
            registered ``net`` is built for the data's shape. The discriminator gives one logit a sample.
        data: a tensor ``[N, ...]``, a registered name, ``{"name": …, options}``, or a ``Data``.
        loss: a registered name, ``{"name": …, options}``, or a ``GanLoss``.
        penalty: on the discriminator's slope, in its loss: a registered name, one with options, or a ``Penalty``.
        latent: the size of the generator's input, standard normal.
        batch: real samples, and generated ones, a minibatch.
        instance_noise: σ of the normal noise added to every real and generated sample that the discriminator sees in
            training (Sønderby et al. 2017, arXiv 1610.04490).

    Raises:
        ValueError: an unknown name, one network without the other, a size below 1, a negative σ, or a penalty beside
            weight clipping.
    """
    for name, size in {"latent": latent, "batch": batch}.items():
        if size < 1:
            raise ValueError(f"{name}: {size} given; at least 1 is allowed")
    if not 0 <= instance_noise < math.inf:
        raise ValueError(f"instance_noise: {instance_noise} given; a number >= 0 is allowed")
    if (generator is None) != (discriminator is None):
        raise ValueError("gan: give both networks, or neither and a registered net")
    known = _data(data)
    if generator is None:
        generator, discriminator = _build(nets.NETS, net, shape=known.shape, latent=latent)
    pair = [_network(part) for part in (generator, discriminator)]
    if isinstance(pair[0], ModuleNet) != isinstance(pair[1], ModuleNet):
        raise ValueError("gan: one network is native and the other a module; both must be of one kind")
    rule = loss if isinstance(loss, GanLoss) else _build(losses.LOSSES, loss)
    paid = penalty if penalty is None or isinstance(penalty, Penalty) else _build(PENALTIES, penalty)
    if paid is not None and rule.clip is not None:
        raise ValueError(f"penalty: given beside clipping at {rule.clip}; one of both is allowed, as with clip: null")
    shares = paid is not None and paid.share is None
    minibatches = Minibatches(known.points, latent, batch, instance_noise, shares, *map(noise_of, pair))
    return _assemble(Adversaries(pair[0], pair[1], rule, paid), minibatches, known)


def _network(part: Any) -> Any:
    is_native = hasattr(part, "init") and not isinstance(part, torch.nn.Module)
    return part if is_native else ModuleNet(part)


def _assemble(adversaries: Adversaries, minibatches: Minibatches, data: Data) -> Gan:
    g, d = adversaries.generator, adversaries.discriminator

    def init(generator: Generator) -> Players:
        return {"generator": g.init(generator), "discriminator": d.init(generator)}

    make, look = (net if adversaries.native else over_members(net.evaluate) for net in (g, d))

    def generate(players: Players, latents: Tensor) -> Tensor:
        with torch.no_grad():
            return make(players["generator"], latents)

    def judge(players: Players, samples: Tensor) -> Tensor:
        with torch.no_grad():
            logits = look(players["discriminator"], samples)
            return logits.reshape(samples.shape[:2])

    return Gan(
        init=init,
        losses={"generator": adversaries.generator_loss, "discriminator": adversaries.discriminator_loss},
        sample=minibatches.one,
        sample_block=minibatches.block,
        joint=adversaries.joint,
        value=adversaries.value if adversaries.has_noise else None,
        project=None if adversaries.loss.clip is None else adversaries.project,
        renew=adversaries.renew if adversaries.has_buffers else None,
        native=adversaries.native,
        data=data,
        latent=minibatches.latent,
        generate=generate,
        judge=judge,
    )


def _data(given: Any) -> Data:
    if isinstance(given, Data):
        return given
    if isinstance(given, torch.Tensor):
        return Data("tensor", given, None, float(given.min()), float(given.max()), success="", facts={})
    return _build(DATASETS, given)


def _build(registry: Any, given: str | Mapping[str, Any], **context: Any) -> Any:
    if isinstance(given, str):
        return registry.build(given, **context)
    options = dict(given)
    return registry.build(options.pop("name"), **context, **options)
