"""The user's own ``nn.Module`` as a player's network: functional, re-initialised from a seed, buffers kept apart."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minmax.lazy import torch
from minmax.types import Tree

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class ModuleNet:
    """Wraps a module, or a function that makes one, for **one** member; the engine lifts it to many.

    ``init`` makes the module anew under the member's seed: a function is called; of a module a copy is taken and every
    submodule with ``reset_parameters`` is reset (others keep the values they have).
    """

    def __init__(self, module: nn.Module | Callable[[], nn.Module]) -> None:
        self._make = None if isinstance(module, torch.nn.Module) else module
        self._module = module if isinstance(module, torch.nn.Module) else self._seeded(module, 0)
        self._evaluating = copy.deepcopy(self._module).eval()

    @property
    def has_buffers(self) -> bool:
        """Whether a forward pass may renew something."""
        return next(self._module.buffers(), None) is not None

    @property
    def noise(self) -> Callable[[Generator, int], Tree] | None:
        """The module's own ``noise``, if it has one: what ``NativeNet`` says of it."""
        return getattr(self._module, "noise", None)

    def init(self, generator: Generator) -> Tree:
        """Parameters by their names; ``"buffers"`` where the module has any."""
        seed = int(torch.randint(2**62, (), generator=generator))
        module = self._seeded(self._make or self._reset_copy, seed)
        own: dict[str, Any] = {name: value.detach().clone() for name, value in module.named_parameters()}
        buffers = {name: value.detach().clone() for name, value in module.named_buffers()}
        return {**own, "buffers": buffers} if buffers else own

    def __call__(self, tree: Tree, inputs: Tensor, noise: Tree | None = None) -> Tensor:
        """The forward pass, ``[B, ...] -> [B, ...]``; what it would write into buffers is forgotten."""
        return self.forward(tree, inputs, noise)[0]

    def evaluate(self, tree: Tree, inputs: Tensor) -> Tensor:
        """The forward pass in eval mode: running statistics instead of the minibatch's, no dropout."""
        return _call(self._evaluating, tree, inputs)[0]

    def forward(self, tree: Tree, inputs: Tensor, noise: Tree | None = None) -> tuple[Tensor, Tree]:
        """The forward pass and the buffers after it."""
        return _call(self._module, tree, inputs, noise)

    def _reset_copy(self) -> nn.Module:
        module = copy.deepcopy(self._module).cpu()  # where the seed decides
        for part in module.modules():
            reset = getattr(part, "reset_parameters", None)
            if callable(reset):
                reset()
        return module

    @staticmethod
    def _seeded(make: Callable[[], nn.Module], seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]), torch.no_grad():  # what holds a graph (weight_norm) allows no copy
            torch.default_generator.manual_seed(seed)  # the CPU's alone: no other is put back afterwards
            return make()


def _call(module: nn.Module, tree: Tree, inputs: Tensor, noise: Tree | None = None) -> tuple[Tensor, Tree]:
    buffers = {name: value.clone() for name, value in tree.get("buffers", {}).items()}
    parameters = {name: value for name, value in tree.items() if name != "buffers"}
    arguments = (inputs, noise) if noise else (inputs,)
    outputs: Tensor = torch.func.functional_call(module, {**parameters, **buffers}, arguments)
    return outputs, buffers
