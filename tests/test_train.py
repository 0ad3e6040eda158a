"""``minmax.train``: divergence is a value, errors say what is allowed, averages and resuming are what they say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from contract import hypers_for, module_gan, registered_gan
from linear_maps import random_bilinear
from torch import Tensor, nn

import minmax
from minmax import checkpoint, tree
from minmax.data import classifier
from minmax.games.quadratic import quadratic
from minmax.packing import Packing


def reports(**changed: Any) -> list[minmax.Report]:
    """A short run of gda on a bilinear game, with some arguments changed."""
    given: dict[str, Any] = {
        "game": random_bilinear(2, 2, top=1.0), "optimizer": minmax.optimizers.get("gda"), "hypers": {"lr": 0.1},
        "steps": 20, "dtype": "float64",
    }  # fmt: skip
    return list(minmax.train(**{**given, **changed}))


def test_a_diverged_member_is_frozen_counted_as_worst_and_alone() -> None:
    """On f = x² / 2 with rate 10¹⁰⁰ x grows by that factor a step: 10³⁰⁰ is finite, then no more. Others go on."""
    game, metric = quadratic(1.0, 1.0, 0.0), minmax.metrics.get("distance")
    hypers = {"lr": [0.1, 1e100, 0.1]}
    run = reports(game=game, hypers=hypers, seeds=[1, 2, 3], report_every=1, steps=8, metrics=[metric])
    healthy = reports(game=game, seeds=[1, 3], report_every=1, steps=8, metrics=[metric])
    at = int(run[-1].diverged_at[1])
    assert 3 <= at <= 5
    for report, other in zip(run, healthy, strict=True):
        assert report.diverged.tolist() == [False, report.step >= at, False]
        assert report.diverged_at.tolist() == [-1, at if report.step >= at else -1, -1]
        assert all(leaf.isfinite().all() for leaf in tree.leaves(report.players))
        for name in ("x", "y"):
            assert torch.equal(report.players[name][[0, 2]], other.players[name])
        distance = report.metrics["distance"]
        assert torch.equal(distance[[0, 2]], other.metrics["distance"])
        if report.step >= at:
            assert distance[1] == metric.outputs["distance"].worst
            assert report.metrics["success"][1] == metric.outputs["success"].worst
            assert all(torch.equal(report.players[name][1], run[at - 2].players[name][1]) for name in ("x", "y"))


def test_a_finite_explosion_is_no_worse_than_divergence() -> None:
    """Simultaneous gda on a bilinear game spirals out: at rate 3 it is far beyond the worst distance, yet finite."""
    metric = minmax.metrics.get("distance")
    high = minmax.Metric(
        lambda *given: {"closeness": -metric.measure(*given)["distance"]},
        {"closeness": minmax.types.Goal("maximize", best=0.0, worst=-1e6)},
    )
    (report,) = reports(hypers={"lr": [0.1, 3.0, 1e100]}, seeds=[1, 2, 3], metrics=[metric, high])
    assert report.diverged.tolist() == [False, False, True]
    exploded = metric.measure(random_bilinear(2, 2, top=1.0), report.players, torch.Generator())["distance"]
    assert 1e6 < exploded[1] < 1e300
    assert report.metrics["distance"].tolist() == [exploded[0], 1e6, 1e6]
    assert report.metrics["closeness"].tolist() == [-exploded[0], -1e6, -1e6]


def test_a_diverged_member_stays_so_when_resumed() -> None:
    hypers = {"lr": [0.1, 1e100]}
    game = quadratic(1.0, 1.0, 0.0)
    optimizer = minmax.optimizers.get("gda", transform="momentum")
    whole = reports(game=game, optimizer=optimizer, hypers=hypers, seeds=[1, 2], report_every=10)
    state = checkpoint.loads(checkpoint.dumps(whole[0].state))
    (resumed,) = reports(game=game, optimizer=optimizer, hypers=hypers, seeds=[1, 2], report_every=10, resume=state)
    assert resumed.diverged.tolist() == [False, True]
    assert torch.equal(resumed.diverged_at, whole[1].diverged_at)
    assert all(torch.equal(resumed.players[name], whole[1].players[name]) for name in ("x", "y"))


@pytest.mark.parametrize("average", ["uniform", 0.9])
def test_averages_are_what_they_say(average: float | str) -> None:
    """The mean of all players since step 1, or a ← 0.9·a + 0.1·z from a = z₀; metrics look at it, training does not."""
    plain = reports(report_every=1, steps=10, metrics=["distance"])
    mean = reports(report_every=1, steps=10, metrics=["distance"], average=average)
    start = reports(hypers={"lr": 1e-300}, steps=1)[0].players["x"]
    visited = [report.players["x"] for report in plain]
    expected = start
    for k, (own, x) in enumerate(zip(mean, visited, strict=True), start=1):
        expected = torch.stack(visited[:k]).mean(0) if average == "uniform" else 0.9 * expected + 0.1 * x
        torch.testing.assert_close(own.players["x"], expected, rtol=1e-12, atol=1e-15)
        assert torch.equal(own.state["players"]["x"], x)
    assert not torch.equal(mean[-1].metrics["distance"], plain[-1].metrics["distance"])


def test_reports_come_when_asked_and_count_the_cost() -> None:
    optimizer = minmax.optimizers.get("extragradient")
    found = [(report.step, report.cost) for report in reports(optimizer=optimizer, report_every=8)]
    assert found == [(8, 16.0), (16, 32.0), (20, 40.0)]
    assert [report.step for report in reports()] == [20]


def test_a_length_is_in_field_units_whatever_a_step_costs() -> None:
    """Steps of 1.2 fields: a report comes at the step whose end is nearest to its mark, the last at the length."""
    optimizer = minmax.optimizers.get("alternating_gda")
    run = reports(optimizer=optimizer, steps=None, length=12, report_every=5)
    assert [(report.at, report.step, report.cost) for report in run] == [(5, 4, 4.8), (10, 8, 9.6), (12, 10, 12.0)]
    same = reports(optimizer=optimizer, steps=10)
    assert torch.equal(run[-1].players["x"], same[-1].players["x"])


def test_a_length_counts_what_steps_say_they_cost() -> None:
    """competitive stops solving when it is done: its run has as many steps as fit the length, and goes on as it was."""
    optimizer = minmax.optimizers.get("competitive")
    hypers = {"lr": 0.1}
    whole = reports(optimizer=optimizer, hypers=hypers, steps=None, length=60, report_every=20)
    each = 3.4 + 2 * 2.4  # the setup, and an iteration for each of two singular values
    assert [(report.at, report.step) for report in whole] == [(20, 2), (40, 5), (60, 7)]
    assert whole[-1].cost == pytest.approx(7 * each)
    saved = checkpoint.loads(checkpoint.dumps(whole[0].state))
    rest = reports(optimizer=optimizer, hypers=hypers, steps=None, length=60, report_every=20, resume=saved)
    assert [(r.at, r.step, r.cost) for r in rest] == [(r.at, r.step, r.cost) for r in whole[1:]]
    assert torch.equal(rest[-1].players["x"], whole[-1].players["x"])


def test_info_is_the_mean_since_the_last_report() -> None:
    optimizer = minmax.optimizers.get("accept_reject")
    hypers = {"lr": 0.05, "accept": 0.5, "temperature": 10.0}
    every, seldom = (
        torch.stack([r.info["accepted"] for r in reports(optimizer=optimizer, hypers=hypers, report_every=n)])
        for n in (1, 10)
    )
    torch.testing.assert_close(seldom, every.unflatten(0, (2, 10)).mean(1))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"hypers": {}}, "lr: gda needs a value; allowed: > 0"),
        ({"hypers": {"lr": 0.1, "gamma": 1.0}}, "gamma: gda has no such hyperparameter; allowed: lr, lr_ratio"),
        ({"hypers": {"lr": -0.1}}, "lr: -0.1 given; allowed: > 0"),
        ({"hypers": {"lr": float("nan")}}, "lr: nan given; allowed: > 0"),
        (
            {"hypers": {"lr": [0.1, 0.2]}, "seeds": [0, 1, 2]},
            "lr: 2 values for 3 members; allowed: one, or one a member",
        ),
        ({"seeds": []}, "seeds: 0 given; at least 1 is allowed"),
        ({"steps": 0}, "steps: 0 given; at least 1 is allowed"),
        ({"length": 9}, "length: 9 given beside 20 steps; one of them is allowed"),
        ({"steps": None, "length": 0.5}, "length: 0.5 given; at least 1 is allowed"),
        ({"report_every": 0}, "report_every: 0 given; at least 1 is allowed"),
        ({"average": "ema"}, "average: 'ema' given; allowed: 'uniform', or a decay >= 0 and < 1"),
        ({"average": 1.0}, "average: 1.0 given; allowed"),
        ({"metrics": ["distanse"]}, "unknown metric 'distanse'; did you mean 'distance'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_errors_name_the_field_and_what_is_allowed(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        reports(**changed)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: minmax.optimizers.get("gdda"), "unknown optimizer 'gdda'; did you mean 'gda'"),
        (lambda: minmax.optimizers.get("gda", transform="adm"), "unknown transform 'adm'; did you mean 'adam'"),
        (lambda: minmax.optimizers.get("alternating_gda", ascent_steps=0), "ascent_steps: 0 given; at least 1"),
        (lambda: minmax.optimizers.get("accept_reject", patience=0), "patience: 0 given; at least 1"),
        (lambda: minmax.games.get("bilinear", [1.0, 2.0]), r"matrix: shape \(2,\) given; a non-empty n×m matrix"),
        (lambda: minmax.games.get("bilinear", [[1.0]], [1.0, 2.0]), r"x_offset: \(2,\) values given; 1 fit"),
        (lambda: minmax.Game(lambda generator: {}), "either losses .* or a field, not both and not neither"),
        (lambda: minmax.gan(data="gaussians", batch=0), "batch: 0 given; at least 1"),
        (lambda: minmax.gan(nn.Linear(2, 2), data="gaussians"), "give both networks, or neither"),
        (lambda: minmax.gan(data="gaussians", net={"name": "mlp", "widths": [0]}), r"widths: \[0\] given"),
        (
            lambda: minmax.gan(data="gaussians", net={"name": "mlp", "activation": "gelu"}),
            "'gelu' given; allowed: relu",
        ),
    ],
)
def test_builders_say_what_they_allow(build: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build()


def test_resuming_needs_as_many_members_and_the_same_shapes() -> None:
    state = reports(seeds=[0, 1])[0].state
    with pytest.raises(ValueError, match="resume: a state of 2 members for 3 seeds"):
        reports(seeds=[0, 1, 2], resume=state)
    with pytest.raises(ValueError, match=r"optimizer/x/velocity.*: missing; a tensor of shape \(2, 2\) is needed"):
        reports(seeds=[0, 1], resume=state, optimizer=minmax.optimizers.get("gda", transform="momentum"))


@pytest.mark.parametrize(("kept", "given"), [(None, "uniform"), ("uniform", None), ("uniform", 0.9), (0.9, 0.99)])
def test_resuming_needs_the_same_average(kept: float | str | None, given: float | str | None) -> None:
    """Also of a rule that the state's average was not taken by."""
    state = reports(average=kept, report_every=10)[0].state
    with pytest.raises(ValueError, match=f"average: {given!r} given; the resumed state holds {kept!r}"):
        reports(average=given, resume=state)


@pytest.mark.parametrize(
    ("players", "losses", "said"),
    [
        ("xy", "x", "game.losses: 'y' is a player without a loss; allowed: one each for x, y"),
        ("xy", "xyz", "game.losses: 'z' is a loss without a player; allowed: one each for x, y"),
        ("xyz", "xyz", "game: players x, y, z given; one or two are allowed"),
    ],
)
def test_every_player_has_a_loss(players: str, losses: str, said: str) -> None:
    game = minmax.Game(
        lambda generator: {name: torch.ones(()) for name in players},
        {name: lambda own, batch: own["x"] ** 2 for name in losses},
    )
    with pytest.raises(ValueError, match=said):
        reports(game=game)


@pytest.mark.parametrize("name", minmax.OPTIMIZERS)
def test_players_order_is_inits_alone(name: str) -> None:
    """Losses and the projection may name the players, and these their leaves, in another order than ``init``."""

    def turned(function: Any) -> Any:
        return lambda *given: _reversed(function(*given))

    def init(generator: torch.Generator) -> Any:
        return {"x": {"a": torch.randn(2, generator=generator), "b": torch.ones(2)}, "y": torch.ones(2)}

    def value(z: Any, batch: Any) -> Tensor:
        return (z["x"]["a"].sin() + z["x"]["b"] ** 2) @ z["y"] - (z["y"] ** 4).sum()

    def other(z: Any, batch: Any) -> Tensor:
        return (z["x"]["a"] * z["y"]).sum() - value(z, batch)

    def project(z: Any) -> Any:
        return tree.map(lambda leaf: leaf.clamp(-0.9, 0.9), z)

    optimizer = minmax.optimizers.get(name)
    straight = minmax.Game(init, {"x": value, "y": other}, project=project)
    crossed = minmax.Game(init, {"y": other, "x": value}, project=turned(project))
    one, two = (
        reports(game=game, optimizer=optimizer, hypers=hypers_for(optimizer), seeds=[1, 2])[0].players
        for game in (straight, crossed)
    )
    assert list(one) == list(two) == ["x", "y"]
    for (path, was), (_, now) in zip(tree.named_leaves(one), tree.named_leaves(two), strict=True):
        assert torch.equal(was, now), path


def _reversed(given: Any) -> Any:
    return {key: _reversed(own) for key, own in reversed(given.items())} if isinstance(given, dict) else given


def test_checkpoints_keep_order_and_refuse_what_is_no_checkpoint() -> None:
    """Which player is the first is a matter of order, and safetensors sorts by name."""
    (report,) = reports(game=registered_gan(), hypers={"lr": 0.1}, steps=2)
    loaded = checkpoint.loads(checkpoint.dumps(report.state))
    assert list(loaded["players"]) == ["generator", "discriminator"]
    paths = [path for path, _ in tree.named_leaves(report.state)]
    assert [path for path, _ in tree.named_leaves(loaded)] == paths
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        checkpoint.loads(checkpoint.dumps(report.state)[:-7])
    from safetensors.torch import save

    with pytest.raises(ValueError, match="without the order"):
        checkpoint.loads(save({"x": torch.zeros(1)}))


def test_packing_is_undone_and_keeps_buffers() -> None:
    """One vector a player, in the order of its leaves; a player of two dtypes stays a tree."""
    game = module_gan(norm=True)
    players = tree.stack([game.init(minmax.streams.generator(seed, "init")) for seed in range(3)])
    mixed = {**players, "mixed": {"a": torch.zeros(3, 2), "b": torch.zeros(3, 2, dtype=torch.float64)}}
    packing = Packing(mixed)
    packed = packing.pack(mixed)
    assert packed["generator"].keys() == {"vector", "buffers"}
    assert packed["mixed"] is mixed["mixed"]
    for (path, was), (_, now) in zip(tree.named_leaves(mixed), tree.named_leaves(packing.unpack(packed)), strict=True):
        assert torch.equal(was, now), path


def test_batchnorm_buffers_are_renewed_once_a_step() -> None:
    """After one step at rate ~0 running means are a tenth of the minibatch's means; fakes and reals both pass D."""
    game = module_gan(norm=True)
    seen: list[Any] = []
    optimizer = minmax.optimizers.get("alternating_gda")

    def listening(game: Any, players: Any, state: Any, batches: Any, *rest: Any) -> Any:
        seen.append(batches[0])
        return optimizer.step(game, players, state, batches, *rest)

    run = reports(game=game, optimizer=optimizer._replace(step=listening), hypers={"lr": 1e-300}, steps=1, seeds=[4])
    players = tree.member(run[0].players, 0)
    latent, real = seen[0]["latent"][0], seen[0]["real"][0]
    g, d = players["generator"], players["discriminator"]

    def hidden(player: Any, x: Tensor) -> Tensor:
        return x @ player["0.weight"].T + player["0.bias"]

    torch.testing.assert_close(g["buffers"]["1.running_mean"], 0.1 * hidden(g, latent).mean(0))
    normal = torch.nn.functional.batch_norm(hidden(g, latent), None, None, g["1.weight"], g["1.bias"], training=True)
    fake = normal.tanh() @ g["3.weight"].T + g["3.bias"]
    leaky = [torch.nn.functional.leaky_relu(hidden(d, x), 0.2).mean(0) for x in (real, fake)]
    torch.testing.assert_close(d["buffers"]["2.running_mean"], 0.9 * 0.1 * leaky[0] + 0.1 * leaky[1])
    assert g["buffers"]["1.num_batches_tracked"] == 1 and d["buffers"]["2.num_batches_tracked"] == 2


@pytest.mark.parametrize("members", [1, 3])
def test_a_module_generates_by_its_running_statistics(members: int) -> None:
    """Every sample from its own latent vector, the same each time; training still looks at minibatches."""

    def made() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 2))

    game = minmax.gan(made, lambda: nn.Linear(2, 1), data={"name": "gaussians", "count": 500}, latent=3, batch=8)
    (report,) = reports(game=game, hypers={"lr": 0.1}, steps=5, seeds=range(members))
    latents = torch.randn(members, 20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    samples = game.generate(report.players, latents)
    assert torch.equal(samples, game.generate(report.players, latents))
    for index in range(members):
        g = tree.member(report.players, index)["generator"]
        hidden = latents[index] @ g["0.weight"].T + g["0.bias"]
        mean, variance = g["buffers"]["1.running_mean"], g["buffers"]["1.running_var"]
        assert g["buffers"]["1.num_batches_tracked"] == 5
        normal = (hidden - mean) / (variance + 1e-5).sqrt() * g["1.weight"] + g["1.bias"]
        torch.testing.assert_close(samples[index], normal.tanh() @ g["4.weight"].T + g["4.bias"])


def test_one_member_needs_no_vmap() -> None:
    """A module that ``vmap`` refuses trains and generates alone."""

    class Reading(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            assert isinstance(inputs.sum().item(), float)
            return super().forward(inputs)

    game = minmax.gan(lambda: Reading(3, 2), lambda: nn.Linear(2, 1), data="gaussians", latent=3, batch=8)
    (report,) = reports(game=game, steps=2, metrics=["frechet"])
    assert report.metrics["frechet"].isfinite().all()


def test_training_leaves_the_global_generator_alone() -> None:
    """Also where modules draw from it (dropout)."""
    torch.manual_seed(7)
    before = torch.get_rng_state()
    optimizer = minmax.optimizers.get("gda")
    reports(game=module_gan(dropout=True), optimizer=optimizer, hypers=hypers_for(optimizer), seeds=[0, 1], steps=3)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_training_on_a_gpu_leaves_its_generator_alone() -> None:
    """Dropout there draws from the run's own, which a resumed run goes on with."""
    torch.cuda.manual_seed(7)
    before = torch.cuda.get_rng_state()
    given = {"game": module_gan(dropout=True), "seeds": [0, 1], "report_every": 10, "device": "cuda"}
    whole = reports(**given)
    assert torch.equal(before, torch.cuda.get_rng_state())
    torch.cuda.manual_seed(8)
    (resumed,) = reports(**given, resume=checkpoint.loads(checkpoint.dumps(whole[0].state)))
    for name in ("random", "random_cuda"):
        assert torch.equal(resumed.state[name], whole[1].state[name])
    assert not torch.equal(whole[0].state["random_cuda"], whole[1].state["random_cuda"])
    for (path, was), (_, now) in zip(
        tree.named_leaves(whole[1].players), tree.named_leaves(resumed.players), strict=True
    ):
        torch.testing.assert_close(now, was, msg=lambda text, at=path: f"{at}: {text}")


def test_building_leaves_other_generators_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPUs' generators are not seeded along with the CPU's: nobody would put them back."""
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("every GPU's generator is seeded"))
    module_gan().init(minmax.streams.generator(0, "init"))
    classifier.fit(classifier.dense(64, 2), torch.rand(8, 8, 8), torch.arange(8) % 2, steps=1)
