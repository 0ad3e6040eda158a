"""What MLflow's list of runs opens with: views with columns, a filter and an order that suit the sweep. All pure.

MLflow has no default columns of an experiment's own: what a browser shows first is the same for all. But it keeps named
views, in tags of the experiment, lists them under *Views*, and opens one that an address names. The form is that of
MLflow 3.17, which writes it when a person saves a view; a server that knows none ignores the tags.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sweeps.search import space
from sweeps.search.trials import CONFIRM, MAP
from sweeps.track.describe import logged_as

if TYPE_CHECKING:
    from sweeps.spec.sweep import Sweep

TAG = "mlflow.sharedViewState."
FIRST = "sweep-first"  # of its key, the view that addresses of this project open
TRIALS = "sweep-trials"
NAME = "attributes.`Run Name`"
TRAINING = "workflowType=machine_learning"  # MLflow 3 opens on its pages for chat traces otherwise
SAME = {
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
    "columnWidths": {NAME: 330},
    "runsHiddenMode": "SHOW_ALL",
    "viewMaximized": False,
    "runListHidden": False,
    "isAccordionReordered": False,
    "useGroupedValuesInCharts": True,
    "hideEmptyCharts": True,
    "groupBy": None,
    "groupsExpanded": {},
    "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
}


def views_of(sweep: Sweep, created: int) -> dict[str, str]:
    """Tags of the experiment, a view each; as of ``created``, in milliseconds, so that they are always the same."""
    if sweep.map is not None:
        first = _view("Map", created, f"tags.kind = '{MAP}'", "tags.`trial`", True, _tags("arm", "trial", "state"))
        return {f"{TAG}{FIRST}": first}
    aim = sweep.objective
    best = f"metrics.`{logged_as(aim.measure)}`"
    measured = [f"metrics.`{logged_as(each.measure)}`" for each in sweep.objectives]
    success = [] if best == "metrics.`rate.success`" else ["metrics.`rate.success`"]
    shown = [*_tags("arm"), *success, *measured, *_tags("diagnosis"), *_params(sweep), "params.`seeds`"]
    every = [*_tags("arm", "kind", "state"), *success, *measured, *_tags("diagnosis"), *_params(sweep)]
    ascending = aim.direction == "minimize"
    return {
        f"{TAG}{FIRST}": _view("Confirmed", created, f"tags.kind = '{CONFIRM}'", best, ascending, shown),
        f"{TAG}{TRIALS}": _view("Every trial", created, "tags.kind != 'summary'", best, ascending, every),
    }


def page(number: str, tags: Mapping[str, str]) -> str:
    """The part of an address that opens an experiment's runs, in their first view where it has one.

    >>> page("7", {"mlflow.sharedViewState.sweep-first": "{}"})
    '#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=sweep-first'
    """
    view = f"&viewStateShareKey={FIRST}" if f"{TAG}{FIRST}" in tags else ""
    return f"#/experiments/{number}/runs?{TRAINING}{view}"


def _view(name: str, created: int, searched: str, by: str, ascending: bool, columns: Sequence[str]) -> str:
    order = {"searchFilter": searched, "orderByKey": by, "orderByAsc": ascending}
    state = json.dumps({**SAME, **order, "selectedColumns": columns, "columnOrder": [NAME, *columns]})
    packed = base64.b64encode(zlib.compress(state.encode(), 9)).decode("ascii")
    return json.dumps({"name": name, "createdAt": created, "updatedAt": created, "state": f"deflate;{packed}"})


def _tags(*names: str) -> list[str]:
    return [f"tags.`{name}`" for name in names]


def _params(sweep: Sweep) -> list[str]:
    """What any arm searches, in the order of the arms."""
    names = (name for arm in sweep.optimizers for name in space.distributions(sweep, arm))
    return [f"params.`{logged_as(name)}`" for name in dict.fromkeys(names)]
