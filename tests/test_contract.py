"""Every optimizer × every game: members, chance, resuming, purity, cost. What is registered is tested."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from contract import (
    assert_identical,
    chancy_gan,
    check_cost,
    check_every_batch_matters,
    check_inputs_unchanged,
    check_resumed,
    clipped_gan,
    hypers_for,
    module_gan,
    noisy_bilinear,
    registered_gan,
)
from linear_maps import random_bilinear

import minmax
from minmax import checkpoint, tree
from minmax.streams import BLOCK_STEPS
from minmax.types import Game, Optimizer

SPECIAL: dict[str, Callable[[], Game]] = {
    "bilinear": lambda: random_bilinear(3, 4, top=2.0),
    "gan": registered_gan,
    "quadratic": partial(minmax.games.get, "quadratic", a=0.5, b=0.7, s=1.1),
    "dirac_gan": partial(minmax.games.get, "dirac_gan", variant="instance_noise", spread=1.0),
    "linear_wgan": partial(minmax.games.get, "linear_wgan", batch=8, clip=1.0, spread=1.0),
    "lq_wgan": partial(minmax.games.get, "lq_wgan", batch=8),
    "rock_paper_scissors": partial(minmax.games.get, "rock_paper_scissors", parametrization="simplex"),
    "two_time_scale": partial(minmax.games.get, "two_time_scale", batch=4, spread=1.0),
    **{name: partial(minmax.games.get, name, spread=1.0) for name in ("f1", "f2", "f3")},
}
"""Registered games that need options, or for which there is a less neutral choice than the defaults."""

GAMES: dict[str, Callable[[], Game]] = {
    **{name: SPECIAL.get(name, partial(minmax.games.get, name)) for name in minmax.GAMES},
    "clipped": clipped_gan,
    "chancy": chancy_gan,
    "modules": module_gan,
    "batchnorm": lambda: module_gan(norm=True),
    "dropout": lambda: module_gan(dropout=True),
}
HIDDEN_CHANCE = {"dropout"}
STEPS = 10

SHORT: dict[str, dict[str, Any]] = {
    "nested": {"ascent_steps": 3},
    "proximal": {"iterations": 3},
    "competitive": {"iterations": 3},
    "unrolled": {"unroll_steps": 2},
}
"""What every optimizer plays on every game with, where its defaults are long; ``OPTIONS`` has the others."""

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "alternating_gda": [{}, {"ascent_steps": 3}],
    "nested": [{}, {"ascent_steps": 3}],
    "optimistic": [{}, {"alternating": True}],
    "extragradient": [{}, {"fresh_batch": False}],
    "proximal": [{}, {"iterations": 3}],
    "lookahead": [{}, {"base": "extragradient", "k": 3}, {"base": {"name": "optimistic", "alternating": True}}],
    "consensus": [{}, {"estimator": "half_batches"}, {"estimator": "u_statistic"}],
    "sga": [{}, {"aligned": False}],
    "competitive": [{}, {"adaptive": True}, {"iterations": 2, "tolerance": 1e-12}],
    "unrolled": [{}, {"unroll_steps": 1}, {"differentiated": False}],
    "accept_reject": [
        {},
        {"ascent_steps": 3},
        {"schedule": "constant", "proposal": "gaussian"},
        {"schedule": "mnist", "to_tolerance": True, "ascent_steps": 5},
        {"restore": "weights", "paired": False},
        {"as_released": True},
        {"as_released": True, "ascent_steps": 3},
    ],
}
VARIANTS = [(name, options) for name in minmax.OPTIMIZERS for options in OPTIONS.get(name, [{}])]


def called(name: str, options: dict[str, Any]) -> str:
    return " ".join([name, *(f"{k}={v}" for k, v in options.items())])


LACKS = {game: frozenset(built().lacks(built().init(torch.Generator()))) for game, built in GAMES.items()}


def fits(name: str, game: str) -> bool:
    return not minmax.optimizers.get(name).needs & LACKS[game]


PAIRS = [(name, game) for name in minmax.OPTIMIZERS for game in GAMES if fits(name, game)]
UNFIT = [(name, game) for name in minmax.OPTIMIZERS for game in GAMES if not fits(name, game)]

REFUSED = [("consensus", {"estimator": "u_statistic"}), "batchnorm"]
"""A network that looks at its minibatch has no single examples: ``test_estimators`` shows that it is said."""

PLAYABLE = [
    (variant, game) for variant in VARIANTS for game in GAMES if fits(variant[0], game) and [variant, game] != REFUSED
]

every_optimizer = pytest.mark.parametrize("name", minmax.OPTIMIZERS)
every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=[called(*variant) for variant in VARIANTS])
every_pair = pytest.mark.parametrize(("name", "game"), PAIRS)


def adam(name: str, options: dict[str, Any] | None = None) -> Optimizer:
    """Over ``adam``, with these options or else ``SHORT`` ones."""
    return minmax.optimizers.get(name, transform="adam", **(SHORT.get(name, {}) if options is None else options))


def last(game: Game, optimizer: Optimizer, seeds: Any, **options: Any) -> minmax.Report:
    """The last report of a short run in float64."""
    given = options.pop("hypers", hypers_for(optimizer))
    options = {"steps": STEPS, "dtype": "float64", "device": "cpu", **options}
    *_, report = minmax.train(game, optimizer, given, seeds, **options)
    return report


def assert_same_members(one: minmax.Report, other: minmax.Report, index: int, relative: float = 1e-9) -> None:
    """The only member of ``one`` is member ``index`` of ``other``, and has moved."""
    for (path, alone), among in zip(
        tree.named_leaves(one.players), tree.leaves(tree.map(lambda x: x[index], other.players)), strict=True
    ):
        torch.testing.assert_close(
            alone[0], among, rtol=relative, atol=1e-12, msg=lambda text, at=path: f"{at}: {text}"
        )


@pytest.mark.parametrize(("name", "game"), UNFIT)
def test_a_game_that_lacks_what_is_needed_is_refused(name: str, game: str) -> None:
    with pytest.raises(ValueError, match=f"game: {name} needs .*, which this game has not"):
        last(GAMES[game](), adam(name), [0])


@pytest.mark.parametrize(("name", "game"), [pair for pair in PAIRS if pair[1] not in HIDDEN_CHANCE])
def test_alone_is_as_among_64(name: str, game: str) -> None:
    optimizer, built = adam(name), GAMES[game]()
    among = last(built, optimizer, range(64))
    for index in (0, 41):
        assert_same_members(last(built, optimizer, [index]), among, index)


@every_variant
def test_alone_is_as_among_five_with_every_option(variant: tuple[str, dict[str, Any]]) -> None:
    optimizer, built = adam(*variant), registered_gan()
    assert_same_members(last(built, optimizer, [3]), last(built, optimizer, range(5)), 3)


@every_optimizer
def test_members_have_their_own_hyperparameters(name: str) -> None:
    optimizer, built = adam(name), registered_gan()
    rates = [0.002, 0.01, 0.03]
    among = last(built, optimizer, [7, 7, 7], hypers={**hypers_for(optimizer), "lr": rates})
    for index, rate in enumerate(rates):
        alone = last(built, optimizer, [7], hypers={**hypers_for(optimizer), "lr": rate})
        assert_same_members(alone, among, index)


@every_pair
def test_a_seed_decides_everything(name: str, game: str) -> None:
    optimizer, built = adam(name), GAMES[game]()
    first, again = (last(built, optimizer, [3, 4], steps=5) for _ in range(2))
    assert_identical(first.players, again.players)
    for leaf in tree.leaves(tree.parameters(first.players)):
        if leaf[0].numel() > 1 and leaf.any():
            assert not torch.equal(leaf[0], leaf[1])


@every_pair
def test_resumed_is_as_undisturbed(name: str, game: str) -> None:
    check_resumed(adam(name), GAMES[game]())


@every_variant
def test_resumed_with_every_option(variant: tuple[str, dict[str, Any]]) -> None:
    check_resumed(adam(*variant), registered_gan())


@pytest.mark.parametrize("options", [{"average": "uniform"}, {"average": 0.9}, {"schedule": {"generator": "cosine"}}])
@pytest.mark.parametrize(("name", "game"), [("lookahead", "batchnorm"), *((name, "gan") for name in minmax.OPTIMIZERS)])
def test_resumed_with_averages_and_schedules(name: str, game: str, options: dict[str, Any]) -> None:
    check_resumed(adam(name), GAMES[game](), **options)


@pytest.mark.parametrize("name", ["gda", "extragradient", "accept_reject"])
def test_resumed_where_a_block_ends(name: str) -> None:
    """One and two minibatches a step, and a coin: streams stopped before, at and after the ends of their blocks."""
    optimizer, built = adam(name), noisy_bilinear()
    ends = [32, 63, 64, 65, 128]
    assert BLOCK_STEPS == 64

    def run(resume: tree.Tree | None = None) -> list[minmax.Report]:
        return list(minmax.train(built, optimizer, hypers_for(optimizer), [3, 4], 130, ends, resume=resume))

    *stops, whole = run()
    for stop in stops:
        saved = checkpoint.loads(checkpoint.dumps(stop.state))
        assert_identical(whole.state, run(saved)[-1].state)


@pytest.mark.parametrize(
    ("variant", "game"), PLAYABLE, ids=[f"{called(*variant)}-{game}" for variant, game in PLAYABLE]
)
def test_a_step_changes_no_input(variant: tuple[str, dict[str, Any]], game: str) -> None:
    check_inputs_unchanged(adam(*variant), GAMES[game]())


@every_variant
def test_every_minibatch_matters(variant: tuple[str, dict[str, Any]]) -> None:
    check_every_batch_matters(minmax.optimizers.get(variant[0], **variant[1]))


@every_variant
def test_cost_is_what_a_step_costs(variant: tuple[str, dict[str, Any]]) -> None:
    check_cost(minmax.optimizers.get(variant[0], **variant[1]))


def test_minibatches_of_a_run_are_all_different() -> None:
    """Of one step, of consecutive steps, and across the blocks they are drawn in."""
    optimizer = minmax.optimizers.get("extragradient")
    seen: list[float] = []

    def listening(game: Game, players: Any, state: Any, batches: Any, noise: Any, hypers: Any) -> Any:
        seen.extend(batch["latent"][0, 0, 0].item() for batch in batches)
        return optimizer.step(game, players, state, batches, noise, hypers)

    last(registered_gan(), optimizer._replace(step=listening), [0], steps=80)
    assert len(seen) == len(set(seen)) == 160
