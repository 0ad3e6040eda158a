"""What a sweep is: the models behind a spec's keys, and ``load``, which finds everything wrong with a spec at once.

A key of the YAML is a field here (``name``, ``as`` and ``int`` of an entry under their Python names), so that a problem
has the place of the text it comes from. The models hold what can be said of one value; what values must agree on is in
``checks.py`` and ``armchecks.py``. No model imports torch or optuna.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationError, ValidationInfo, field_validator

from minmax.metrics import METRICS
from minmax.schedules import SCHEDULES
from sweeps.spec import armchecks, checks, mapcheck, searchcheck, values
from sweeps.spec.armspec import Arm, Arms, Entry, Name, Transform, labelled
from sweeps.spec.explain import explain
from sweeps.spec.gamespec import Count, GameSpec, Model, Named
from sweeps.spec.limits import Limits, Resources
from sweeps.spec.mapspec import ALONE, MapSpec
from sweeps.spec.reading import read
from sweeps.spec.searchspec import Confirm, Objective, Objectives, Point, Search
from sweeps.spec.source import KeyPath, Source, SpecErrors


class ScheduleSpec(Named):
    """What a learning rate is multiplied by as a run goes on."""

    name: Annotated[str, AfterValidator(values.one_in(SCHEDULES))] = Field(description=values.known(SCHEDULES))


def _kind_of_schedule(given: Any) -> str:
    return "<each>" if isinstance(given, Mapping) and not isinstance(given.get("name"), str) else "<all>"


Schedules = Annotated[
    Annotated[ScheduleSpec, Tag("<all>")] | Annotated[dict[str, ScheduleSpec], Tag("<each>")],
    Discriminator(_kind_of_schedule),
]


class MetricSpec(Named):
    """A metric measured beside those that the sweep needs."""

    name: Annotated[str, AfterValidator(values.one_in(METRICS))] = Field(description=values.known(METRICS))


class Sweep(Model):
    """A whole spec. ``report_every`` left out: the most reports up to ten that divide the length."""

    name: Name = Field(description="a name of letters, digits, - and _")
    game: GameSpec = Field(description="{data: …} for a GAN, or {name: …} for another game")
    length: Count = Field(description="a whole number: each member's training in field units")
    seeds: Count = Field(default=8, description="a whole number: the members of a search trial")
    optimizers: Arms = Field(description="a list of optimizers, an arm each; or arms by label")
    transform: Transform = Field(default="adam", description="the transform of arms that name none")
    schedule: Schedules | None = Field(
        default=None, description="what learning rates are multiplied by: a schedule, or {player: schedule}"
    )
    trials: Count | None = Field(default=None, description="a whole number: the search trials of each arm")
    budget: Count | None = Field(default=None, description="a whole number: an arm's search in field units × members")
    repeats: Annotated[int, Field(ge=1, le=1000)] = Field(default=1, description="how often the whole search is made")
    enqueue: list[Point] = Field(default_factory=list, description="configurations to try first")
    space: dict[str, Entry] = Field(
        default_factory=dict, description="hyperparameter: where it is searched, or its value; else as declared"
    )
    aims: Objectives = Field(alias="objective", description="{minimize: AGGREGATE.OUTPUT} or {maximize: …}")
    success: Annotated[str, AfterValidator(values.success_metric)] | None = Field(
        default=None, description="the metric whose output `success` ranks the arms; else the data set's own"
    )
    metrics: list[MetricSpec] = Field(default_factory=list, description="more to measure at every report")
    report_every: Count = Field(
        default_factory=lambda said: _even_part(said["length"]), description="field units between two reports"
    )
    search: Search = Field(default_factory=dict, validate_default=True, description="how each arm is searched")
    confirm: Confirm = Field(default_factory=Confirm, description="how each arm's best is confirmed")
    resources: Resources = Field(default_factory=Resources, description="what one trial takes")
    limits: Limits = Field(default_factory=Limits, description="retries, and how long things may last")
    storage: Annotated[str, AfterValidator(values.place)] = Field(
        default="./runs", description="a folder, or an address such as s3://bucket/path, for what the sweep leaves"
    )
    studies: Annotated[str, AfterValidator(values.database)] | None = Field(
        default=None, description="PostgreSQL's address, for the studies; else SQLite beside the records"
    )
    tracking: Annotated[str, Field(min_length=1), AfterValidator(values.tracking)] | None = Field(
        default=None, description="MLflow's address; else MLFLOW_TRACKING_URI, else SQLite in the storage"
    )
    map: MapSpec | None = Field(
        default=None, description="in place of a search: a grid over one or two hyperparameters, every point trained"
    )

    @field_validator("search", mode="before")
    @classmethod
    def _for_several(cls, said: Any, info: ValidationInfo) -> Any:
        aims = info.data.get("aims")
        several = isinstance(aims, list) and len(aims) > 1 and isinstance(said, dict)
        return {"sampler": "nsga2", "pruner": "none", **said} if several else said

    @property
    def objectives(self) -> list[Objective]:
        """All of them."""
        return self.aims if isinstance(self.aims, list) else [self.aims]

    @property
    def objective(self) -> Objective:
        """The first: what reports, curves and the ranking's medians are about."""
        return self.objectives[0]

    @property
    def share(self) -> int:
        """The trials of each search of an arm: as said, or as many as its budget is enough for."""
        return self.trials or max(1, (self.budget or 0) // (self.length * self.seeds))

    def normalized(self) -> dict[str, Any]:
        """Plain data with every default filled in; ``from_normalized`` takes it back."""
        return self.model_dump(mode="json", by_alias=True)

    @staticmethod
    def from_normalized(data: Mapping[str, Any]) -> Sweep:
        """The sweep that ``normalized`` wrote.

        Raises:
            SpecErrors: it did not write this, or a name in it can no longer be imported.
        """
        source, model = Source("sweep.json", ""), _model_of(data)
        try:
            return model.model_validate(dict(data))
        except ValidationError as errors:
            explain(source, errors, model)
            raise SpecErrors(source.problems) from errors


class Map(Sweep):
    """A spec with ``map``: nothing is searched, so nothing is confirmed either. ``seeds``: of every point."""

    map: MapSpec = Field(description="a grid over one or two hyperparameters, every point trained")
    seeds: Count = Field(default=1, description="a whole number: the members of every point")
    aims: Objectives = Field(
        alias="objective",
        default_factory=lambda: Objective(maximize=f"{values.SHARE}.converged"),
        description="what is measured beside the diagnosis",
    )

    def normalized(self) -> dict[str, Any]:
        """Without what only a search has."""
        return {key: value for key, value in super().normalized().items() if key not in ALONE}


def _model_of(data: Mapping[str, Any]) -> type[Sweep]:
    return Sweep if data.get("map") is None else Map


def load(path: Path, overrides: Sequence[str] = ()) -> Sweep:
    """Reads and checks a spec; ``overrides`` are ``key.key=value``, the value in YAML. Creates nothing.

    Raises:
        SpecErrors: with everything that is wrong, each as ``file:line: key: what is wrong; what is allowed``.
    """
    source = read(path, overrides)
    model, sweep = _model_of(source.data), None
    mapcheck.alone(source)
    try:
        sweep = model.model_validate(source.data)
    except ValidationError as errors:
        explain(source, errors, model)
    _check(source)
    if sweep is not None:
        searchcheck.check(source, sweep)
    if source.problems or sweep is None:
        raise SpecErrors(source.problems)
    return sweep


def _check(source: Source) -> None:
    """Asks of whatever parts are valid on their own whether they agree."""
    data = source.data
    space = data["space"] if isinstance(data.get("space"), dict) else {}
    transform, success, place = (
        data.get(key, default) if source.is_sound((key,)) else None
        for key, default in {"transform": "adam", "success": None, "storage": "./runs"}.items()
    )
    said = data.get("objective")
    aims: dict[KeyPath, Any] = (
        {("objective", at): each for at, each in enumerate(said)} if isinstance(said, list) else {("objective",): said}
    )
    checks.reports(source)
    if data.get("map") is None:
        searchcheck.share(source, Sweep.model_fields["seeds"].default)
    checks.builders(source)
    sound = {key: labelled(key, arm) for key, arm in _valid(Arm, armchecks.written(source).items()).items()}
    built = armchecks.arms(source, sound, transform)
    arms = armchecks.Arms(sound, built, armchecks.known(source, sound, built))
    entries = _valid(Entry, space.items())
    armchecks.settings(source, arms)
    armchecks.space(source, entries, arms)
    if data.get("map") is None:
        armchecks.grid(source, entries, arms)
    else:
        mapcheck.axes(source, _valid(MapSpec, {"map": data["map"]}.items()).get("map"), entries, arms)
    outputs = checks.metrics(source)
    for path, aim in _valid(Objective, aims.items()).items():
        checks.objective(source, path, aim, success, outputs)
    checks.storage(source, place)


Key = TypeVar("Key", bound=int | str | KeyPath)
Part = TypeVar("Part", bound=Model)


def _valid(model: type[Part], items: Iterable[tuple[Key, Any]]) -> dict[Key, Part]:
    """The items that are valid by themselves."""
    valid = {}
    for key, given in items:
        try:
            valid[key] = model.model_validate(given)
        except ValidationError:
            continue  # reported along with the whole
    return valid


def _even_part(length: int) -> int:
    return next(length // reports for reports in range(10, 0, -1) if length % reports == 0)
