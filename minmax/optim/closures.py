"""From closures over two modules to a game that a step function plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from minmax import tree
from minmax.lazy import torch
from minmax.optim.minibatches import Minibatches, seeded
from minmax.packing import Packing
from minmax.types import Batch, Game, Players

if TYPE_CHECKING:
    from torch import Tensor, nn

    from minmax.optim.scaling import LossScale

Closure = Callable[..., Any]


class Arena(torch.nn.ModuleList):
    """Both players' modules under one roof, so that a closure can be called with other parameters in their place."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__(modules.values())
        self.names = list(modules)
        held = [own for module in modules.values() for own in (*module.parameters(), *module.buffers())]
        self.cuda_devices = sorted({own.device for own in held if own.is_cuda}, key=str)

    def forward(self, closure: Closure, arguments: tuple[Any, ...]) -> Any:
        """What the closure returns."""
        return closure(*arguments)

    def players(self) -> Players:
        """Copies of the parameters that require a gradient, stacked: one member."""
        return {name: _copies(module) for name, module in zip(self.names, self, strict=True)}

    def write(self, players: Players) -> None:
        """Copies one member's values into the parameters."""
        with torch.no_grad():
            for name, module in zip(self.names, self, strict=True):
                parameters = dict(module.named_parameters())
                for path, values in players[name].items():
                    parameters[path].copy_(values[0])

    def call(self, closure: Closure, arguments: tuple[Any, ...], players: Players) -> tuple[Any, dict[str, Tensor]]:
        """What the closure returns at one member's players, and the buffers it leaves; the modules keep theirs."""
        given = {name: buffer.clone() for name, buffer in self.named_buffers()}
        buffers = list(given)
        for index, name in enumerate(self.names):
            given |= {f"{index}.{path}": values for path, values in players[name].items()}
        returned = torch.func.functional_call(self, given, (closure, arguments))
        return returned, {name: given[name] for name in buffers}


def _copies(module: nn.Module) -> dict[str, Tensor]:
    return {path: own.detach().clone().unsqueeze(0) for path, own in module.named_parameters() if own.requires_grad}


class ClosureGame:
    """One step's game. ``seen``: each loss as it was when the step first looked at it.

    Args:
        closure: one that returns all losses, or one a player (a sequence, or a mapping by player's name).
    """

    def __init__(
        self, arena: Arena, packing: Packing, closure: Any, minibatches: Minibatches, scale: LossScale | None
    ) -> None:
        self._arena, self._packing, self._minibatches, self._scale = arena, packing, minibatches, scale
        self._closures = _by_player(closure, arena.names)
        self._shared = callable(closure)
        self.seen: dict[str, Tensor] = {}

    def game(self) -> Game:
        """Between packed players; its minibatches are trees that ``Minibatches`` made."""
        names = self._arena.names
        return Game(
            init=lambda generator: tree.member(self._packing.pack(self._arena.players()), 0),
            losses={name: partial(self._loss, name) for name in names},
            joint=partial(self._losses, names[0]) if self._shared else None,
            native=True,
        )

    def renew(self, players: Players) -> None:
        """The modules' buffers as one call of every closure leaves them, at these players and the first minibatch."""
        if next(self._arena.buffers(), None) is None:
            return
        unpacked = tree.member(tree.detach(self._packing.unpack(players)), 0)
        minibatch = tree.member(self._minibatches.trees[0], 0)
        for closure in dict.fromkeys(self._closures.values()):
            _, renewed = self._call(closure, unpacked, minibatch)
            with torch.no_grad():
                for name, buffer in self._arena.named_buffers():
                    buffer.copy_(renewed[name])

    def _loss(self, name: str, players: Players, batch: Batch) -> Tensor:
        return self._losses(name, players, batch)[name]

    def _losses(self, name: str, players: Players, batch: Batch) -> dict[str, Tensor]:
        """What ``name``'s closure returns at packed players, ``[M]`` each."""
        if self._scale is not None:
            players = tree.map(self._scale.enter, players)
        unpacked = self._packing.unpack(players)
        found = [
            self._one_member(name, tree.member(unpacked, index), tree.member(batch, index))
            for index in range(tree.members(players))
        ]
        return {player: torch.stack([own[player] for own in found]) for player in found[0]}

    def _one_member(self, name: str, players: Players, minibatch: Batch) -> dict[str, Tensor]:
        returned, _ = self._call(self._closures[name], players, minibatch)
        losses = self._named(returned) if self._shared else {name: _scalar(name, returned)}
        for player, loss in losses.items():
            self.seen.setdefault(player, loss.detach())
            _check_reached(player, loss, players[player])
        return losses if self._scale is None else {player: self._scale.scale(own) for player, own in losses.items()}

    def _call(self, closure: Closure, players: Players, minibatch: Batch) -> tuple[Any, dict[str, Tensor]]:
        """With a graph also where a step needs none: a gradient penalty differentiates inside."""
        arguments = self._minibatches.arguments(minibatch)
        with torch.enable_grad(), seeded(self._minibatches.seed(minibatch), self._arena.cuda_devices):
            return self._arena.call(closure, arguments, players)

    def _named(self, returned: Any) -> dict[str, Tensor]:
        names = self._arena.names
        if isinstance(returned, Mapping) and set(returned) == set(names):
            return {name: _scalar(name, returned[name]) for name in names}
        if isinstance(returned, (tuple, list)) and len(returned) == len(names):
            return {name: _scalar(name, own) for name, own in zip(names, returned, strict=True)}
        raise TypeError(f"closure: {_described(returned)} returned; {_pair(names)} is allowed")


def _by_player(closure: Any, names: Sequence[str]) -> dict[str, Closure]:
    if callable(closure):
        return dict.fromkeys(names, closure)
    if isinstance(closure, Mapping) and set(closure) == set(names):
        return {name: closure[name] for name in names}
    if isinstance(closure, (tuple, list)) and len(closure) == len(names):
        return dict(zip(names, closure, strict=True))
    raise TypeError(
        f"closure: {_described(closure)} given; one function, or one for each of {' and '.join(names)} is allowed"
    )


def _scalar(name: str, loss: Any) -> Tensor:
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1 or not loss.is_floating_point():
        raise TypeError(f"closure: {_described(loss)} returned for {name}; a tensor of one number is allowed")
    return loss.reshape(())


def _check_reached(name: str, loss: Tensor, parameters: dict[str, Tensor]) -> None:
    wanted = any(own.requires_grad for own in parameters.values())
    if wanted and not loss.requires_grad:
        raise ValueError(
            f"closure: the loss of {name} depends on no parameter; "
            "allowed: losses computed by the modules given, without no_grad and item()"
        )


def _pair(names: Sequence[str]) -> str:
    return f"the losses of {' and '.join(names)}, in this order or by name,"


def _described(given: Any) -> str:
    if isinstance(given, torch.Tensor):
        return f"a tensor of shape {tuple(given.shape)} and {given.dtype}"
    size = f" of {len(given)}" if isinstance(given, (tuple, list, dict)) else ""
    return f"a {type(given).__name__}{size}"
