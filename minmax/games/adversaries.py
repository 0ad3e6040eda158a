"""What a generator and a discriminator minimise, and what renews them: functions of the players and a minibatch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minmax import tree
from minmax.games.modules import ModuleNet
from minmax.lazy import torch
from minmax.types import Batch, GanLoss, Penalty, Players, Tree

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Adversaries:
    """Two networks of one kind, a loss and perhaps a penalty.

    Native networks take stacked players and samples ``[M, B, *shape]``; modules one member and ``[B, *shape]``, and
    the engine lifts them. The minibatch holds what ``minmax.games.minibatches`` drew.
    """

    generator: Any
    discriminator: Any
    loss: GanLoss
    penalty: Penalty | None

    @property
    def native(self) -> bool:
        """Whether the networks have the member axis built in."""
        return not isinstance(self.generator, ModuleNet)

    @property
    def has_buffers(self) -> bool:
        """Whether a step leaves something behind that no gradient moves."""
        return any(isinstance(net, ModuleNet) and net.has_buffers for net in (self.generator, self.discriminator))

    @property
    def has_noise(self) -> bool:
        """Whether a network trains with chance of its own."""
        return any(noise_of(net) is not None for net in (self.generator, self.discriminator))

    def generator_loss(self, players: Players, minibatch: Batch) -> Tensor:
        """From the logits of generated samples."""
        return self.loss.generator(self._judge(players, self._samples(players, minibatch), _noise(minibatch, "fake")))

    def discriminator_loss(self, players: Players, minibatch: Batch) -> Tensor:
        """From the logits of both kinds, and the penalty."""
        real, fake = minibatch["real"], self._samples(players, minibatch)
        own, others = _noise(minibatch, "real"), _noise(minibatch, "fake")
        if self.native:  # one pass: a native net looks at every sample by itself; a module may look at its batch
            noise = tree.map(lambda x, y: torch.cat([x, y], dim=1), own, others)
            both = self._judge(players, torch.cat([real, fake], dim=1), noise)
            logits = both.split([real.shape[1], fake.shape[1]], dim=1)
        else:
            logits = self._judge(players, real, own), self._judge(players, fake, others)
        return self._discriminate(players, minibatch, fake, *logits)

    def joint(self, players: Players, minibatch: Batch) -> dict[str, Tensor]:
        """Both losses from shared passes."""
        samples = self._samples(players, minibatch)
        fake = self._judge(players, samples, _noise(minibatch, "fake"))
        real = self._judge(players, minibatch["real"], _noise(minibatch, "real"))  # apart: G's gradient skips this half
        own = self._discriminate(players, minibatch, samples, real, fake)
        return {"generator": self.loss.generator(fake), "discriminator": own}

    def value(self, players: Players, minibatch: Batch) -> Tensor:
        """f, minus the discriminator's loss, as the networks evaluate: without noise of their own."""
        return -self.discriminator_loss(players, {key: own for key, own in minibatch.items() if key != "noise"})

    def project(self, players: Players) -> Players:
        """The discriminator's weights onto [−clip, clip]."""
        bound = self.loss.clip or 0.0
        critic = tree.map(lambda x: x.clamp(-bound, bound), tree.parameters(players)["discriminator"])
        return tree.with_buffers_of({**tree.parameters(players), "discriminator": critic}, players)

    def renew(self, players: Players, minibatch: Batch) -> Players:
        """New buffers of modules, from one pass of the generator's and two of the discriminator's."""
        g, d, noise = self.generator, self.discriminator, minibatch.get("noise", {})
        fake, g_buffers = g.forward(players["generator"], minibatch["latent"], noise.get("generator"))
        fake = _jittered(fake, minibatch)
        _, seen = d.forward(players["discriminator"], minibatch["real"], noise.get("real"))
        _, d_buffers = d.forward({**players["discriminator"], "buffers": seen}, fake, noise.get("fake"))
        fresh = {"generator": g_buffers, "discriminator": d_buffers}
        return {name: {**own, "buffers": fresh[name]} if fresh[name] else own for name, own in players.items()}

    def logits(self, outputs: Tensor) -> Tensor:
        """A discriminator's outputs without the last axis, if it has one for its one logit."""
        return outputs.squeeze(-1) if outputs.dim() > self._axes else outputs

    @property
    def _axes(self) -> int:
        return 2 if self.native else 1  # of members, if they are there, and samples

    def _samples(self, players: Players, minibatch: Batch) -> Tensor:
        made = _forward(self.generator, players["generator"], minibatch["latent"], _noise(minibatch, "generator"))
        return _jittered(made, minibatch)

    def _judge(self, players: Players, samples: Tensor, noise: Tree) -> Tensor:
        return self.logits(_forward(self.discriminator, players["discriminator"], samples, noise))

    def _discriminate(
        self, players: Players, minibatch: Batch, samples: Tensor, real_logits: Tensor, fake_logits: Tensor
    ) -> Tensor:
        if self.loss.targets is not None:
            real_target, fake_target = self.loss.targets(self._flat(minibatch["real"]), self._flat(samples))
            real_logits, fake_logits = real_logits - real_target, fake_logits - fake_target
        loss = self.loss.discriminator(real_logits, fake_logits)
        return loss if self.penalty is None else loss + self._paid(self.penalty, players, minibatch, samples)

    def _paid(self, penalty: Penalty, players: Players, minibatch: Batch, samples: Tensor) -> Tensor:
        """The penalty, its gradient by ``torch.func``: that works inside ``vmap``, and can be differentiated again."""
        noise = _noise(minibatch, "fake" if penalty.share == 0 else "real")
        points = self._penalised(penalty, minibatch, samples)
        slope = torch.func.grad(lambda x: self._judge(players, x, noise).sum())(points)
        return penalty.of(self._flat(slope).square().sum(-1))

    def _penalised(self, penalty: Penalty, minibatch: Batch, samples: Tensor) -> Tensor:
        real = minibatch["real"]
        if penalty.share == 1:
            return real
        if penalty.share is not None:
            return samples + penalty.share * (real - samples)
        share = minibatch["share"]
        return samples + share.reshape(*share.shape, *(1,) * (real.dim() - share.dim())) * (real - samples)

    def _flat(self, samples: Tensor) -> Tensor:
        return samples.reshape(*samples.shape[: self._axes], -1)


def noise_of(net: Any) -> Any:
    """``(generator, batch) -> tree``, what a network needs drawn for one pass of training; None if nothing."""
    return getattr(net, "noise", None)


def _noise(minibatch: Batch, which: str) -> Tree:
    return minibatch.get("noise", {}).get(which, {})


def _forward(net: Any, parameters: Tree, inputs: Tensor, noise: Tree) -> Tensor:
    return net(parameters, inputs, noise) if noise else net(parameters, inputs)


def _jittered(samples: Tensor, minibatch: Batch) -> Tensor:
    """Generated samples with their instance noise; the real ones have theirs already."""
    return samples + minibatch["jitter"] if "jitter" in minibatch else samples
