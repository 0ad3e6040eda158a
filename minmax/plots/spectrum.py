"""Eigenvalues in the complex plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from minmax.plots.style import GREY, INK, axes, colours, legend, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

MARKERS = ("o", "D", "s", "^", "v")


@styled
def spectrum(values: Mapping[str, Tensor], *, step: float | None = None, ax: Axes | None = None) -> Axes:
    """Eigenvalues of J, a marker and a colour for each named set (before and after γ, …).

    Shaded is where a small step converges, Re > 0. With ``step`` = h also the disc |1 − hλ| < 1 in which a
    simultaneous step of that size does.

    Args:
        values: name -> eigenvalues, complex, of any shape.
    """
    ax = axes(ax, size=(4.8, 4.4))
    for index, (name, own) in enumerate(values.items()):
        numbers = own.detach().cpu().numpy().ravel()
        ax.plot(
            numbers.real, numbers.imag, linestyle="", marker=MARKERS[index % len(MARKERS)], markersize=7,
            color=colours(None, index + 1)[index], markeredgecolor="white", label=name, zorder=4,
        )  # fmt: skip
    if step is not None:
        _disc(ax, 1 / step, f"|1 − hλ| < 1, h = {step:g}")
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -0.15 * (high - low)), high)
    ax.axvspan(0, ax.get_xlim()[1], color="#009E73", alpha=0.07, zorder=0, linewidth=0)
    for line in (ax.axvline, ax.axhline):
        line(0, color=GREY, linewidth=0.9, zorder=1)
    ax.set(xlabel="Re λ", ylabel="Im λ", title="eigenvalues of J: Re > 0 attracts, Im rotates")
    legend(ax)
    return ax


def _disc(ax: Axes, radius: float, label: str) -> None:
    angle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(radius + radius * np.cos(angle), radius * np.sin(angle), "--", color=INK, linewidth=1, label=label)
    ax.set_xlim(-0.2 * radius, 2.2 * radius)
    ax.set_ylim(-1.15 * radius, 1.15 * radius)
    ax.set_aspect("equal")
