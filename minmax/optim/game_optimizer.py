"""Any registered optimizer over two ordinary modules."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minmax import tree
from minmax.hypers import hypers_over_members
from minmax.lazy import torch
from minmax.optim.closures import Arena, ClosureGame
from minmax.optim.minibatches import Minibatches, draw_seed
from minmax.optim.scaling import LossScale
from minmax.optimizers import OPTIMIZERS
from minmax.packing import Packing
from minmax.types import Hypers, Optimizer, Players, Range, State, Tree

if TYPE_CHECKING:
    from torch import Tensor, nn

LEARNING = ("lr", "lr_ratio")


class GameOptimizer(torch.optim.Optimizer):
    """``optimizer`` between two modules: the first minimises the first loss, the second its own.

    ``param_groups`` are the players', each with its ``lr`` (the second's is ``lr·lr_ratio``): torch's schedulers work.
    ``hypers`` holds the other constants, to be read and changed between steps. ``info``: what the optimizer said of its
    last step. ``batches``: minibatches a step. ``rule``: the ``Optimizer`` that runs.

    Args:
        first, second: disjoint modules; parameters that require no gradient now are no part of the game.
        optimizer: a registered name, ``module:function``, or an ``Optimizer``.
        names: what the players are called in losses, messages and ``param_groups``.
        loss_scale: for float16: a number, or ``"dynamic"`` (see ``minmax.optim.scaling``); a step whose gradients
            overflow is not taken, and ``info`` says ``skipped``.
        options: the builder's, where a name in ``settings`` would be ambiguous.
        settings: hyperparameters, and the builder's options (``transform="adam"``, …); ``betas=(β₁, β₂)`` is ``beta1``
            and ``beta2``.

    Raises:
        ValueError: an unknown name, a value that is not allowed, shared parameters, or none to train.
    """

    def __init__(
        self,
        first: nn.Module,
        second: nn.Module,
        /,
        optimizer: str | Optimizer,
        *,
        names: Sequence[str] = ("generator", "discriminator"),
        loss_scale: float | str | None = None,
        options: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        if "betas" in settings:
            settings["beta1"], settings["beta2"] = settings.pop("betas")
        self.rule, given = _build(optimizer, options or {}, settings)
        values = {name: own.item() for name, own in hypers_over_members(self.rule, given, 1).items()}
        self.hypers = {name: value for name, value in values.items() if name not in LEARNING}
        self.info: dict[str, Tensor] = {}
        self._arena = Arena(dict(zip(names, (first, second), strict=True)))
        _check_modules(self._arena)
        self._packing = Packing(self._arena.players())
        self._state: State | None = None  # begun by the first step: until then the modules may be loaded
        self._scale = None if loss_scale is None else LossScale(loss_scale)
        super().__init__(_groups(self._arena, values.get("lr", 1.0), values.get("lr_ratio", 1.0)), {})

    @property
    def batches(self) -> int:
        """Minibatches a step."""
        return self.rule.batches

    def step(self, closure: Any, batches: Sequence[Any] | None = None) -> dict[str, Tensor]:  # type: ignore[override]
        """One step of both players.

        Args:
            closure: returns the losses of both players (a pair, or by name); or a closure a player.
            batches: as many as ``batches``, each a tensor or tensors in dicts, lists and tuples; the closure is then
                called with one of them.

        Returns:
            Each player's loss as the step first saw it, detached.

        Raises:
            ValueError, TypeError: what the closure returns, or is given, does not fit; nothing has changed then.
        """
        minibatches = Minibatches(batches, self.rule.batches, self.rule.name)
        played = ClosureGame(self._arena, self._packing, closure, minibatches, self._scale)
        players = self._packing.pack(self._arena.players())
        state = self.rule.init(players) if self._state is None else self._state
        noise, hypers = self._noise(players), self._current()
        players, state, info = self.rule.step(played.game(), players, state, minibatches.trees, noise, hypers)
        if self._scale is not None and self._scale.overflowed():
            self.info = {"skipped": torch.ones(())}
            return played.seen
        self._arena.write(self._packing.unpack(players))
        self._state, self.info = state, {name: own[0] for name, own in info.items()}
        played.renew(players)
        return played.seen

    def state_dict(self) -> dict[str, Any]:
        """All but the modules' own (and torch's generators) that goes on bit for bit: plain numbers and tensors."""
        groups = [{key: own for key, own in group.items() if key != "params"} for group in self.param_groups]
        scale = None if self._scale is None else {"value": self._scale.value, "good_steps": self._scale.good_steps}
        return {
            "optimizer": self.rule.name,
            "hypers": dict(self.hypers),
            "param_groups": groups,
            "loss_scale": scale,
            "state": self._state,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Goes on from a ``state_dict``; the modules are loaded by themselves, before or after.

        Raises:
            ValueError: another optimizer's, or of modules of other shapes.
        """
        if state_dict["optimizer"] != self.rule.name:
            raise ValueError(f"state_dict: one of {state_dict['optimizer']} given; {self.rule.name} is allowed")
        state = state_dict["state"]
        if state is not None:
            template = self.rule.init(self._packing.pack(self._arena.players()))
            state = tree.fill(template, state, "state")
            state = tree.map(lambda own, x: x.detach().to(own.device, own.dtype, copy=True), template, state)
        self._state = state
        self.hypers = dict(state_dict["hypers"])
        for group, given in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update(given)
        if self._scale is not None and state_dict["loss_scale"] is not None:
            self._scale.value = state_dict["loss_scale"]["value"]
            self._scale.good_steps = state_dict["loss_scale"]["good_steps"]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """For the base class alone: a game's players are given when it begins.

        Raises:
            ValueError: a third group.
        """
        if len(self.param_groups) == len(self._arena.names):
            raise ValueError("add_param_group: another group given; one for each player is allowed")
        super().add_param_group(param_group)

    def _noise(self, players: Players) -> Tree:
        own = torch.Generator(tree.leaves(players)[0].device).manual_seed(int(draw_seed()))
        return tree.map(lambda x: x.unsqueeze(0), self.rule.noise(own, tree.member(players, 0)))

    def _current(self) -> Hypers:
        """The hyperparameters as they are now, ``[1]``."""
        first, second = (float(group["lr"]) for group in self.param_groups)
        if first == 0 and second != 0:
            raise ValueError(f"lr: 0 and {second:g} given; 0 for the first player is allowed with 0 for the second")
        values = {"lr": first, "lr_ratio": second / first if first else 1.0, **self.hypers}
        for name, declared in self.rule.hypers.items():
            _check_allowed(name, values[name], declared)
        device = next(self._arena.parameters()).device
        return {name: torch.tensor([values[name]], dtype=torch.float64, device=device) for name in self.rule.hypers}


def _build(
    optimizer: str | Optimizer, options: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[Optimizer, dict[str, Any]]:
    """The optimizer, and what of the settings are hyperparameters."""
    if isinstance(optimizer, Optimizer):
        return optimizer, dict(settings)
    builder = OPTIMIZERS[optimizer]
    taken = inspect.signature(builder).parameters
    own = {name: value for name, value in settings.items() if name in taken}
    return builder(**own, **options), {name: value for name, value in settings.items() if name not in taken}


def _groups(arena: Arena, lr: float, lr_ratio: float) -> list[dict[str, Any]]:
    rates = (lr, lr * lr_ratio)
    return [
        {"params": [own for own in module.parameters() if own.requires_grad], "lr": rate, "name": name}
        for name, module, rate in zip(arena.names, arena, rates, strict=True)
    ]


def _check_modules(arena: Arena) -> None:
    seen: dict[int, str] = {}
    for player, module in zip(arena.names, arena, strict=True):
        if not any(own.requires_grad for own in module.parameters()):
            raise ValueError(f"{player}: no parameter that requires a gradient given; at least one is needed")
        for path, own in module.named_parameters():
            if id(own) in seen:
                raise ValueError(f"{player}: {path} is also {seen[id(own)]}; the players' parameters must be apart")
        seen |= {id(own): f"{player}'s {path}" for path, own in module.named_parameters()}


def _check_allowed(name: str, value: float, declared: Range) -> None:
    paused = name == "lr" and value == 0  # where a schedule warms up or ends
    if not declared.allows(value) and not paused:
        raise ValueError(f"{name}: {value:g} given; allowed: {declared.allowed}")
