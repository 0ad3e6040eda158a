"""The arms of a sweep, and the space that their hyperparameters are searched in."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from minmax.optimizers import OPTIMIZERS
from minmax.transforms import TRANSFORMS
from sweeps.spec import values
from sweeps.spec.gamespec import Model, Named
from sweeps.spec.source import shown

Name = Annotated[str, AfterValidator(values.plain_name)]
Pair = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(values.ascending)]
LogPair = Annotated[Pair, AfterValidator(values.positive)]
WholePair = Annotated[list[Annotated[int, Field(ge=-(2**53), le=2**53)]], *Pair.__metadata__]
Numbers = Annotated[list[float], Field(min_length=1), AfterValidator(values.distinct)]
Names = Annotated[
    list[str],
    Field(min_length=1),
    BeforeValidator(lambda said: [said] if isinstance(said, str) else said, json_schema_input_type=str | list[str]),
]
Transform = Annotated[str, AfterValidator(values.one_in(TRANSFORMS))]


class Arm(Named):
    """One optimizer of a sweep. ``name`` is its label (``as``), else the optimizer's name."""

    optimizer: Annotated[str, AfterValidator(values.one_in(OPTIMIZERS))] = Field(
        alias="name", description=values.known(OPTIMIZERS)
    )
    transform: Transform | None = Field(default=None, description="how its gradient becomes a step; else the sweep's")
    fixed: dict[str, float] | None = Field(
        default=None, alias="set", description="hyperparameters fixed for this arm, whatever the space says"
    )
    label: Name | None = Field(default=None, alias="as", description="what the arm is called; else as its optimizer")

    @property
    def name(self) -> str:
        """What the arm is called everywhere; of a ``module:function`` without a label, the function's name."""
        return self.label or self.optimizer.rpartition(":")[2]

    @property
    def settings(self) -> dict[str, float]:
        """The hyperparameters that are fixed for it."""
        return self.fixed or {}


def _by_label(given: Any, as_list: ValidatorFunctionWrapHandler) -> list[Arm]:
    """Arms from a list, or from ``label: arm``, in the order that they are written."""
    if not isinstance(given, dict):
        return as_list(given)
    return [labelled(label, arm) for label, arm in _LABELLED.validate_python(given).items()]


def labelled(key: int | str, arm: Arm) -> Arm:
    """The arm as it is called where it stands under ``key``: a label, or its place in a list."""
    return arm.model_copy(update={"label": key}) if isinstance(key, str) else arm


_LABELLED = TypeAdapter(Annotated[dict[str, Arm], Field(min_length=1)])
_Listed = Annotated[list[Arm], Field(min_length=1)]
_Labelled = Annotated[dict[Name, Arm], Field(min_length=1)]
Arms = Annotated[_Listed, WrapValidator(_by_label, json_schema_input_type=_Listed | _Labelled)]


class When(Model):
    """The arms that an entry is for, by arm or optimizer."""

    optimizer: Names = Field(description="the arm or arms that it is for")

    def holds(self, arm: Arm) -> bool:
        """Whether ``arm`` is one of them."""
        return bool({arm.name, arm.optimizer} & set(self.optimizer))


class Entry(Model):
    """Where one hyperparameter is searched, or (a bare number, ``fixed``) what it is."""

    uniform: Pair | None = Field(default=None, description="[low, high]")
    log: LogPair | None = Field(default=None, description="[low, high], searched geometrically")
    whole: WholePair | None = Field(default=None, alias="int", description="[low, high] of whole numbers")
    choice: Numbers | None = Field(default=None, description="one of these numbers")
    grid: Numbers | None = Field(default=None, description="all of these numbers, for the sampler grid")
    fixed: float | None = Field(default=None, description="its value, as a bare number is")
    when: When | None = Field(default=None, description="{optimizer: …}: the arms that it is for; else all")

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, given: Any) -> Any:
        if isinstance(given, bool) or not isinstance(given, int | float | dict):
            raise values.wrong(f"is {shown(given)}", "a number, or one such as {log: [low, high]}, is allowed")
        return given if isinstance(given, dict) else {"fixed": given}

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        values.exactly_one(self._given, "uniform, log, int, choice, grid or fixed")
        return self

    @property
    def _given(self) -> dict[str, Any]:
        ranges = {"uniform": self.uniform, "log": self.log, "int": self.whole}
        lists = {"choice": self.choice, "grid": self.grid}
        kinds = {**ranges, **lists, "fixed": self.fixed}
        return {kind: given for kind, given in kinds.items() if given is not None}

    @property
    def kind(self) -> str:
        """``uniform``, ``log``, ``int``, ``choice``, ``grid`` or ``fixed``."""
        return next(iter(self._given))

    @property
    def values(self) -> tuple[float, ...]:
        """Low and high, the choices, the grid, or the one value."""
        given = self._given[self.kind]
        return tuple(given) if isinstance(given, list) else (given,)

    def holds(self, arm: Arm) -> bool:
        """Whether it is for ``arm``."""
        return self.when is None or self.when.holds(arm)

    @property
    def count(self) -> int:
        """How many values there are to go through; of a range, none."""
        if self.whole:
            return int(self.whole[1] - self.whole[0] + 1)
        return 0 if self.kind in ("uniform", "log") else len(self.values)
