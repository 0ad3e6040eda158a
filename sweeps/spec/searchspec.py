"""How arms are searched: what makes a trial good, who draws and who prunes, and how a winner is confirmed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from sweeps.search.pruners import PRUNERS
from sweeps.search.samplers import SAMPLERS
from sweeps.spec import values
from sweeps.spec.armspec import Names
from sweeps.spec.gamespec import Count, Model, Named
from sweeps.spec.source import shown

Measure = Annotated[str, AfterValidator(values.measure)]


class Objective(Model):
    """What the search makes small or large: an aggregate over members of a metric's output, ``mean.frechet``."""

    minimize: Measure | None = Field(default=None, description="AGGREGATE.OUTPUT, as mean.frechet")
    maximize: Measure | None = Field(default=None, description="AGGREGATE.OUTPUT, as lower.success")

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        values.exactly_one({"minimize": self.minimize, "maximize": self.maximize}, "minimize or maximize")
        return self

    @property
    def direction(self) -> str:
        """``minimize`` or ``maximize``."""
        return "minimize" if self.minimize else "maximize"

    @property
    def measure(self) -> str:
        """``mean.frechet``: its name in a report's values."""
        return self.minimize or self.maximize or ""

    @property
    def aggregate(self) -> str:
        """``mean``."""
        return self.measure.partition(".")[0]

    @property
    def output(self) -> str:
        """``frechet``."""
        return self.measure.partition(".")[2]


Objectives = Annotated[
    Annotated[Objective, Tag("<one>")] | Annotated[list[Objective], Field(min_length=1), Tag("<several>")],
    Discriminator(lambda said: "<several>" if isinstance(said, list) else "<one>"),
]


class SamplerSpec(Named):
    """Who draws a search's configurations."""

    name: Annotated[str, AfterValidator(values.one_in(SAMPLERS))] = Field(description=values.known(SAMPLERS))


class PrunerSpec(Named):
    """Who ends a search's trials early."""

    name: Annotated[str, AfterValidator(values.one_in(PRUNERS))] = Field(description=values.known(PRUNERS))


def _best_all_or_count(said: Any) -> Any:
    if said not in ("best", "all") and (type(said) is not int or said < 1):
        raise values.wrong(f"is {shown(said)}", "best, all, or how many of the best is allowed")
    return said


class StartFrom(Model):
    """An earlier sweep of the same storage, whose complete trials begin the searches of arms of the same names."""

    sweep: Annotated[str, AfterValidator(values.plain_name)] = Field(description="a sweep's name")
    trials: Annotated[Count | Literal["best", "all"], BeforeValidator(_best_all_or_count)] = Field(
        default="best", description="best, all, or how many of the best"
    )


class Search(Model):
    """How each arm is searched. Of several objectives ``nsga2`` and ``none`` are the defaults."""

    sampler: SamplerSpec = Field(
        default_factory=lambda: SamplerSpec(name="tpe"), description="who draws configurations, with its options"
    )
    pruner: PrunerSpec = Field(
        default_factory=lambda: PrunerSpec(name="asha"), description="who ends trials early, with its options"
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(default=0, description="what all draws are derived from")
    start_from: StartFrom | None = Field(default=None, description="an earlier sweep, whose trials are tried first")


class Point(Model):
    """A configuration to try first: hyperparameters, the others drawn; for arms by name, or all that have them."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float] = Field(init=False)

    optimizer: Names | None = Field(default=None, description="the arm or arms that it is for; else all that have it")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.hypers:
            raise values.wrong("names no hyperparameter", "one such as {lr: 1.0e-3} is allowed")
        return self

    @property
    def hypers(self) -> dict[str, float]:
        """Name -> value."""
        return {name: float(value) for name, value in (self.__pydantic_extra__ or {}).items()}

    def holds(self, names: Collection[str], hypers: Collection[str]) -> bool:
        """Whether it is for an arm of these names that searches these hyperparameters."""
        return self.hypers.keys() <= set(hypers) if self.optimizer is None else bool(set(names) & set(self.optimizer))


class Confirm(Model):
    """How the best configuration of each arm is confirmed: on how many fresh seeds."""

    seeds: Count = Field(default=32, description="fresh seeds, shared by all arms")
