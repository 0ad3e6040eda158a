"""The arms of a spec as they are understood: what each trains with, what is fixed in it, what is searched and where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from sweeps.search import space
from sweeps.show.wording import inert, number

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from sweeps.spec.armspec import Arm
    from sweeps.spec.sweep import Sweep


def arms_table(sweep: Sweep) -> Table:
    """A row an arm."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("arm", "optimizer", "fixed", "searched" if sweep.map is None else "mapped"):
        table.add_column(title, overflow="fold")
    for arm in sweep.optimizers:
        constants, drawn = space.fixed(sweep, arm), space.distributions(sweep, arm)
        fixed = ", ".join(f"{name} {number(value)}" for name, value in constants.items())
        open_ = ", ".join(f"{name} {where(it)}" for name, it in drawn.items() if name not in constants)
        table.add_row(*(Text(inert(text)) for text in (arm.name, _optimizer(sweep, arm), fixed or "-", open_ or "-")))
    return table


def where(drawn: BaseDistribution) -> str:
    """What a hyperparameter is drawn from, in words.

    >>> from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
    >>> where(FloatDistribution(1e-4, 1e-2, log=True)), where(CategoricalDistribution([1, 3]))
    ('1e-4 to 0.01 (log)', 'of 1, 3')
    >>> where(IntDistribution(1, 5))
    '1 to 5 (whole)'
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(drawn, CategoricalDistribution):
        return f"of {', '.join(number(value) for value in drawn.choices if isinstance(value, int | float))}"
    assert isinstance(drawn, FloatDistribution | IntDistribution)
    kind = " (whole)" if isinstance(drawn, IntDistribution) else " (log)" if drawn.log else ""
    return f"{number(drawn.low)} to {number(drawn.high)}{kind}"


def _optimizer(sweep: Sweep, arm: Arm) -> str:
    options = "".join(f", {name}: {json.dumps(value)}" for name, value in arm.options.items())
    return f"{arm.optimizer} over {arm.transform or sweep.transform}{options}"
