"""A map: a grid over one or two hyperparameters, every point of it trained, instead of a search."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from sweeps.spec import values
from sweeps.spec.gamespec import Count, Model

DEFAULT_SIZE = 32
ALONE = ("trials", "budget", "repeats", "enqueue", "search", "confirm")
"""What only a search has."""

Size = Annotated[int, Field(ge=2, le=512)]
Sizes = Annotated[
    list[Size],
    Field(min_length=1, max_length=2),
    BeforeValidator(lambda said: said if isinstance(said, list) else [said], json_schema_input_type=Size | list[Size]),
]
Axes = Annotated[
    list[str],
    Field(min_length=1, max_length=2),
    BeforeValidator(
        lambda said: [said] if isinstance(said, str) else said,
        json_schema_input_type=str | Annotated[list[str], Field(min_length=1, max_length=2)],
    ),
    AfterValidator(values.distinct),
]


class MapSpec(Model):
    """Which hyperparameters, and how finely. ``size``: points along each axis, one number for all of them, or one each;
    ``chunk``: how many members train side by side in one trial."""

    axes: Axes = Field(description="one or two hyperparameters")
    size: Sizes = Field(default_factory=lambda: [DEFAULT_SIZE], description="points along each axis")
    chunk: Count = Field(default=256, description="how many members train side by side in one trial")

    def points_along(self, axis: int) -> int:
        """What ``size`` says of an axis."""
        return self.size[axis if axis < len(self.size) else 0]
