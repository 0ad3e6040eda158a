"""How arms are searched: what makes a trial good, who draws and who prunes, and how a winner is confirmed."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from sweeps import values
from sweeps.gamespec import Count, Model

Measure = Annotated[str, AfterValidator(values.measure)]


class Objective(Model):
    """What the search makes small or large: an aggregate over members of a metric's output, ``mean.frechet``."""

    minimize: Measure | None = None
    maximize: Measure | None = None

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


class Search(Model):
    """How each arm is searched."""

    sampler: Annotated[str, AfterValidator(values.one_among("sampler", values.SAMPLERS))] = "tpe"
    pruner: Annotated[str, AfterValidator(values.one_among("pruner", values.PRUNERS))] = "asha"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class Confirm(Model):
    """How the best configuration of each arm is confirmed: on how many fresh seeds."""

    seeds: Count = 32
