"""A step's minibatches as the trees that step functions take, and each one's chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from minmax import tree
from minmax.lazy import torch
from minmax.types import Batch, Tree

if TYPE_CHECKING:
    from torch import Tensor

DATA, CHANCE = "data", "chance"


class Minibatches:
    """Minibatches given by the user (or None, for a closure that holds its own), as trees of one member.

    A minibatch's ``chance`` is a seed an example: optimizers that split a minibatch by examples, or play each by
    itself, split it likewise, and every part has a seed, its first.

    Raises:
        ValueError: not as many as the optimizer consumes.
        TypeError: something else than tensors in (nested) dicts, lists and tuples.
    """

    def __init__(self, given: Sequence[Any] | None, count: int, optimizer: str) -> None:
        if given is not None and len(given) != count:
            raise ValueError(f"batches: {len(given)} given; {optimizer} consumes {count} a step")
        self._rebuild = None if given is None else _rebuilder(given[0])
        self.trees: tuple[Batch, ...] = tuple(_with_chance(own) for own in given or [None] * count)

    def arguments(self, minibatch: Batch) -> tuple[Any, ...]:
        """What to call the closure with, from one member's tree."""
        return () if self._rebuild is None else (self._rebuild(minibatch[DATA]),)

    @staticmethod
    def seed(minibatch: Batch) -> int:
        """One member's seed."""
        return int(minibatch[CHANCE].flatten()[0])


@contextmanager
def seeded(seed: int, devices: Sequence[Any]) -> Iterator[None]:
    """The global generators of the CPU and of these GPUs begin at ``seed``, and are put back."""
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach every GPU
        for device in devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def draw_seed(*shape: int) -> Tensor:
    """Seeds from torch's CPU generator."""
    return torch.randint(2**62, shape)


def _with_chance(given: Any) -> Batch:
    if given is None:
        return {CHANCE: draw_seed(1)}
    data = tree.map(lambda x: x.unsqueeze(0), _as_tree(given))
    sizes = [leaf.shape[:2] for leaf in tree.leaves(data) if leaf.dim() > 1]
    return {DATA: data, CHANCE: draw_seed(*(sizes[0] if sizes else (1,)))}


def _as_tree(given: Any) -> Tree:
    if isinstance(given, torch.Tensor):
        return given
    if isinstance(given, dict):
        return {str(key): _as_tree(own) for key, own in given.items()}
    if isinstance(given, (list, tuple)):
        return {str(index): _as_tree(own) for index, own in enumerate(given)}
    raise TypeError(f"batches: a {type(given).__name__} given; tensors in dicts, lists and tuples are allowed")


def _rebuilder(template: Any) -> Callable[[Tree], Any]:
    """The inverse of ``_as_tree``, for minibatches of this one's structure."""
    if isinstance(template, dict):
        parts = {key: _rebuilder(own) for key, own in template.items()}
        return lambda data: {key: part(data[str(key)]) for key, part in parts.items()}
    if isinstance(template, (list, tuple)):
        items = [_rebuilder(own) for own in template]
        make = type(template)._make if hasattr(template, "_make") else type(template)
        return lambda data: make([item(data[str(index)]) for index, item in enumerate(items)])
    return lambda data: data
