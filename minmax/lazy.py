"""``torch``, imported at its first use.

What an optimizer or a metric *declares* (its search space, cost, direction) is read by commands that
train nothing, and importing torch takes two seconds. Every module of this package therefore says
``from minmax.lazy import torch``; type checkers see the real module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch as torch
else:

    class _Torch:
        """Stands for the module: the first attribute asked of it imports torch."""

        def __getattr__(self, name: str) -> Any:
            import torch

            value = getattr(torch, name)
            setattr(self, name, value)  # later reads cost what a module's attribute costs
            return value

    torch = _Torch()
