"""What all commands share: the application, their common options, and how an error is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.codes import BAD_SPEC, code_of
from sweeps.spec.redact import redacted

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
