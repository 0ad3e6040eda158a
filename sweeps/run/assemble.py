"""From a spec to a service: each arm's space and configs, the metrics a trial measures, the studies, the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import minmax
from minmax.games.gan import Gan
from sweeps.records.store import Store
from sweeps.run.service import Arm as ServiceArm
from sweeps.run.service import Service
from sweeps.run.trial import Config, build_game
from sweeps.search import lattice, space
from sweeps.search.decide import Plan
from sweeps.search.enqueue import Points, said_for
from sweeps.search.pruners import pruner_of
from sweeps.search.samplers import points_of, sampler_of
from sweeps.search.trials import Trial
from sweeps.spec.values import SHARE

if TYPE_CHECKING:
    from minmax.types import Game, Metric, Optimizer
    from sweeps.spec.sweep import Arm, Sweep


T = TypeVar("T")
DIAGNOSED = "symptoms"


def game_of(sweep: Sweep) -> Game:
    """The sweep's game, its data loaded."""
    return build_game({"name": sweep.game.name, **sweep.game.options})


def prepare(sweep: Sweep) -> str | None:
    """Loads (and caches) data, classifier and the data's statistics before the first trial needs them; returns what
    ``success_of`` does."""
    game = game_of(sweep)
    success = success_of(sweep, game)
    for name, options in metrics_of(sweep, success).items():
        metric: Metric = minmax.metrics.get(name, **options)
        if metric.prepare is not None:
            metric.prepare(game)
    return success


def success_of(sweep: Sweep, game: Game) -> str | None:
    """The metric that says what success is, its classifier loaded where it needs one.

    That is the spec's, else the data set's own, else the distance to a known solution, else none.
    """
    if isinstance(game, Gan):
        if game.data.classifier is not None:
            game.data.classifier()
        return sweep.success or game.data.success or None
    return sweep.success or ("distance" if game.solution is not None else None)


class Unfit(ValueError):
    """Parts of a spec that are sound by themselves and do not fit each other; ``key`` is the one to change."""

    def __init__(self, key: tuple[str | int, ...], reason: str) -> None:
        super().__init__(reason)
        self.key = key


def rehearse(sweep: Sweep) -> str | None:
    """Plays a step of every arm and measures every metric once, at one member; returns what ``success_of`` does.

    Raises:
        Unfit: the game cannot be built, or an optimizer, a schedule or a metric cannot be used on it.
    """
    game = _fits(("game",), lambda: game_of(sweep))
    success = _fits(("game",), lambda: success_of(sweep, game))
    descent = partial(_step, game, minmax.optimizers.get("gda"), {"lr": 1e-3})
    for index, arm in enumerate(sweep.optimizers):
        optimizer = space.optimizer_of(sweep, arm)
        _fits(("optimizers", index), partial(_step, game, optimizer, any_hypers(optimizer)))
    if sweep.schedule is not None:
        _fits(("schedule",), partial(descent, schedule=schedule_of(sweep)))
    said = [metric.name for metric in sweep.metrics]
    for name, options in _fits(("metrics",), lambda: metrics_of(sweep, success)).items():
        key = ("metrics", said.index(name)) if name in said else ("success",) if name == success else ("objective",)
        _fits(key, lambda: descent(metrics=[minmax.metrics.get(name, **options)]))  # noqa: B023  # called at once
    return success


def any_hypers(optimizer: Optimizer) -> dict[str, float]:
    """Values that are allowed: the defaults, and the lowest searched where there is none."""
    return {
        name: declared.low if declared.default is None else declared.default
        for name, declared in optimizer.hypers.items()
    }


def schedule_of(sweep: Sweep) -> Any:
    """What ``minmax.train`` takes as the sweep's ``schedule``."""
    return sweep.model_dump(include={"schedule"}).get("schedule")


def _step(
    game: Game, optimizer: Optimizer, hypers: dict[str, float], metrics: Sequence[Metric] = (), schedule: Any = None
) -> None:
    for _ in minmax.train(game, optimizer, hypers, steps=1, metrics=metrics, device="cpu", schedule=schedule):
        pass


def _fits(key: tuple[str | int, ...], attempt: Callable[[], T]) -> T:
    try:
        return attempt()
    except Exception as error:  # the user's own code may raise anything
        raise Unfit(
            key, f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)
        ) from error


def plan_of(sweep: Sweep) -> Plan:
    """The sweep's shape."""
    sampler = sweep.search.sampler
    offered = {
        arm.name: points_of(sampler.name, space.distributions(sweep, arm), sampler.options) for arm in sweep.optimizers
    }
    return Plan(
        arms=tuple(arm.name for arm in sweep.optimizers),
        trials=sweep.share,
        seeds=sweep.seeds,
        confirm_seeds=sweep.confirm.seeds,
        minimize=tuple(aim.direction == "minimize" for aim in sweep.objectives),
        repeats=sweep.repeats,
        points={arm: count for arm, count in offered.items() if count is not None},
        retries=sweep.limits.retries,
        chunks=() if sweep.map is None else tuple(len(lattice.chunks(sweep, arm)) for arm in sweep.optimizers),
    )


def service_of(
    sweep: Sweep,
    success: str | None,
    store: Store,
    database: str,
    title: str,
    taken: Mapping[str, Points] = MappingProxyType({}),
) -> Service:
    """The service over the sweep's records, and its studies in the ``database``, where it is called ``title``;
    ``taken``: an arm's points from an earlier sweep."""
    from sweeps.search.database import open_storage
    from sweeps.search.studies import Studies

    plan, sampler, pruner = plan_of(sweep), sweep.search.sampler, sweep.search.pruner
    studies = Studies(
        open_storage(database),
        title,
        plan.arms,
        plan.minimize,
        sweep.search.seed,
        sampler_of(sampler.name, sweep.share, sampler.options),
        pruner_of(pruner.name, sweep.length, sweep.report_every, pruner.options),
        charted=sweep.map is not None,
    )
    arms = {}
    for arm in sweep.optimizers:
        searched = space.distributions(sweep, arm)
        points = [*said_for(sweep, arm, searched), *taken.get(arm.name, ())]
        chunks = () if sweep.map is None else tuple(lattice.chunks(sweep, arm))
        arms[arm.name] = ServiceArm(searched, partial(config_of, sweep, success, arm), tuple(points), chunks)
    return Service(plan, arms, Store(store.root, sweep.limits.disk), studies, sweep.limits, sweep.storage)


def config_of(sweep: Sweep, success: str | None, arm: Arm, trial: Trial) -> Config:
    """All that decides the trial's numbers."""
    measures = [aim.measure for aim in sweep.objectives]
    return Config(
        arm=trial.arm,
        kind=trial.kind,
        number=trial.number,
        game={"name": sweep.game.name, **sweep.game.options},
        optimizer=arm.optimizer,
        options={**arm.options, "transform": arm.transform or sweep.transform},
        hypers={**space.fixed(sweep, arm), **trial.params, **lattice.hypers_of(sweep, arm, trial)},
        seeds=list(trial.seeds),
        length=sweep.length,
        report_every=sweep.report_every,
        metrics=metrics_of(sweep, success),
        measures=list(dict.fromkeys([*measures, *(["rate.success", "lower.success"] if success else [])])),
        objective=sweep.objective.measure,
        minimize=sweep.objective.direction == "minimize",
        device="cuda" if sweep.resources.gpu else "cpu",
        schedule=schedule_of(sweep),
        others=measures[1:],
    )


def metrics_of(sweep: Sweep, success: str | None) -> dict[str, dict[str, Any]]:
    """Name -> options of what a trial measures: the objective's metric, the spec's own, the rule of success, and what a
    diagnosis looks at. The rule of success comes after others that say what success is, and so has the last word."""
    said = {metric.name: metric.options for metric in sweep.metrics}
    aims = [aim for aim in sweep.objectives if aim.aggregate != SHARE]
    names = [*(metric_of(aim.output, success, said) for aim in aims), *said]
    rule = [success] if success else []
    return {name: said.get(name, {}) for name in [*(name for name in names if name not in rule), *rule, DIAGNOSED]}


def metric_of(output: str, success: str | None, said: Mapping[str, dict[str, Any]]) -> str:
    """The metric that measures ``output``: the rule of success first, then the spec's own, then the registered ones."""
    candidates: list[Any] = [*([success] if success else []), *said, *minmax.METRICS]
    for name in candidates:
        if output in minmax.metrics.get(name, **said.get(name, {})).outputs:
            return str(name)
    raise ValueError(f"objective: no metric has an output {output!r}")
