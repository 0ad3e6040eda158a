"""The game of a spec: a GAN from registered parts, or any other game with its options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from minmax.data import DATASETS
from minmax.games import GAMES
from minmax.losses import LOSSES
from minmax.losses.penalties import PENALTIES
from minmax.nets import NETS
from sweeps.spec import values
from sweeps.spec.source import shown

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Std = Annotated[float, Field(ge=0)]


class Model(BaseModel):
    """Closed, frozen, and strict: 8 is no text, "8" no number, infinity no value."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_serializer(mode="wrap")
    def _what_was_said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        options = self.model_extra or {}
        return {key: value for key, value in dump(self).items() if value is not None or key in options}


class Named(Model):
    """A name with options: ``{name: gaussians, modes: 8}``, or the bare name."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, given: Any) -> Any:
        if not isinstance(given, str | dict | Named):
            raise values.wrong(f"is {shown(given)}", "a name, or {name: …} with its options, is allowed")
        return {"name": given} if isinstance(given, str) else given

    @property
    def options(self) -> dict[str, Any]:
        """What is said beside the name."""
        return dict(self.model_extra or {})


class DataSpec(Named):
    """A data set."""

    name: Annotated[str, AfterValidator(values.one_in(DATASETS))] = Field(description=values.known(DATASETS))


class NetSpec(Named):
    """A pair of networks."""

    name: Annotated[str, AfterValidator(values.one_in(NETS))] = Field(description=values.known(NETS))


class LossSpec(Named):
    """A GAN loss."""

    name: Annotated[str, AfterValidator(values.one_in(LOSSES))] = Field(description=values.known(LOSSES))


class PenaltySpec(Named):
    """A penalty on the discriminator's slope."""

    name: Annotated[str, AfterValidator(values.one_in(PENALTIES))] = Field(description=values.known(PENALTIES))


class OtherGame(Named):
    """Any game but a GAN: a registered one, or the user's ``module:function``."""

    name: Annotated[str, AfterValidator(values.one_in(GAMES))] = Field(description=values.known(GAMES))


def _gan(option: str) -> Callable[[], Any]:
    return lambda: inspect.signature(GAMES["gan"]).parameters[option].default


class GanGame(Model):
    """A GAN from registered parts; what is left out is what ``minmax.gan`` takes."""

    name: str = Field(default="gan", description="gan, or another game's name, which then takes its own options")
    data: DataSpec = Field(description="a data set's name, or {name: …} with its options")
    net: NetSpec = Field(
        default_factory=lambda: NetSpec(name=_gan("net")()), description="a pair of networks, with its options"
    )
    loss: LossSpec = Field(default_factory=lambda: LossSpec(name=_gan("loss")()), description="a GAN's loss")
    penalty: PenaltySpec | None = Field(default=None, description="a penalty on the discriminator's slope")
    batch: Count = Field(default_factory=_gan("batch"), description="samples of a minibatch")
    latent: Count = Field(default_factory=_gan("latent"), description="numbers that the generator makes a sample of")
    instance_noise: Std = Field(
        default_factory=_gan("instance_noise"), description="σ of the noise on all that the discriminator sees"
    )

    @property
    def options(self) -> dict[str, Any]:
        """What ``minmax.games.get("gan", **options)`` takes."""
        return self.model_dump(exclude={"name"})


def _kind_of_game(given: Any) -> str:
    name = given.get("name", "gan") if isinstance(given, Mapping) else getattr(given, "name", given)
    return "<gan>" if name == "gan" else "<other>"


GameSpec = Annotated[
    Annotated[GanGame, Tag("<gan>")] | Annotated[OtherGame, Tag("<other>")], Discriminator(_kind_of_game)
]
