"""What MLflow shows of a trial: its name, parameters, tags and metrics, within MLflow's limits. All pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from minmax.diagnosis import majority
from sweeps.records.record import Report
from sweeps.search.trials import CONFIRM, MAP, Trial
from sweeps.show.cells import escaped

PARAM_LIMIT = 6000  # characters of a value; MLflow refuses the whole batch for one that is longer
TAG_LIMIT = 5000  # MLflow's own is 8000, of servers before 2.18 it is 5000
KEY_LIMIT = 250
NOTE = "mlflow.note.content"  # the tag that MLflow shows as a description, in Markdown
SYMBOLS = {
    "gamma": "γ",
    "temperature": "τ",
    "accept": "p₀",
    "lr_ratio": "ratio",
    "beta1": "β₁",
    "beta2": "β₂",
    "eps": "ε",
}


class Dataset(NamedTuple):
    """What a sweep trains on: a name, a digest of its points, and in JSON where it comes from and what it is like."""

    name: str
    digest: str
    source: str
    profile: str


class Description(NamedTuple):
    """What the sweep knows of a trial and the trial itself doesn't say: constants, versions, device, commit.

    ``began``: milliseconds since 1970; None takes it from the first report, or for want of one from ``created``, when
    the sweep was. ``colour``: of its curves, where a run is new; a person may give it another.
    """

    params: Mapping[str, object]
    tags: Mapping[str, str]
    began: int | None = None
    created: int = 0
    dataset: Dataset | None = None
    colour: str = ""


def run_name(trial: Trial) -> str:
    """A name to tell runs apart by in a table.

    >>> searched = {"lr": 0.0004, "lr_ratio": 1.5, "gamma": 3.21}
    >>> run_name(Trial("consensus", "search", 3, searched, "running", 1, None, (0, 1)))
    'consensus · γ 3.21 · lr 4e-4 · ratio 1.5'
    """
    own_first = sorted(trial.params, key=lambda name: {"lr": 1, "lr_ratio": 2}.get(name, 0))
    settings = [f"{SYMBOLS.get(name, name)} {short(trial.params[name])}" for name in own_first]
    return " · ".join([trial.arm, *settings, *_kind(trial)])[:KEY_LIMIT]


def _kind(trial: Trial) -> list[str]:
    return {CONFIRM: ["confirm"], MAP: [f"map {trial.number}"]}.get(trial.kind, [])


def short(value: object) -> str:
    """A number to three digits, the way one writes it by hand.

    >>> [short(value) for value in (0.00037, 0.05, 3.1999, 1000.0, 2.5e7, -4e-4, 0, "ring")]
    ['3.7e-4', '0.05', '3.2', '1000', '2.5e7', '-4e-4', '0', 'ring']
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if value == 0 or 0.01 <= abs(value) < 1000:
        return f"{value:.3g}"
    if 1000 <= abs(value) < 1e5:
        return f"{value:.0f}"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def params_of(trial: Trial, description: Description) -> dict[str, str]:
    """Parameters of a run: the described ones, over them the trial's own, arm and number of seeds."""
    params = {**description.params, **trial.params, "arm": trial.arm, "seeds": len(set(trial.seeds))}
    return {logged_as(name): clipped(str(value), PARAM_LIMIT) for name, value in params.items()}


def tags_of(trial: Trial, description: Description, sweep: str) -> dict[str, str]:
    """Tags of a run. ``key`` with ``sweep`` is its identity; ``state`` tells a pruned trial from a finished one."""
    own = {
        "sweep": sweep,
        "key": trial.key,
        "arm": trial.arm,
        "kind": trial.kind,
        "trial": str(trial.number),
        "attempt": str(trial.attempt),
        "state": trial.state,
        "seeds": _ranges(tuple(dict.fromkeys(trial.seeds))),
    }
    error = {NOTE: escaped(trial.error)} if trial.error else {}
    return {logged_as(name): clipped(value, TAG_LIMIT) for name, value in {**description.tags, **own, **error}.items()}


def diagnosis_of(report: Report) -> dict[str, str]:
    """The tag of what became of most members."""
    return {"diagnosis": majority(report.diagnoses)}


def metrics_of(report: Report) -> dict[str, float]:
    """Metrics of one report: its aggregates, each other metric's mean over members, and the share that diverged.

    What the worker took of its machine goes below ``system/``, which MLflow shows apart.
    A metric whose share (``rate.…``) is among the aggregates needs no mean: it would be the same number.
    """
    values = dict(report.values)
    for name, members in report.metrics.items():
        if members and f"mean.{name}" not in values and f"rate.{name}" not in values:
            values[f"mean.{name}"] = sum(members) / len(members)
    if report.diverged:
        values["share.diverged"] = sum(step is not None for step in report.diverged) / len(report.diverged)
    own = {logged_as(name): float(value) for name, value in values.items()}
    return own | {f"system/{logged_as(name)}": value for name, value in report.system.items()}


def clipped(text: str, limit: int) -> str:
    """``text``, or its beginning with a mark that says so.

    >>> clipped("0123456789" * 4, 32)
    '012345678901234… (40 characters)'
    """
    mark = f"… ({len(text)} characters)"
    return text if len(text) <= limit else text[: limit - len(mark)] + mark


def logged_as(name: str) -> str:
    """The name under which MLflow has a parameter, a metric or a tag."""
    return re.sub(r"[^\w\-. ]", "_", name)[:KEY_LIMIT]


def _ranges(seeds: tuple[int, ...]) -> str:
    """``(0, 1, 2, 7)`` -> ``0-2, 7``."""
    groups: list[list[int]] = []
    for seed in seeds:
        if groups and groups[-1][-1] == seed - 1:
            groups[-1][1:] = [seed]
        else:
            groups.append([seed])
    return ", ".join("-".join(map(str, group)) for group in groups)
