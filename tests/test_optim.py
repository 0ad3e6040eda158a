"""What a user's loop relies on: methods are what they are called, chance, buffers, resuming, references, errors."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from contract import hypers_for
from playing import LATENT, closure_over, losses_of, minibatches, moving, networks, values
from test_contract import VARIANTS, called
from torch import Tensor, nn

import minmax
from minmax import tree
from minmax.optim import GameOptimizer
from minmax.types import Optimizer

every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=[called(*variant) for variant in VARIANTS])


def begun(name: str = "gda", g: Any = None, d: Any = None, **settings: Any) -> GameOptimizer:
    """A registered optimizer, with which every step moves, over the tests' networks, or others."""
    if g is None:
        g, d = networks()
    options = settings.pop("options", {})
    rule = minmax.optimizers.get(name, transform=settings.pop("transform", "adam"), **options)
    return GameOptimizer(g, d, moving(rule), **{**hypers_for(rule), **settings})


def gradients(g: nn.Module, d: nn.Module, batch: Any) -> list[list[Tensor]]:
    """Each player's, of its own loss."""
    return [
        list(torch.autograd.grad(loss, list(module.parameters()), retain_graph=True))
        for loss, module in zip(losses_of(g, d, batch), (g, d), strict=True)
    ]


def assert_same_values(one: nn.Module, other: nn.Module, relative: float = 0.0) -> None:
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=relative, atol=relative)


# Known methods


def test_gda_with_adam_is_two_adams_at_once() -> None:
    (g, d), (g2, d2) = networks(), networks()
    optimizer = minmax.optim.GDA(g, d, lr=0.01, lr_ratio=1.7, transform="adam", betas=(0.3, 0.98))
    one = torch.optim.Adam(g2.parameters(), lr=0.01, betas=(0.3, 0.98))
    other = torch.optim.Adam(d2.parameters(), lr=0.017, betas=(0.3, 0.98))
    for batch in minibatches(50):
        optimizer.step(closure_over(g, d), [batch])
        for module, own in zip((g2, d2), gradients(g2, d2, batch), strict=True):
            for parameter, gradient in zip(module.parameters(), own, strict=True):
                parameter.grad = gradient
        one.step()
        other.step()
    assert_same_values(g, g2, 1e-10)
    assert_same_values(d, d2, 1e-10)


def test_alternating_gda_is_the_ordinary_loop() -> None:
    """A generator's step, then the discriminator's against the new generator; with a closure a player."""
    (g, d), (g2, d2) = networks(), networks()
    optimizer = minmax.optim.AlternatingGDA(g, d, lr=0.01, lr_ratio=2.0, transform="adam", betas=(0.5, 0.99))
    one = torch.optim.Adam(g2.parameters(), lr=0.01, betas=(0.5, 0.99))
    other = torch.optim.Adam(d2.parameters(), lr=0.02, betas=(0.5, 0.99))

    def own(index: int) -> Callable[[Any], Tensor]:
        return lambda batch: losses_of(g, d, batch)[index]

    for batch in minibatches(50):
        seen = optimizer.step((own(0), own(1)), [batch])
        for index, (name, ordinary) in enumerate((("generator", one), ("discriminator", other))):
            ordinary.zero_grad()
            loss = losses_of(g2, d2, batch)[index]
            loss.backward()
            ordinary.step()
            torch.testing.assert_close(seen[name], loss.detach(), rtol=1e-10, atol=1e-12)
    assert_same_values(g, g2, 1e-10)
    assert_same_values(d, d2, 1e-10)


def test_optimistic_adam_is_its_formula() -> None:
    """w ← w − 2h·m̂/(√v̂ + ε) + h·(the direction before); at the first step the direction before is this one."""
    (g, d), (g2, d2) = networks(), networks()
    h, b1, b2, eps = (0.01, 0.02), 0.4, 0.95, 1e-6
    optimizer = minmax.optim.OptimisticAdam(g, d, lr=h[0], lr_ratio=2.0, betas=(b1, b2), eps=eps)
    parameters = [list(g2.parameters()), list(d2.parameters())]
    m, v = ([[torch.zeros_like(w) for w in own] for own in parameters] for _ in range(2))
    before: list[list[Any]] = [[None] * len(own) for own in parameters]
    for t, batch in enumerate(minibatches(20), start=1):
        optimizer.step(closure_over(g, d), [batch])
        for i, player in enumerate(gradients(g2, d2, batch)):
            for k, gradient in enumerate(player):
                m[i][k] = b1 * m[i][k] + (1 - b1) * gradient
                v[i][k] = b2 * v[i][k] + (1 - b2) * gradient**2
                now = m[i][k] / (1 - b1**t) / ((v[i][k] / (1 - b2**t)).sqrt() + eps)
                last = now if before[i][k] is None else before[i][k]
                parameters[i][k].data -= h[i] * (2 * now - last)
                before[i][k] = now
    assert_same_values(g, g2, 1e-10)
    assert_same_values(d, d2, 1e-10)


def test_every_registered_optimizer_is_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is registered this moment; with the builder's options and the hyperparameters side by side."""
    classes = minmax.optim.names.class_names()
    assert set(classes.values()) == set(minmax.OPTIMIZERS) and classes.keys() < set(dir(minmax.optim))
    g, d = networks()
    for name, registered in classes.items():
        made = getattr(minmax.optim, name)
        defaults = hypers_for(minmax.optimizers.get(registered))
        assert made is getattr(minmax.optim, name) and made.__name__ == name
        assert made(g, d, **defaults).rule.name == registered
    entries = {**minmax.OPTIMIZERS._entries, "my_rule": lambda transform="sgd", doubled=False: doubled_gda(doubled)}
    monkeypatch.setattr(minmax.OPTIMIZERS, "_entries", entries)
    assert minmax.optim.MyRule(g, d, lr=0.1, doubled=True).hypers == {"factor": 2.0}
    assert GameOptimizer(g, d, "my_rule", lr=0.1, options={"doubled": True}, factor=3.0).hypers == {"factor": 3.0}
    assert minmax.optim.OptimisticAdam(g, d, lr=0.1).hypers.keys() >= {"beta1", "beta2", "eps"}
    with pytest.raises(AttributeError, match=r"minmax.optim: 'Adam' given; AcceptReject, AlternatingGDA"):
        minmax.optim.Adam  # noqa: B018
    with pytest.raises(TypeError, match="multiple values for keyword argument 'transform'"):
        minmax.optim.ExtraAdam(g, d, lr=0.1, transform="sgd")


def doubled_gda(doubled: bool) -> Optimizer:
    rule = minmax.optimizers.get("gda")
    factor = minmax.Range(1.0, 3.0, default=2.0 if doubled else 1.0)
    return rule._replace(name="my_rule", hypers={**rule.hypers, "factor": factor})


# Chance


class Drawing:
    """A closure that draws latent noise itself, and remembers it."""

    def __init__(self, g: nn.Module, d: nn.Module) -> None:
        self.g, self.d, self.drawn = g, d, list[Tensor]()

    def __call__(self, real: Tensor | None = None) -> tuple[Tensor, Tensor]:
        self.drawn.append(torch.randn(8, LATENT, dtype=torch.float64))
        real = minibatches(1)[0]["real"] if real is None else real
        return losses_of(self.g, self.d, {"real": real, "latent": self.drawn[-1]})

    @property
    def different(self) -> int:
        return len({tuple(own.flatten().tolist()) for own in self.drawn})


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v[1].get("estimator", "biased") == "biased"])
def test_a_minibatch_has_one_draw(variant: tuple[str, dict[str, Any]]) -> None:
    """As many different draws as minibatches, however often the closure is called; others at the next step."""
    g, d = networks()
    optimizer, closure = begun(variant[0], g, d, options=variant[1]), Drawing(g, d)
    optimizer.step(closure)
    assert closure.different == optimizer.batches <= len(closure.drawn)
    optimizer.step(closure)
    assert closure.different == 2 * optimizer.batches


def test_a_step_advances_the_generator_alike_whatever_is_drawn() -> None:
    """Two minibatches' seeds and the optimizer's own; and the same seed gives the same step."""
    after, drawn = [], []
    for draws in (0, 5):
        g, d = networks()
        optimizer, closure = begun("extragradient", g, d), Drawing(g, d)

        def wasteful(draws: int = draws, closure: Drawing = closure) -> tuple[Tensor, Tensor]:
            losses = closure()
            torch.randn(draws)
            return losses

        torch.manual_seed(3)
        optimizer.step(wasteful)
        after.append(torch.get_rng_state())
        drawn.append(closure.drawn)
    assert torch.equal(*after) and all(map(torch.equal, *drawn))
    torch.manual_seed(3)
    assert not torch.equal(after[0], torch.get_rng_state())


def test_halves_of_a_minibatch_draw_apart() -> None:
    g, d = networks()
    optimizer = begun("consensus", g, d, options={"estimator": "half_batches"})
    drawn = []

    def closure(batch: Any) -> tuple[Tensor, Tensor]:
        drawn.append(torch.rand(()).item())
        return losses_of(g, d, batch)

    optimizer.step(closure, minibatches(1))
    assert len(set(drawn)) == 2
    with pytest.raises(ValueError, match="half_batches: batch leaf 'chance'"):
        optimizer.step(lambda: losses_of(g, d, minibatches(1)[0]))


# Modules


class Probing(nn.Module):
    """A discriminator that counts its calls in a buffer that it replaces rather than writes into."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 1).double()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        return self.inner(x)


@every_variant
def test_buffers_are_renewed_once_a_step(variant: tuple[str, dict[str, Any]]) -> None:
    """By one call of the closure (two of D); the buffer stays the tensor that it was."""
    g, d = networks()[0], Probing()
    held, optimizer = d.calls, begun(variant[0], g, d, options=variant[1])
    for step, first in enumerate(minibatches(3), start=1):
        optimizer.step(closure_over(g, d), [first] * optimizer.batches)
        assert held is d.calls and held == 2 * step


@every_variant
def test_references_stay_valid_and_nothing_else_changes(variant: tuple[str, dict[str, Any]]) -> None:
    """Parameters are written in place, also of a player that is a single tensor; .grad and frozen ones stay."""

    class Point(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.at = nn.Parameter(torch.ones(2, dtype=torch.float64))

        def forward(self, latent: Tensor) -> Tensor:
            return latent[:, :2] + self.at

    g, d = Point(), networks()[1]
    frozen = d[0].weight.requires_grad_(False)
    frozen.grad = torch.ones_like(frozen)
    optimizer = begun(variant[0], g, d, options=variant[1])
    names, held, before = list(dict(g.named_parameters())), g.at, (g.at.detach().clone(), values(d))
    for batch in minibatches(6):
        optimizer.step(closure_over(g, d), [batch] * optimizer.batches)
    assert list(dict(g.named_parameters())) == names and held is g.at and isinstance(g.at, nn.Parameter)
    assert held.grad is None and frozen.grad.eq(1).all() and not held.eq(before[0]).all()
    assert frozen.equal(before[1]["0.weight"]) and not d[0].bias.equal(before[1]["0.bias"])
    optimizer.zero_grad()
    assert frozen is d[0].weight and held.requires_grad and not frozen.requires_grad


def test_tied_parameters_of_one_module_stay_tied() -> None:
    g, d = networks()
    tied = nn.Sequential(g, nn.Linear(2, 2).double(), nn.Linear(2, 2).double())
    tied[2].weight = tied[1].weight
    optimizer = begun("extragradient", tied, d)
    before = tied[1].weight.detach().clone()
    for batch in minibatches(3):
        optimizer.step(closure_over(tied, d), [batch] * 2)
    assert tied[2].weight is tied[1].weight and not before.equal(tied[1].weight)


def test_recurrent_modules_play() -> None:
    """An LSTM keeps references to its weights beside its parameters."""

    class Speaking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(1, 2, batch_first=True).double()

        def forward(self, latent: Tensor) -> Tensor:
            return self.lstm(latent.unsqueeze(-1))[0][:, -1]

    torch.manual_seed(0)
    g, d = Speaking(), networks()[1]
    twin = Speaking()
    twin.load_state_dict(g.state_dict())
    optimizer = minmax.optim.Extragradient(g, d, lr=0.1, fresh_batch=False)
    (batch,) = minibatches(1)
    optimizer.step(closure_over(g, d), [batch])
    d2 = networks()[1]
    ahead = Speaking()
    ahead.load_state_dict(twin.state_dict())
    first = gradients(twin, d2, batch)
    for module, own in zip((ahead, d2), first, strict=True):
        for parameter, gradient in zip(module.parameters(), own, strict=True):
            parameter.data -= 0.1 * gradient
    for parameter, gradient in zip(twin.parameters(), gradients(ahead, d2, batch)[0], strict=True):
        parameter.data -= 0.1 * gradient
    assert_same_values(g, twin, 1e-12)


def test_a_gradient_penalty_inside_the_closure() -> None:
    """It differentiates while a step only wants values (accept/reject's f), and third derivatives exist."""
    for name in ("accept_reject", "consensus"):
        g, d = networks()
        optimizer = begun(name, g, d)

        def closure(batch: Any, g: nn.Module = g, d: nn.Module = d) -> tuple[Tensor, Tensor]:
            first, second = losses_of(g, d, batch)
            at = batch["real"].clone().requires_grad_()
            (slope,) = torch.autograd.grad(d(at).sum(), at, create_graph=True)
            return first, second + (slope**2).sum(1).mean()

        for batch in minibatches(2):
            optimizer.step(closure, [batch] * optimizer.batches)
        assert all(parameter.isfinite().all() for parameter in g.parameters())


class Points(NamedTuple):
    at: Tensor
    label: Tensor


def test_minibatches_come_as_they_were_given() -> None:
    """Lists as from a DataLoader, named tuples, dicts with any keys."""
    g, d = networks()
    optimizer = begun("gda", g, d)
    (batch,) = minibatches(1)
    points = Points(batch["real"], torch.arange(8))
    given = [list(points), (batch["real"], {1: batch["latent"]}), batch["real"], points]
    seen = []

    def closure(own: Any) -> tuple[Tensor, Tensor]:
        seen.append(own)
        return losses_of(g, d, batch)

    for own in given:
        optimizer.step(closure, [own])
    assert type(seen[0]) is list and seen[0][1].equal(torch.arange(8)) and type(seen[1]) is tuple
    assert seen[1][1][1].equal(batch["latent"]) and seen[2].equal(batch["real"])
    assert seen[3].label.equal(points.label)


# Loops


@every_variant
def test_saved_and_resumed_bit_for_bit(variant: tuple[str, dict[str, Any]]) -> None:
    """At step 7 through ``torch.save`` and ``torch.load(weights_only=True)``, with dropout and latent noise drawn."""

    def started() -> tuple[nn.Module, nn.Module, GameOptimizer]:
        g, d = networks("dropout")
        return g, d, begun(variant[0], g, d, options=variant[1])

    def go_on(g: nn.Module, d: nn.Module, optimizer: GameOptimizer, steps: int) -> None:
        for batch in minibatches(steps):
            optimizer.step(Drawing(g, d), [batch["real"]] * optimizer.batches)

    g, d, optimizer = started()
    go_on(g, d, optimizer, 7)
    optimizer.param_groups[1]["lr"] *= 0.5
    saved = io.BytesIO()
    parts = {"g": g.state_dict(), "d": d.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({**parts, "random": torch.get_rng_state()}, saved)
    go_on(g, d, optimizer, 13)

    g2, d2, again = started()
    go_on(g2, d2, again, 2)
    saved.seek(0)
    loaded = torch.load(saved, weights_only=True)
    again.load_state_dict(loaded["optimizer"])
    g2.load_state_dict(loaded["g"])
    d2.load_state_dict(loaded["d"])
    torch.set_rng_state(loaded["random"])
    go_on(g2, d2, again, 13)
    assert_same_values(g, g2)
    assert_same_values(d, d2)
    if optimizer.state_dict()["state"]:
        for mine, theirs in zip(*(tree.leaves(o.state_dict()["state"]) for o in (optimizer, again)), strict=True):
            assert torch.equal(mine, theirs)


def test_a_state_before_the_first_step_and_of_another_optimizer() -> None:
    saved = begun("optimistic").state_dict()
    fresh = begun("optimistic", lr=0.5)
    fresh.load_state_dict(saved)
    assert [group["lr"] for group in fresh.param_groups] == [0.01, 0.017]
    with pytest.raises(ValueError, match="state_dict: one of optimistic given; gda is allowed"):
        begun("gda").load_state_dict(saved)


def test_torchs_schedulers_set_the_rates() -> None:
    """A factor for each player; the second's rate may leave the ratio, and both may end at 0."""
    g, d = networks()
    optimizer = minmax.optim.GDA(g, d, lr=0.4, lr_ratio=0.5)
    factors = [lambda t: (1.0, 0.5, 0.0, 0.0)[t], lambda t: (1.0, 0.25, 0.0, 0.0)[t]]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factors)
    for rates in ((0.4, 0.2), (0.2, 0.05), (0.0, 0.0)):
        (batch,) = minibatches(1)
        own = gradients(g, d, batch)
        before = [[parameter.detach().clone() for parameter in module.parameters()] for module in (g, d)]
        optimizer.step(closure_over(g, d), [batch])
        for module, was, gradient, rate in zip((g, d), before, own, rates, strict=True):
            for parameter, old, slope in zip(module.parameters(), was, gradient, strict=True):
                torch.testing.assert_close(parameter.detach(), old - rate * slope, rtol=1e-12, atol=1e-15)
        schedule.step()
    optimizer.param_groups[1]["lr"] = 0.1
    with pytest.raises(ValueError, match=r"lr: 0 and 0.1 given; 0 for the first player is allowed with"):
        optimizer.step(closure_over(g, d), [batch])


def test_hyperparameters_can_be_changed_between_steps() -> None:
    optimizer = begun("consensus")
    g, d = optimizer._arena
    optimizer.hypers["gamma"] = -1.0
    with pytest.raises(ValueError, match="gamma: -1 given; allowed: >= 0"):
        optimizer.step(closure_over(g, d), minibatches(1))
    optimizer.hypers["gamma"] = 0.0
    g2, d2 = networks()
    plain = begun("gda", g2, d2)
    for batch in minibatches(3):
        optimizer.step(closure_over(g, d), [batch])
        plain.step(closure_over(g2, d2), [batch])
    assert_same_values(g, g2, 1e-12)


@every_variant
def test_nothing_grows(variant: tuple[str, dict[str, Any]]) -> None:
    """As many tensors after 15 steps as after 5, and what is kept is no part of a graph."""
    g, d = networks()[0], Probing()
    optimizer, (batch,) = begun(variant[0], g, d, options=variant[1]), minibatches(1)

    def alive(steps: int) -> int:
        for _ in range(steps):
            optimizer.step(closure_over(g, d), [batch] * optimizer.batches)
        gc.collect()
        return sum(issubclass(type(own), Tensor) for own in gc.get_objects())

    gc.collect()
    gc.freeze()  # what other tests left need not be looked through
    try:
        assert alive(5) == alive(10) > 0
    finally:
        gc.unfreeze()
    kept = [*tree.leaves(optimizer.state_dict()["state"] or {}), *optimizer.info.values(), *d.buffers()]
    assert not any(own.requires_grad for own in kept)


# Errors


@pytest.mark.parametrize(
    ("closure", "error", "said"),
    [
        (lambda g, d, b: losses_of(g, d, b)[0], TypeError, r"a tensor of shape \(\) .* returned; the losses of gen"),
        (lambda g, d, b: {"g": 1, "d": 2}, TypeError, "closure: a dict of 2 returned"),
        (lambda g, d, b: (*losses_of(g, d, b), 0), TypeError, "closure: a tuple of 3 returned"),
        (lambda g, d, b: (g(b["latent"]), d(b["real"])), TypeError, r"shape \(8, 2\) and torch.float64 returned for"),
        (lambda g, d, b: (1.0, 2.0), TypeError, "closure: a float returned for generator; a tensor of one number"),
        (lambda g, d, b: (losses_of(g, d, b)[0].detach(),) * 2, ValueError, "loss of generator depends on no param"),
        (lambda g, d, b: 1 / 0, ZeroDivisionError, "division"),
    ],
)  # fmt: skip
def test_a_closure_that_returns_something_else(closure: Any, error: type[Exception], said: str) -> None:
    """Is told so, and modules and generators are as they were."""
    g, d = networks("batchnorm")
    optimizer, before = begun("gda", g, d), (values(g), values(d))
    with pytest.raises(error, match=said):
        optimizer.step(lambda batch: closure(g, d, batch), minibatches(1))
    for was, now in zip(before, (values(g), values(d)), strict=True):
        assert all(map(torch.equal, tree.leaves(was), tree.leaves(now)))
    assert all(isinstance(parameter, nn.Parameter) for parameter in g.parameters())


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (minibatches(1), ValueError, "batches: 1 given; extragradient consumes 2 a step"),
        ([0.5, 0.5], TypeError, "batches: a float given; tensors in dicts, lists and tuples"),
    ],
)
def test_minibatches_that_do_not_fit(given: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        begun("extragradient").step(lambda batch: None, given)


def test_closures_that_do_not_fit() -> None:
    with pytest.raises(TypeError, match="closure: a list of 3 given; one function, or one for each of generator and"):
        begun().step([print] * 3)


def test_modules_that_do_not_fit() -> None:
    g, d = networks()
    with pytest.raises(ValueError, match=r"discriminator: 1.0.weight is also generator's 0.weight; .* must be"):
        begun("gda", g, nn.Sequential(d, g))
    for parameter in d.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(ValueError, match="discriminator: no parameter that requires a gradient given"):
        begun("gda", g, d)


def test_settings_that_do_not_fit() -> None:
    g, d = networks()
    with pytest.raises(ValueError, match="lr: consensus needs a value; allowed: > 0"):
        minmax.optim.Consensus(g, d, gamma=1.0)
    with pytest.raises(ValueError, match="gama: consensus has no such hyperparameter; allowed: lr, lr_ratio, gamma"):
        minmax.optim.Consensus(g, d, lr=0.1, gama=1.0)
    with pytest.raises(ValueError, match="estimator: 'all' given"):
        minmax.optim.Consensus(g, d, lr=0.1, gamma=1.0, estimator="all")
    with pytest.raises(ValueError, match="loss_scale: -1 given; None, 'dynamic' or a positive number is allowed"):
        minmax.optim.GDA(g, d, lr=0.1, loss_scale=-1)
    with pytest.raises(ValueError, match="add_param_group: another group given; one for each player"):
        minmax.optim.GDA(g, d, lr=0.1).add_param_group({"params": [torch.zeros(1)]})
