"""What the report's page shows, gathered from studies and records."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import yaml

from sweeps.judge.power import ties
from sweeps.records.changed import Change
from sweeps.records.record import Report, TrialRecord
from sweeps.search import space
from sweeps.search.decide import best_few, confirmation_of, of
from sweeps.search.trials import COMPLETE, CONFIRM, SEARCH, Trial
from sweeps.show import gather, mapgather
from sweeps.show.view import ArmView, Arrows, Curve, Density, Film, Orbit, SweepView

if TYPE_CHECKING:
    from sweeps.run.service import Service
    from sweeps.spec.sweep import Sweep

BEST = 3  # search trials of each arm whose pictures are shown beside those of its confirmation


class Gatherer:
    """Makes views of one sweep, and keeps what it has read of ended trials for the next.

    Args:
        about: what ``sweep.json`` says. ``options``: what commands about the sweep need beside its name.
    """

    def __init__(self, sweep: Sweep, service: Service, about: Mapping[str, Any], options: str = "") -> None:
        self._sweep, self._service, self._about, self._options = sweep, service, about, options
        self._records: dict[str, TrialRecord] = {}
        self._orbits: dict[str, Orbit | None] = {}

    def view(self, status: str, detail: str = "", links: Mapping[str, str] | None = None) -> SweepView:
        """All that the page shows, as of now."""
        sweep, service = self._sweep, self._service
        trials, results = service.studies.trials(), gather.results(sweep, service) if sweep.map is None else []
        known = gather.ranking(sweep, service)
        arms = () if sweep.map is not None else tuple(self._arm(trials, arm) for arm in service.plan.arms)
        return SweepView(
            name=sweep.name,
            spec=sweep.normalized(),
            status=status if trials else "empty",
            objective=sweep.objective.output,
            direction=sweep.objective.direction,
            ranking=known if known.standings or known.unranked else None,
            arms=arms,
            maps=() if sweep.map is None else mapgather.maps(sweep, service),
            trials=tuple(trials),
            detail=detail,
            written=time.strftime("%Y-%m-%d %H:%M"),
            results=tuple(results),
            ties=ties(known, results),
            spaces={arm.name: space.distributions(sweep, arm) for arm in sweep.optimizers},
            constants={arm.name: space.fixed(sweep, arm) for arm in sweep.optimizers},
            density=self._density(arms),
            arrows=self._arrows(arms),
            changes=tuple((change["at"], Change(*_sides(change))) for change in self._about.get("changes", [])),
            place=service.store.root,
            links=links or {},
            said=self._said(),
            options=self._options,
        )

    def _arm(self, trials: Sequence[Trial], arm: str) -> ArmView:
        counted = self._counted(trials, arm)
        shown = [*of(trials, arm, SEARCH), *of(trials, arm, CONFIRM)]  # also confirmations of what was best before
        curves = (self._curve(trial, trial.kind != CONFIRM or trial in counted) for trial in shown)
        filmed = [*counted, *best_few(self._service.plan, of(trials, arm, SEARCH), BEST)]
        return ArmView(
            arm,
            tuple(curve for curve in curves if curve.steps),
            tuple(film for trial in filmed if (film := self._film(trial)) is not None),
            tuple(orbit for trial in filmed if (orbit := self._orbit(trial)) is not None),
        )

    def _counted(self, trials: Sequence[Trial], arm: str) -> list[Trial]:
        plan = self._service.plan
        found = (confirmation_of(plan, trials, arm, repeat) for repeat in range(plan.repeats))
        return [trial for trial in found if trial is not None]

    def _record(self, trial: Trial) -> TrialRecord:
        return self._records.setdefault(trial.key, TrialRecord(self._service.store, trial.key))

    def _curve(self, trial: Trial, counts: bool) -> Curve:
        history = self._record(trial).history()
        measured = history[-1].metrics if history and trial.kind == CONFIRM else ()
        return Curve(
            kind=trial.kind,
            number=trial.number,
            steps=tuple(float(report.step) for report in history),
            objective=_values(history, self._sweep.objective.output),
            success=_values(history, "success"),
            diagnoses=tuple(history[-1].diagnoses) if history else (),
            costs=tuple(report.cost for report in history),
            seconds=tuple(report.seconds for report in history),
            measures={name: _values(history, name) for name in measured},
            counts=counts,
        )

    def _film(self, trial: Trial) -> Film | None:
        pictures = self._record(trial).samples()
        if not pictures:
            return None
        frames = tuple(self._service.store.get(path) for path in pictures.values())
        return Film(trial.key, trial.seeds, tuple(map(float, pictures)), frames)

    def _orbit(self, trial: Trial) -> Orbit | None:
        if self._has_data or trial.state != COMPLETE:
            return None
        from sweeps.show import backdrop

        if trial.key not in self._orbits:
            self._orbits[trial.key] = None
            with suppress(Exception):  # a user's game may fail here, without its worker's memory or device
                self._orbits[trial.key] = backdrop.orbit(self._record(trial))
        return self._orbits[trial.key]

    def _said(self) -> frozenset[str]:
        """The keys of the spec's text."""
        try:
            text = yaml.safe_load(self._service.store.get("spec.yaml"))
        except (FileNotFoundError, yaml.YAMLError):
            return frozenset()
        return frozenset(text) if isinstance(text, dict) else frozenset()

    @property
    def _has_data(self) -> bool:
        return self._about.get("dataset") is not None

    def _density(self, arms: Sequence[ArmView]) -> Density | None:
        profile = json.loads((self._about.get("dataset") or {}).get("profile", "{}"))
        if profile.get("shape") != [2] or not any(arm.films for arm in arms):
            return None
        from sweeps.show import backdrop

        game = {"name": self._sweep.game.name, **self._sweep.game.options}
        return backdrop.density(json.dumps(game, sort_keys=True))

    def _arrows(self, arms: Sequence[ArmView]) -> Arrows | None:
        orbits = [orbit for arm in arms for orbit in arm.orbits]
        if not orbits:
            return None
        from sweeps.show import backdrop

        with suppress(Exception):  # a user's game again
            return backdrop.arrows({"name": self._sweep.game.name, **self._sweep.game.options}, orbits)
        return None


def _values(history: Sequence[Report], output: str) -> tuple[tuple[float, ...], ...]:
    """A value a member at each report; empty where some report lacks it."""
    if not all(output in report.metrics for report in history):
        return ()
    return tuple(tuple(report.metrics[output]) for report in history)


def _sides(change: Mapping[str, Any]) -> Iterator[Any]:
    return (change[part] for part in ("key", "from", "to"))
