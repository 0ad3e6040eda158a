"""Generative adversarial networks: any generator, any discriminator, any loss, any data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from minmax import losses, nets, tree
from minmax.data import DATASETS
from minmax.field import over_members
from minmax.games.modules import ModuleNet
from minmax.lazy import torch
from minmax.types import Batch, Data, Game, GanLoss, Players

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True, kw_only=True)
class Gan(Game):
    """A game whose first player makes samples.

    ``generate(players, latents [M, n, latent]) -> samples [M, n, *shape]`` over stacked players. A module generates in
    eval mode: BatchNorm by the running statistics that ``renew`` keeps, no dropout. So a sample depends on its own
    latent vector alone, while training looks at minibatches.
    """

    data: Data
    latent: int
    generate: Callable[[Players, Tensor], Tensor]


def gan(
    generator: Any = None,
    discriminator: Any = None,
    *,
    data: Any,
    net: str | Mapping[str, Any] = "mlp",
    loss: str | GanLoss = "nonsaturating",
    latent: int = 64,
    batch: int = 256,
) -> Gan:
    """A GAN over ``data``, players ``"generator"`` and ``"discriminator"``.

    Args:
        generator, discriminator: two ``nn.Module`` (or functions that make one), or native nets; left out, the
            registered ``net`` is built for the data's shape. The discriminator gives one logit a sample.
        data: a tensor ``[N, ...]``, a registered name, ``{"name": …, options}``, or a ``Data``.
        loss: a registered name or a ``GanLoss``.
        latent: the size of the generator's input, standard normal.
        batch: real samples, and generated ones, a minibatch.

    Raises:
        ValueError: an unknown name, one network without the other, or a size below 1.
    """
    for name, size in {"latent": latent, "batch": batch}.items():
        if size < 1:
            raise ValueError(f"{name}: {size} given; at least 1 is allowed")
    if (generator is None) != (discriminator is None):
        raise ValueError("gan: give both networks, or neither and a registered net")
    known = _data(data)
    if generator is None:
        generator, discriminator = _build(nets.NETS, net, shape=known.shape, latent=latent)
    pair = [_network(part) for part in (generator, discriminator)]
    modules = [isinstance(part, ModuleNet) for part in pair]
    if modules[0] != modules[1]:
        raise ValueError("gan: one network is native and the other a module; both must be of one kind")
    rule = losses.get(loss) if isinstance(loss, str) else loss
    return _assemble(pair[0], pair[1], rule, known, latent, batch, native=not modules[0])


def _network(part: Any) -> Any:
    is_native = hasattr(part, "init") and not isinstance(part, torch.nn.Module)
    return part if is_native else ModuleNet(part)


def _assemble(g: Any, d: Any, loss: GanLoss, data: Data, latent: int, batch: int, native: bool) -> Gan:
    def init(generator: Generator) -> Players:
        return {"generator": g.init(generator), "discriminator": d.init(generator)}

    points_on = cache(data.points.to)  # one copy on each device that trains

    def sample_block(generator: Generator, count: int) -> Batch:
        points, device = points_on(generator.device), generator.device
        index = torch.randint(len(points), (count, batch), generator=generator, device=device)
        latents = torch.randn(count, batch, latent, generator=generator, device=device)
        return {"real": points[index], "latent": latents}

    def sample(generator: Generator) -> Batch:
        return tree.map(lambda x: x[0], sample_block(generator, 1))

    def judge(players: Players, samples: Tensor) -> Tensor:
        logits = d(players["discriminator"], samples)
        return logits.squeeze(-1) if logits.dim() > (2 if native else 1) else logits

    def generator_loss(players: Players, minibatch: Batch) -> Tensor:
        return loss.generator(judge(players, g(players["generator"], minibatch["latent"])))

    def discriminator_loss(players: Players, minibatch: Batch) -> Tensor:
        real, fake = minibatch["real"], g(players["generator"], minibatch["latent"])
        if native:  # one pass: a native net looks at every sample by itself; a module may look at its batch
            both = judge(players, torch.cat([real, fake], dim=1))
            return loss.discriminator(*both.split([real.shape[1], fake.shape[1]], dim=1))
        return loss.discriminator(judge(players, real), judge(players, fake))

    def joint(players: Players, minibatch: Batch) -> dict[str, Tensor]:
        fake = judge(players, g(players["generator"], minibatch["latent"]))
        real = judge(players, minibatch["real"])  # apart: the generator's gradient then skips the real half
        return {"generator": loss.generator(fake), "discriminator": loss.discriminator(real, fake)}

    bound = loss.clip or 0.0

    def clip(players: Players) -> Players:
        critic = tree.map(lambda x: x.clamp(-bound, bound), tree.parameters(players)["discriminator"])
        return tree.with_buffers_of({**tree.parameters(players), "discriminator": critic}, players)

    def renew(players: Players, minibatch: Batch) -> Players:
        fake, g_buffers = g.forward(players["generator"], minibatch["latent"])
        _, seen = d.forward(players["discriminator"], minibatch["real"])
        _, d_buffers = d.forward({**players["discriminator"], "buffers": seen}, fake)
        fresh = {"generator": g_buffers, "discriminator": d_buffers}
        return {name: {**own, "buffers": fresh[name]} if fresh[name] else own for name, own in players.items()}

    forward = g if native else over_members(g.evaluate)

    def generate(players: Players, latents: Tensor) -> Tensor:
        with torch.no_grad():
            return forward(players["generator"], latents)

    return Gan(
        init=init,
        losses={"generator": generator_loss, "discriminator": discriminator_loss},
        sample=sample,
        sample_block=sample_block,
        joint=joint,
        project=None if loss.clip is None else clip,
        renew=renew if _has_buffers(g, d) else None,
        native=native,
        data=data,
        latent=latent,
        generate=generate,
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


def _has_buffers(*parts: Any) -> bool:
    return any(isinstance(part, ModuleNet) and part.has_buffers for part in parts)
