"""Mixed precision: autocast inside the closure, and loss scaling that is exact for second-order terms too."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from contract import hypers_for
from playing import closure_over, losses_of, minibatches, moving, networks
from test_contract import VARIANTS, called
from torch import Tensor, nn

import minmax
from minmax import tree
from minmax.optim import GameOptimizer

every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=[called(*variant) for variant in VARIANTS])


@every_variant
def test_a_scale_changes_nothing_where_precision_suffices(variant: tuple[str, dict[str, Any]]) -> None:
    """A power of two is exact in float64: bit for bit the same players, whatever is differentiated how often."""
    ends = []
    for scale in (None, 2.0**12, "dynamic"):
        g, d = networks()
        rule = minmax.optimizers.get(variant[0], transform="adam", **variant[1])
        optimizer = GameOptimizer(g, d, rule, loss_scale=scale, **hypers_for(rule))
        for batch in minibatches(5):
            optimizer.step(closure_over(g, d), [batch] * rule.batches)
        ends.append([*g.parameters(), *d.parameters()])
    assert all(map(torch.equal, ends[0], ends[1])) and all(map(torch.equal, ends[0], ends[2]))


class Half(nn.Module):
    """w ↦ 2¹⁴·w in float16, the parameter in float32, as autocast has it."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([value]))

    def forward(self) -> Tensor:
        return (2.0**14 * self.w).half()


@pytest.mark.parametrize("name", ["gda", "consensus"])
def test_float16_needs_the_scale_and_it_is_enough(name: str) -> None:
    """f = xy = 2⁻²⁸·(2¹⁴x)(2¹⁴y), whose gradient at the product is 2⁻²⁸: 0 in float16, and then nothing moves.

    With a scale a step is (x, y) ← (x − h(y + γx), y + h(x − γy)), γ = 0 for gda.
    """
    h, gamma = 0.25, 0.5
    constants = {"gamma": gamma} if name == "consensus" else {}
    for scale, moves in ((None, False), (2.0**16, True)):
        x, y = Half(1e-3), Half(2e-3)
        optimizer = GameOptimizer(x, y, name, lr=h, loss_scale=scale, **constants)

        def closure(x: Half = x, y: Half = y) -> tuple[Tensor, Tensor]:
            f = (x() * y()).float().sum() * 2.0**-28
            return f, -f

        optimizer.step(closure)
        pull = constants.get("gamma", 0.0)
        moved = (1e-3 - h * (2e-3 + pull * 1e-3), 2e-3 + h * (1e-3 - pull * 2e-3))
        assert (x.w.item(), y.w.item()) == pytest.approx(moved if moves else (1e-3, 2e-3), rel=1e-3)


@pytest.mark.parametrize(("scale", "halved", "good"), [("dynamic", 2.0**15, 1), (2.0**16, 2.0**16, 0)])
def test_an_overflow_is_skipped_and_halves_a_dynamic_scale(scale: float | str, halved: float, good: int) -> None:
    """Modules, buffers and the transform's state stay; the state dict holds the scale."""
    g, d = networks("batchnorm")
    rule = minmax.optimizers.get("extragradient", transform="adam")
    optimizer = GameOptimizer(g, d, rule, loss_scale=scale, **hypers_for(rule))
    (batch,) = minibatches(1)

    def step(factor: float) -> None:
        optimizer.step(lambda own: [factor * loss for loss in losses_of(g, d, own)], [batch] * 2)

    step(1.0)
    before = [value.clone() for module in (g, d) for value in module.state_dict().values()]
    state = tree.map(torch.clone, optimizer.state_dict()["state"])
    step(torch.inf)
    assert optimizer.info["skipped"] == 1
    after = [value for module in (g, d) for value in module.state_dict().values()]
    assert all(map(torch.equal, before, after))
    assert all(map(torch.equal, tree.leaves(state), tree.leaves(optimizer.state_dict()["state"])))
    assert optimizer.state_dict()["loss_scale"] == {"value": halved, "good_steps": 0}
    step(1.0)
    assert "skipped" not in optimizer.info and optimizer.state_dict()["loss_scale"]["good_steps"] == good


def test_a_dynamic_scale_grows() -> None:
    """After 2000 steps without an overflow, those before a checkpoint too."""
    g, d = networks()
    optimizer = GameOptimizer(g, d, "gda", loss_scale="dynamic", lr=0.01)
    optimizer.load_state_dict({**optimizer.state_dict(), "loss_scale": {"value": 2.0**15, "good_steps": 1999}})
    optimizer.step(closure_over(g, d), minibatches(1))
    assert optimizer.state_dict()["loss_scale"] == {"value": 2.0**16, "good_steps": 0}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@every_variant
def test_autocast_inside_the_closure(variant: tuple[str, dict[str, Any]], dtype: torch.dtype) -> None:
    """Forward passes in half precision, parameters and states in float32; near the run in float32.

    (All proposals are accepted: a comparison of two values may turn round in half precision.)"""
    ends = []
    for enabled in (False, True):
        g, d = (module.float() for module in networks())
        rule = minmax.optimizers.get(variant[0], transform="adam", **variant[1])
        hypers = {**hypers_for(rule), "eps": 0.1}
        optimizer = GameOptimizer(g, d, moving(rule), loss_scale=2.0**8 if dtype == torch.float16 else None, **hypers)
        seen = set()

        def closure(batch: Any, g: nn.Module = g, d: nn.Module = d, on: bool = enabled, seen: Any = seen) -> Any:
            with torch.autocast("cpu", dtype=dtype, enabled=on):
                seen.add(g(batch["latent"]).dtype)
                return losses_of(g, d, batch)

        start = torch.cat([parameter.detach().flatten().clone() for parameter in (*g.parameters(), *d.parameters())])
        for batch in minibatches(5):
            optimizer.step(closure, [tree.map(Tensor.float, batch)] * rule.batches)
        assert seen == {dtype if enabled else torch.float32}
        end = torch.cat([parameter.detach().flatten() for parameter in (*g.parameters(), *d.parameters())])
        assert end.dtype == torch.float32
        ends.append(end - start)
    assert ends[0].norm() > 0
    assert (ends[1] - ends[0]).norm() < 0.1 * ends[0].norm()
