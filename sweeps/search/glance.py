"""A sweep's trials at a glance: their states and results, in as many queries for ten trials as for ten thousand."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sql
from optuna.storages._rdb import models

from sweeps.search.database import engine_of
from sweeps.search.studies import STATES, shared_name, study_name
from sweeps.search.trials import SEARCH, Trial

if TYPE_CHECKING:
    from sweeps.search.decide import Plan

FACTS = ("arm", "kind", "number", "repeat", "confirms")


class Glance(NamedTuple):
    """Trials without parameters, seeds and reports, and how many seconds drivers have spent on the sweep."""

    trials: list[Trial]
    driven: float


def glance(database: str, title: str, plan: Plan) -> Glance:
    """The sweep ``title`` in its database; nothing is made there, and nothing is found where there are no studies."""
    engine = engine_of(database)
    try:
        with engine.connect() as connection:
            if not sql.inspect(connection).has_table(models.TrialModel.__tablename__):
                return Glance([], 0.0)
            return _read(connection, title, plan)
    finally:
        engine.dispose()


def _read(connection: sql.Connection, title: str, plan: Plan) -> Glance:
    trials, studies, facts, values = (
        model.__table__
        for model in (models.TrialModel, models.StudyModel, models.TrialUserAttributeModel, models.TrialValueModel)
    )
    shared = shared_name(title, bool(plan.chunks))
    ours = studies.c.study_name.in_([shared, *(study_name(title, arm) for arm in plan.arms)])
    of_ours = trials.join(studies, studies.c.study_id == trials.c.study_id)
    states = sql.select(trials.c.trial_id, trials.c.number, trials.c.state).select_from(of_ours).where(ours)
    said = sql.select(facts.c.trial_id, facts.c.key, facts.c.value_json)
    said = said.select_from(of_ours.join(facts, facts.c.trial_id == trials.c.trial_id))
    ends = sql.select(values.c.trial_id, values.c.objective, values.c.value)
    ends = ends.select_from(of_ours.join(values, values.c.trial_id == trials.c.trial_id))
    told: dict[int, dict[str, Any]] = defaultdict(dict)
    for trial, key, value in connection.execute(said.where(ours, facts.c.key.in_(FACTS))):
        told[trial][key] = json.loads(value)
    results: dict[int, dict[int, float]] = defaultdict(dict)
    for trial, objective, value in connection.execute(ends.where(ours)):
        results[trial][objective] = value
    rows = connection.execute(states.order_by(trials.c.trial_id)).all()
    return Glance([_trial(told[at], number, state, results[at], plan) for at, number, state in rows],
                  _driven(connection, shared))  # fmt: skip


def _trial(said: dict[str, Any], number: int, state: Any, results: dict[int, float], plan: Plan) -> Trial:
    """A value that is not finite is not kept with the end of a trial: it is as bad as can be."""
    worst = [math.inf if down else -math.inf for down in plan.minimize]
    value, *others = [results.get(at, bad) for at, bad in enumerate(worst)]
    number = number if said["kind"] == SEARCH else said["number"]
    return Trial(said["arm"], said["kind"], number, {}, STATES[state], 1, value, (), None, tuple(others),
                 said.get("repeat", 0), said.get("confirms"))  # fmt: skip


def _driven(connection: sql.Connection, shared: str) -> float:
    studies, facts = models.StudyModel.__table__, models.StudyUserAttributeModel.__table__
    both = facts.join(studies, studies.c.study_id == facts.c.study_id)
    found = sql.select(facts.c.value_json).select_from(both)
    return float(connection.scalar(found.where(studies.c.study_name == shared, facts.c.key == "driven")) or 0.0)
