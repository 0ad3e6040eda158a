"""What every optimizer promises, as checks that a test applies to each of them, and to planted faults.

A check raises AssertionError where the promise is broken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import minmax
from minmax import checkpoint, streams, tree
from minmax.field import field, lift
from minmax.hypers import hypers_over_members
from minmax.nets.mlp import MLP
from minmax.types import Batch, Game, Hypers, Optimizer, Players, Range, State

HYPERS = {
    "lr": 0.01,
    "lr_ratio": 1.7,
    "gamma": 0.3,
    "temperature": 30.0,
    "scale": 0.05,
    "eps": 1e-5,
    "adjustment": 0.4,
    "eta": 0.2,
}
"""What suits the games here, and a ratio that is not neutral. Adam's ε is large enough to keep it from
blowing up gradients that are zero but for rounding (of a bias before a BatchNorm)."""


def hypers_for(optimizer: Optimizer) -> dict[str, Any]:
    """Those of ``HYPERS`` that the optimizer has, and the middle of what is searched where nobody says anything."""
    declared = optimizer.hypers.items()
    middles = {name: _middle(own) for name, own in declared if own.default is None}
    return {**middles, **{name: HYPERS[name] for name, _ in declared if name in HYPERS}}


def _middle(declared: Range) -> float:
    return math.sqrt(declared.low * declared.high) if declared.log else (declared.low + declared.high) / 2


class Begun:
    """One step's arguments, over ``members`` seeds of a game in float64."""

    def __init__(self, optimizer: Optimizer, game: Game, members: int = 3) -> None:
        seeds = range(members)
        begun = [game.init(streams.generator(seed, "init")) for seed in seeds]
        self.optimizer, self.game = optimizer, lift(game)
        self.players: Players = tree.map(_double, tree.stack(begun))
        self.state: State = optimizer.init(self.players)
        self.hypers: Hypers = hypers_over_members(optimizer, hypers_for(optimizer), members)
        one = streams.one_by_one(game.sample or (lambda generator: {}))
        own = streams.Stream("batch", seeds, game.sample_block or one, _double, "cpu")
        self.batches: tuple[Batch, ...] = tuple(own.next() for _ in range(optimizer.batches))
        noises = [optimizer.noise(streams.generator(s, "noise"), tree.member(self.players, 0)) for s in seeds]
        self.noise: Any = tree.stack(noises) if noises[0] else {}

    def step(self, **changed: Any) -> tuple[Players, State, Any]:
        """The step's result, with some arguments changed."""
        names = ("players", "state", "batches", "noise", "hypers")
        with torch.random.fork_rng(devices=[]):  # hidden randomness (dropout) is the same each time
            torch.manual_seed(0)
            return self.optimizer.step(self.game, *(changed.get(name, getattr(self, name)) for name in names))


def check_inputs_unchanged(optimizer: Optimizer, game: Game) -> None:
    """A step leaves players, state, minibatches, noise and hyperparameters bitwise as they were."""
    begun = Begun(optimizer, game)
    begun.players, begun.state, _ = begun.step()  # a state that holds something
    inputs = {name: getattr(begun, name) for name in ("players", "state", "noise", "hypers")}
    inputs["batches"] = {str(index): batch for index, batch in enumerate(begun.batches)}
    before = tree.map(torch.clone, inputs)
    begun.step()
    for (path, was), (_, now) in zip(tree.named_leaves(before), tree.named_leaves(inputs), strict=True):
        assert torch.equal(was, now), f"{optimizer.name} changed its input {path}"


def check_every_batch_matters(optimizer: Optimizer) -> None:
    """Another minibatch in any one place changes what a step returns, on f = (1 + ξ)xy with ξ the minibatch."""
    begun = Begun(optimizer, noisy_bilinear(), members=16)
    before = tree.leaves(begun.step()[0])
    for place in range(optimizer.batches):
        batches = list(begun.batches)
        batches[place] = {"xi": -3 - begun.batches[place]["xi"]}  # the opposite sign: verdicts on f turn round too
        after = tree.leaves(begun.step(batches=tuple(batches))[0])
        assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True)), (
            f"{optimizer.name}: minibatch {place} of {optimizer.batches} changes nothing"
        )


def check_resumed(optimizer: Optimizer, game: Game, **options: Any) -> None:
    """Saved at step 7 through bytes, resumed and run to step 11: bit for bit the run that never stopped."""
    settings = {"dtype": "float64", "report_every": 7, "steps": 11, **options}
    early, whole = minmax.train(game, optimizer, hypers_for(optimizer), [3, 4], **settings)
    saved = checkpoint.loads(checkpoint.dumps(early.state))
    (rest,) = minmax.train(game, optimizer, hypers_for(optimizer), [3, 4], **settings, resume=saved)
    assert (early.step, whole.step, rest.step) == (7, 11, 11)
    assert_identical(whole.state, rest.state)
    assert_identical(whole.players, rest.players)
    assert_identical(whole.info, rest.info)


def assert_identical(one: tree.Tree, other: tree.Tree) -> None:
    """Bit for bit, leaf by leaf."""
    theirs = dict(tree.named_leaves(other))
    mine = dict(tree.named_leaves(one))
    assert mine.keys() == theirs.keys()
    for path, leaf in mine.items():
        assert torch.equal(leaf, theirs[path]), path


def check_cost(optimizer: Optimizer, relative: float = 0.1) -> None:
    """The cost reported by a step (or else declared) is its floating-point operations over those of one simultaneous
    field, to ``relative``, and no more than what is declared."""
    said, counted = measured_cost(optimizer)
    assert said <= optimizer.cost, f"{optimizer.name}: at most {optimizer.cost} declared, {said} reported"
    assert abs(said / counted - 1) <= relative, f"{optimizer.name}: cost {said} said, {counted:.3f} counted"


class Cost(NamedTuple):
    """Of one step, in fields."""

    said: float
    counted: float


def measured_cost(optimizer: Optimizer) -> Cost:
    """Counted on a GAN of two equal networks (64 → 128 → 128 → 64; the discriminator averages its outputs)."""
    begun = Begun(optimizer, equal_gan(), members=1)
    with FlopCounterMode(display=False) as one:
        field(begun.game, begun.players, begun.batches[0])
    with FlopCounterMode(display=False) as whole:
        *_, info = begun.step()
    return Cost(float(info.get("cost", optimizer.cost)), whole.get_total_flops() / one.get_total_flops())


class Averaging(MLP):
    """An MLP whose logit is the mean of its outputs."""

    def __call__(self, parameters: tree.Tree, inputs: Tensor) -> Tensor:
        return super().__call__(parameters, inputs).mean(-1, keepdim=True)


def equal_gan() -> Game:
    """Generator and discriminator of the same widths."""
    widths = (64, 128, 128, 64)
    points = torch.randn(256, 64, generator=torch.Generator().manual_seed(0))
    return minmax.gan(MLP(widths, (64,)), Averaging(widths, (64,)), data=points, latent=64, batch=32)


def noisy_bilinear() -> Game:
    """f = (1 + ξ)xy, ξ standard normal a minibatch (of 4 examples, so that it has halves)."""

    def value(players: Players, batch: Batch) -> Tensor:
        return ((1 + batch["xi"]).mean(-1) * (players["x"] * players["y"]).sum(-1)).sum()

    return minmax.Game(
        init=lambda generator: {name: torch.randn(2, generator=generator) for name in ("x", "y")},
        losses={"x": value, "y": lambda players, batch: -value(players, batch)},
        sample=lambda generator: {"xi": torch.randn(4, generator=generator)},
        value=value,
    )


def module_gan(*, dropout: bool = False, norm: bool = False) -> Game:
    """A GAN of ordinary modules: plain, or with dropout in D, or with BatchNorm in both."""

    def generator() -> nn.Module:
        middle: list[nn.Module] = [nn.BatchNorm1d(8)] if norm else []
        return nn.Sequential(nn.Linear(3, 8), *middle, nn.Tanh(), nn.Linear(8, 2))

    def discriminator() -> nn.Module:
        middle: list[nn.Module] = [nn.BatchNorm1d(8)] if norm else [nn.Dropout(0.3)] if dropout else []
        return nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), *middle, nn.Linear(8, 1))

    return minmax.gan(generator, discriminator, data={"name": "gaussians", "count": 500}, latent=3, batch=8)


def registered_gan() -> Game:
    """The registered game ``gan`` with the registered net."""
    net: Mapping[str, Any] = {"name": "mlp", "widths": [8, 8], "activation": "leaky_relu"}
    return minmax.games.get("gan", data={"name": "gaussians", "count": 500}, net=net, latent=3, batch=8)


def clipped_gan() -> Game:
    """The same with a projection: weight clipping."""
    net: Mapping[str, Any] = {"name": "mlp", "widths": [8, 8]}
    loss = minmax.losses.get("wasserstein", clip=0.05)
    return minmax.gan(data={"name": "gaussians", "count": 500}, net=net, loss=loss, latent=3, batch=8)


def chancy_gan() -> Game:
    """Native networks with dropout, under instance noise: chance that is drawn with the minibatch."""
    generator = MLP((3, 8, 2), (2,), "tanh", dropout=(0.2,))
    discriminator = MLP((2, 8, 1), (), "leaky_relu", dropout=(0.3,))
    data = {"name": "gaussians", "count": 500}
    return minmax.gan(generator, discriminator, data=data, latent=3, batch=8, instance_noise=0.1)


def _double(x: Tensor) -> Tensor:
    return x.double() if x.is_floating_point() else x
