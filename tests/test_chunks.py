"""Members trained some at a time: the same runs as all at once, whatever the optimizer, and one resumes the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from contract import HYPERS, chancy_gan, hypers_for, module_gan, registered_gan
from linear_maps import random_bilinear
from test_contract import VARIANTS, adam, called

import minmax
from minmax import checkpoint, tree
from minmax.types import Game, Goal, Metric, Optimizer

MEMBERS, CHUNK = 8, 3  # 3, 3 and 2 of them
METRICS = {"gan": ["frechet", "modes", "forgetting", "symptoms"], "bilinear": ["distance", "symptoms"]}


def games() -> Iterator[tuple[str, Game]]:
    yield "bilinear", random_bilinear(3, 4, top=2.0)
    yield "gan", registered_gan()


def trained(game: Game, optimizer: Optimizer, **options: Any) -> list[minmax.Report]:
    """In field units, so that what an adaptive optimizer's members cost on average decides how many steps there are.
    Every member has a learning rate of its own."""
    rates = [HYPERS["lr"] * (1 + member / MEMBERS) for member in range(MEMBERS)]
    length = round(9 * optimizer.cost)
    settings = {"length": length, "report_every": length / 3, "dtype": "float64", **options}
    return list(minmax.train(game, optimizer, {**hypers_for(optimizer), "lr": rates}, range(MEMBERS), **settings))


def assert_equal(one: minmax.Report, other: minmax.Report) -> None:
    """To rounding, in everything: also in the state, so that what follows is equal too."""
    assert (one.step, one.at) == (other.step, other.at) and one.cost == pytest.approx(other.cost)
    for part in ("metrics", "info", "players", "diverged_at", "state"):
        ours, theirs = (dict(tree.named_leaves({part: getattr(report, part)})) for report in (one, other))
        assert ours.keys() == theirs.keys()
        for path, leaf in ours.items():
            torch.testing.assert_close(leaf, theirs[path], rtol=1e-6, atol=1e-9, msg=lambda text: f"{path}: {text}")  # noqa: B023


@pytest.mark.parametrize("variant", VARIANTS, ids=[called(*variant) for variant in VARIANTS])
def test_in_chunks_or_at_once_a_run_is_the_same(variant: tuple[str, dict[str, Any]]) -> None:
    for name, game in games():
        optimizer = adam(*variant)
        whole = trained(game, optimizer, metrics=METRICS[name])
        chunked = trained(game, optimizer, metrics=METRICS[name], chunk=CHUNK)
        assert len(whole) == len(chunked) == 3
        for one, other in zip(whole, chunked, strict=True):
            assert_equal(one, other)
        saved = checkpoint.loads(checkpoint.dumps(chunked[0].state))
        for chunk in (None, 5):
            *_, resumed = trained(game, optimizer, metrics=METRICS[name], chunk=chunk, resume=saved)
            assert_equal(whole[-1], resumed)


@pytest.mark.parametrize("game", [module_gan(), module_gan(norm=True), chancy_gan()], ids=["modules", "norm", "chancy"])
def test_buffers_and_chance_follow_their_members(game: Game) -> None:
    for name in ("gda", "extragradient", "accept_reject"):
        for average in (None, 0.5):
            whole, chunked = (trained(game, adam(name), chunk=chunk, average=average)[-1] for chunk in (None, CHUNK))
            assert_equal(whole, chunked)


def test_no_more_members_than_a_chunk_are_ever_stepped_or_measured_together() -> None:
    """What keeps memory down: the largest chunk seen is the one asked for, and every member is seen."""
    seen: list[int] = []

    def loss(players: Any, batch: Any) -> Any:
        return (players["x"] * players["y"]).sum()

    def measure(game: Game, players: Any, generator: Any) -> Any:
        seen.append(tree.members(players))
        return {"size": tree.norm(players["x"])}

    game = minmax.Game(
        init=lambda own: {name: torch.randn(2, generator=own) for name in ("x", "y")},
        losses={"x": lambda players, batch: loss(players, batch), "y": lambda players, batch: -loss(players, batch)},
    )
    inner = minmax.optimizers.get("gda")

    def step(game: Game, players: Any, *rest: Any) -> Any:
        seen.append(tree.members(players))
        return inner.step(game, players, *rest)

    metric = Metric(measure, {"size": Goal("minimize", 0.0, 1e6)})
    trained(game, inner._replace(step=step), metrics=[metric], chunk=CHUNK)
    assert set(seen) == {3, 2} and seen.count(3) == 2 * seen.count(2)


def test_a_diverged_member_stays_where_it_was_in_any_chunk() -> None:
    game = random_bilinear(3, 4, top=2.0)
    rates = [1e30 if member == 4 else 0.01 for member in range(MEMBERS)]
    settings: dict[str, Any] = {"steps": 20, "dtype": "float32", "metrics": ["distance"]}
    whole, chunked = (
        list(minmax.train(game, adam("gda"), {"lr": rates}, range(MEMBERS), chunk=chunk, **settings))[-1]
        for chunk in (None, CHUNK)
    )
    assert whole.diverged.tolist() == chunked.diverged.tolist() == [member == 4 for member in range(MEMBERS)]
    assert torch.equal(whole.diverged_at, chunked.diverged_at)


def test_a_chunk_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk: 0 given; at least 1 is allowed"):
        minmax.train(random_bilinear(3, 4, top=2.0), adam("gda"), {"lr": 0.1}, chunk=0)
