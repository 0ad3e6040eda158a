"""Step for step, ``minmax.optim`` over two modules is ``minmax.train`` over the same game: whatever is registered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from playing import EXAMPLES, LATENT, LOSS, Recorded, networks, replaying, trained
from test_contract import VARIANTS, called

import minmax
from minmax import tree
from minmax.types import Game, Players

every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=[called(*variant) for variant in VARIANTS])
BY_MINIBATCHES = [variant for variant in VARIANTS if variant[1].get("estimator") != "u_statistic"]
"""Without the one that looks at every example by itself, of which BatchNorm has no variance."""

every_transform = pytest.mark.parametrize("transform", ["sgd", "adam"])


def gan(kind: str) -> Game:
    """``minmax.gan`` over the same networks, fed with what a closure's minibatches hold."""
    g, d = networks(kind)
    game = minmax.gan(g, d, data=torch.zeros(1, 2), loss=LOSS, latent=LATENT, batch=EXAMPLES)
    assert game.losses is not None and game.joint is not None

    def inside(function: Any) -> Any:
        return function and (lambda players, batch: function(players, batch["data"]))

    losses = {name: inside(loss) for name, loss in game.losses.items()}
    return replace(game, losses=losses, joint=inside(game.joint), renew=inside(game.renew))


def assert_same(visited: list[Players], reports: list[minmax.Report], relative: float) -> None:
    for step, (own, report) in enumerate(zip(visited, reports, strict=True), start=1):
        for (path, mine), theirs in zip(tree.named_leaves(own), tree.leaves(report.players), strict=True):
            torch.testing.assert_close(
                mine, theirs[0], rtol=relative, atol=relative, msg=lambda text, at=(step, path): f"{at}: {text}"
            )
    assert any(not torch.equal(a, b) for a, b in zip(tree.leaves(visited[0]), tree.leaves(visited[-1]), strict=True))


@every_transform
@every_variant
def test_is_train_on_the_gan(variant: tuple[str, dict[str, Any]], transform: str) -> None:
    """Parameters after each of 20 steps: the closure sums gradients in another order than the game does."""
    rule = minmax.optimizers.get(variant[0], transform=transform, **variant[1])
    recorded = Recorded(rule, "plain")
    assert_same(recorded.visited, trained(rule, gan("plain"), recorded), 1e-12)


@pytest.mark.parametrize("variant", BY_MINIBATCHES, ids=[called(*variant) for variant in BY_MINIBATCHES])
def test_is_train_with_batchnorm(variant: tuple[str, dict[str, Any]]) -> None:
    """Running statistics too: renewed once a step, at the new players, D's by real points and then by fakes."""
    rule = minmax.optimizers.get(variant[0], transform="adam", **variant[1])
    recorded = Recorded(rule, "batchnorm")
    assert_same(recorded.visited, trained(rule, gan("batchnorm"), recorded), 1e-10)
    assert recorded.visited[-1]["generator"]["buffers"]["1.num_batches_tracked"] == 20
    assert recorded.visited[-1]["discriminator"]["buffers"]["2.num_batches_tracked"] == 40


@every_transform
@every_variant
def test_is_train_with_dropout(variant: tuple[str, dict[str, Any]], transform: str) -> None:
    """Bit for bit, with a game whose masks are seeded by the minibatch: every look at a minibatch has one mask."""
    rule = minmax.optimizers.get(variant[0], transform=transform, **variant[1])
    recorded = Recorded(rule, "dropout")
    assert_same(recorded.visited, trained(rule, replaying("dropout"), recorded), 0.0)
