"""Two modules, a closure over them, and the same game for ``minmax.train``: what tests of ``minmax.optim`` share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, cycle
from typing import Any

import torch
from contract import hypers_for
from torch import Tensor, nn

import minmax
from minmax import tree
from minmax.optim import GameOptimizer
from minmax.optim.minibatches import Minibatches, seeded
from minmax.types import Batch, Game, Optimizer, Players

LATENT, EXAMPLES, STEPS = 3, 8, 20
LOSS = minmax.losses.get("nonsaturating")


def networks(kind: str = "plain", seed: int = 0) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator in float64: plain, with BatchNorm in both, or with dropout in both."""
    torch.manual_seed(seed)
    middle: dict[str, Callable[[], list[nn.Module]]] = {
        "plain": list,
        "batchnorm": lambda: [nn.BatchNorm1d(8)],
        "dropout": lambda: [nn.Dropout(0.3)],
    }
    g = nn.Sequential(nn.Linear(LATENT, 8), *middle[kind](), nn.Tanh(), nn.Linear(8, 2))
    d = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), *middle[kind](), nn.Linear(8, 1))
    return g.double(), d.double()


def minibatches(count: int) -> list[dict[str, Tensor]]:
    """Real points around (2, −1) and latent vectors."""
    own = torch.Generator().manual_seed(1)
    shift = torch.tensor([2.0, -1.0], dtype=torch.float64)

    def normal(size: int) -> Tensor:
        return torch.randn(EXAMPLES, size, generator=own, dtype=torch.float64)

    return [{"real": normal(2) + shift, "latent": normal(LATENT)} for _ in range(count)]


def losses_of(g: Any, d: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """The non-saturating GAN's, from three forward passes."""
    real, fake = d(batch["real"]).squeeze(-1), d(g(batch["latent"])).squeeze(-1)
    return LOSS.generator(fake), LOSS.discriminator(real, fake)


def closure_over(g: nn.Module, d: nn.Module) -> Callable[[Batch], tuple[Tensor, Tensor]]:
    return lambda batch: losses_of(g, d, batch)


def moving(rule: Optimizer) -> Optimizer:
    """The same, with luck: where proposals are judged, a coin accepts each."""

    def noise(generator: torch.Generator, players: Players) -> Any:
        drawn = rule.noise(generator, players)
        return {**drawn, "coin": torch.zeros_like(drawn["coin"])} if "coin" in drawn else drawn

    return rule._replace(noise=noise)


class Recorded:
    """Steps of ``minmax.optim``, and all that chance gave them."""

    def __init__(self, rule: Optimizer, kind: str) -> None:
        self.g, self.d = networks(kind)
        self.start: Players = {"generator": values(self.g), "discriminator": values(self.d)}
        self.batches: list[Batch] = []
        self.noise: list[Any] = []

        def listening(game: Game, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
            self.batches += [tree.member(batch, 0) for batch in batches]
            self.noise.append(tree.map(lambda x: x[0], noise))
            return rule.step(game, players, state, batches, noise, hypers)

        given = iter(minibatches(STEPS * rule.batches))
        optimizer = GameOptimizer(self.g, self.d, rule._replace(step=listening), **hypers_for(rule))
        self.visited: list[Players] = []
        for _ in range(STEPS):
            optimizer.step(closure_over(self.g, self.d), [next(given) for _ in range(rule.batches)])
            self.visited.append({"generator": values(self.g), "discriminator": values(self.d)})


def values(module: nn.Module) -> dict[str, Any]:
    """A player's tree as ``minmax.gan`` makes it."""
    own: dict[str, Any] = {name: value.detach().clone() for name, value in module.named_parameters()}
    buffers = {name: value.clone() for name, value in module.named_buffers()}
    return {**own, "buffers": buffers} if buffers else own


def trained(rule: Optimizer, game: Game, recorded: Recorded) -> list[minmax.Report]:
    """``minmax.train`` from the same start, with the same minibatches and the same coins."""
    batches, coins = again(recorded.batches), again(recorded.noise)
    game = minmax.Game(
        init=lambda generator: recorded.start,
        losses=game.losses,
        joint=game.joint,
        renew=game.renew,
        native=game.native,
        sample=lambda generator: next(batches),
    )
    rule = rule._replace(noise=lambda generator, players: next(coins))
    return list(minmax.train(game, rule, hypers_for(rule), steps=STEPS, report_every=1, device="cpu"))


def again(recorded: list[Any]) -> Any:
    """Draws replayed: first the probe by which a stream learns their size."""
    return chain(recorded[:1], cycle(recorded))


def replaying(kind: str) -> Game:
    """The same GAN by ``functional_call``, its hidden chance seeded by the minibatch."""
    g, d = networks(kind)

    def one(players: Players, batch: Batch) -> tuple[Tensor, Tensor]:
        def call(module: nn.Module, name: str) -> Callable[[Tensor], Tensor]:
            return lambda x: torch.func.functional_call(module, players[name], (x,))

        with seeded(Minibatches.seed(batch), []):
            return losses_of(call(g, "generator"), call(d, "discriminator"), batch["data"])

    def joint(players: Players, batch: Batch) -> dict[str, Tensor]:
        each = [one(tree.member(players, m), tree.member(batch, m)) for m in range(tree.members(players))]
        return {name: torch.stack([pair[index] for pair in each]) for index, name in enumerate(players)}

    return minmax.Game(
        init=lambda generator: {},
        losses={name: lambda z, b, name=name: joint(z, b)[name] for name in ("generator", "discriminator")},
        joint=joint,
        native=True,
    )
