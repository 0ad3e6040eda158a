"""Loss scaling for float16, through any number of derivatives.

Small gradients vanish in float16, so backward passes run on gradients multiplied by a scale s and results are divided
by it, in the parameters' own precision. A factor on the loss would do for one derivative; here every pass enters and
leaves the graph through a gate. Parameters go in by a gate whose backward divides by s; the backward of that division,
through which a second derivative enters, lets its direction u pass; the result leaves by the parameters' gate again.
So Jᵀu, Ju and an unrolled gradient are exact, and s times as large on their way as they come out. (u enters in its own
size: what of it is below 6·10⁻⁸ counts as 0 where the graph is in float16.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minmax.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

START, GROWTH, PATIENCE = 2.0**16, 2.0, 2000  # torch.amp.GradScaler's


class LossScale:
    """An optimizer's scale: a number, or ``"dynamic"``: halved after an overflow, doubled after 2000 steps without.

    Raises:
        ValueError: not a positive number.
    """

    def __init__(self, given: float | str) -> None:
        self.dynamic = given == "dynamic"
        if not self.dynamic and not (isinstance(given, (int, float)) and given > 0):
            raise ValueError(f"loss_scale: {given!r} given; None, 'dynamic' or a positive number is allowed")
        self.value = START if self.dynamic else float(given)
        self.good_steps = 0
        self._found: Tensor | None = None

    def enter(self, parameters: Tensor) -> Tensor:
        """The same parameters; gradients that come back are divided by the scale."""
        return _Gate.apply(parameters, self)

    def scale(self, loss: Tensor) -> Tensor:
        """The same loss; its gradient starts out as the scale."""
        return _Times.apply(loss, self.value)

    def note(self, gradient: Tensor) -> None:
        """Looks whether a gradient that leaves the graph has overflowed."""
        found = ~gradient.isfinite().all()
        self._found = found if self._found is None else self._found | found

    def overflowed(self) -> bool:
        """Whether a gradient of this step was not finite: the step must not be taken then. Adjusts a dynamic scale."""
        found, self._found = self._found is not None and bool(self._found), None
        if self.dynamic:
            self._adjust(found)
        return found

    def _adjust(self, found: bool) -> None:
        self.good_steps = 0 if found else self.good_steps + 1
        if found:
            self.value /= GROWTH
        elif self.good_steps == PATIENCE:
            self.value, self.good_steps = self.value * GROWTH, 0


class _Times(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loss: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return loss.view_as(loss)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return gradients[0] * ctx.factor, None


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: LossScale) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return _Divided.apply(gradients[0], ctx.scale), None


class _Divided(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, scale: LossScale) -> Tensor:
        ctx.scale = scale
        scale.note(gradient)
        return gradient / scale.value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return _Gate.apply(gradients[0], ctx.scale), None
