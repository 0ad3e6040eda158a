"""The registered optimizers as classes, under the names that people know."""

from __future__ import annotations

from functools import cache
from typing import Any

from minmax.optim.game_optimizer import GameOptimizer
from minmax.optimizers import OPTIMIZERS

ACRONYMS = {"gda", "sga"}
WITH_ADAM = {"OptimisticAdam": "optimistic", "ExtraAdam": "extragradient"}


def class_name(registered: str) -> str:
    """
    >>> class_name("alternating_gda"), class_name("past_extragradient")
    ('AlternatingGDA', 'PastExtragradient')
    """
    return "".join(word.upper() if word in ACRONYMS else word.capitalize() for word in registered.split("_"))


def class_names() -> dict[str, str]:
    """Class's name -> registered name."""
    return {**{class_name(registered): registered for registered in OPTIMIZERS}, **WITH_ADAM}


@cache
def named(name: str) -> type[GameOptimizer]:
    """The class of this name: ``GameOptimizer`` with the optimizer (and perhaps the transform) chosen.

    Raises:
        AttributeError: no registered optimizer is called so.
    """
    known = class_names()
    if name not in known:
        raise AttributeError(f"minmax.optim: {name!r} given; {', '.join(sorted(known))} are allowed")
    registered = known[name]
    fixed: dict[str, Any] = {"transform": "adam"} if name in WITH_ADAM else {}

    def __init__(self: GameOptimizer, first: Any, second: Any, **settings: Any) -> None:
        GameOptimizer.__init__(self, first, second, registered, **fixed, **settings)

    body = {"__init__": __init__, "__doc__": OPTIMIZERS[registered].__doc__, "__module__": "minmax.optim"}
    return type(name, (GameOptimizer,), body)
