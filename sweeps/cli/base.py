"""What all commands share: the application, their common options, and how an error is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.cli.codes import BAD_SPEC, code_of
from sweeps.spec.redact import redacted

if TYPE_CHECKING:
    from sweeps.records.folder import Folder
    from sweeps.run.owner import Holder

app = typer.Typer(
    name="sweeps",
    help="Which optimizer, with which settings, makes my adversarial game converge, and how sure am I?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Spec = Annotated[Path, typer.Argument(help="A sweep's YAML file.", show_default=False)]
Name = Annotated[str, typer.Argument(help="A sweep's name.", show_default=False)]
Storage = Annotated[str, typer.Option(help="Where the sweeps lie.")]
There = Annotated[
    str | None,
    typer.Option("--address", help="The dashboard of the cluster that it was submitted to.", show_default=False),
]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="key=value over the spec, as often as needed.")]


@contextmanager
def told() -> Iterator[None]:
    """What a user can do something about, as one message and an exit code, without a traceback."""
    from sweeps.spec.source import SpecErrors

    try:
        yield
    except SpecErrors as errors:
        print(redacted(str(errors)), file=sys.stderr)
        raise typer.Exit(BAD_SPEC) from None
    except Exception as error:
        code = code_of(error)
        if code is None:
            raise
        print(redacted(f"sweeps: {error}"), file=sys.stderr)
        raise typer.Exit(code) from None


def where(folder: Folder) -> str:
    """The option that a command of this sweep needs."""
    return folder.option


def owner_of(folder: Folder) -> Holder | None:
    """The process that runs the sweep now; None if none does, or the one that did is dead."""
    from sweeps.run.owner import holder
    from sweeps.search.database import engine_of

    owner = holder(engine_of(folder.database), folder.title) if folder.has_studies else None
    return owner if owner is not None and owner.lives() else None
