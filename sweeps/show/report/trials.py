"""Every trial: what it was, what it came to, where its run and its record are, and how to run it again."""

from __future__ import annotations

import shlex
from typing import Any, NamedTuple

import yaml

from sweeps.judge.stats import rate
from sweeps.search.trials import CONFIRM, MAP, SEARCH, Trial
from sweeps.show.view import SweepView
from sweeps.show.wording import diagnosed


class Row(NamedTuple):
    """A trial. ``state`` is ``waiting`` before it began; ``success``: the share of its seeds at its last report.
    ``record``: its folder, beside the page or as an address; ``command`` and ``spec`` run it again, None where nothing
    can."""

    trial: Trial
    state: str
    success: float | None
    diagnoses: str
    step: float | None
    record: str
    linked: bool
    run: str | None
    command: str | None
    spec: str | None


class Trials(NamedTuple):
    """The section; ``parameters``: the columns that trials have, in the order in which they meet."""

    rows: tuple[Row, ...]
    parameters: tuple[str, ...]
    rated: bool
    arms: tuple[str, ...]
    kinds: tuple[str, ...]
    states: tuple[str, ...]


def trials(view: SweepView) -> Trials:
    """The section of a sweep."""
    curves = {(arm.arm, curve.kind, curve.number): curve for arm in view.arms for curve in arm.curves}
    rows = []
    for trial in view.trials:
        curve = curves.get((trial.arm, trial.kind, trial.number))
        rows.append(
            Row(
                trial=trial,
                state="waiting" if trial.attempt == 0 else trial.state,
                success=rate(curve.success[-1]) if curve and curve.success else None,
                diagnoses=diagnosed(curve.diagnoses) if curve else "",
                step=curve.steps[-1] if curve and curve.steps else None,
                record=_record(view, trial),
                linked="://" not in view.place,
                run=view.links.get(trial.key),
                command=_command(view, trial),
                spec=_spec(view, trial),
            )
        )
    return Trials(
        tuple(rows),
        tuple(dict.fromkeys(name for trial in view.trials for name in trial.params)),
        any(row.success is not None for row in rows),
        tuple(dict.fromkeys(row.trial.arm for row in rows)),
        tuple(dict.fromkeys(row.trial.kind for row in rows)),
        tuple(dict.fromkeys(row.state for row in rows)),
    )


def _record(view: SweepView, trial: Trial) -> str:
    return f"trials/{trial.key}/" if "://" not in view.place else f"{view.place}/trials/{trial.key}"


def _command(view: SweepView, trial: Trial) -> str | None:
    """What trains it again from its record and says whether every number comes out the same."""
    if trial.attempt == 0 or trial.kind == MAP:
        return None
    number = str(trial.number) if trial.kind == SEARCH else f"{CONFIRM}-{trial.number}"
    return f"sweeps rerun {shlex.quote(view.name)} {shlex.quote(trial.arm)} {number}{view.options}"


def _spec(view: SweepView, trial: Trial) -> str | None:
    """A spec of this configuration alone, beside the sweep's own: its search trains the same seeds."""
    arm = _arm(view, trial.arm)
    if trial.kind == MAP or arm is None:
        return None
    fixed = {**view.constants.get(trial.arm, {}), **trial.params}
    said: dict[str, Any] = {
        "extends": "spec.yaml",
        "name": f"{view.name}-{trial.arm}-{trial.kind}-{trial.number}",
        "optimizers": [{**arm, "set": fixed}],
        "space": None,
        "enqueue": None,
        "search": None,
        "budget": None,
        "repeats": None,
        "trials": 1,
    }
    kept = {key: value for key, value in said.items() if value is not None or key in view.said}
    text: str = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=100)
    return text


def _arm(view: SweepView, name: str) -> dict[str, Any] | None:
    """How the spec says the arm."""
    said = view.spec.get("optimizers", [])
    for each in said if isinstance(said, list) else []:
        if isinstance(each, dict) and name in (each.get("as"), each.get("name")):
            return {key: value for key, value in each.items() if value not in (None, {}, [])}
    return None
