"""What all commands share: the application, their common options, and how an error is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

FAILED, BAD_CONFIG = 1, 2

app = typer.Typer(
    name="cluster",
    help="Where sweeps run: files and processes of a cluster, from one small file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Config = Annotated[Path, typer.Option("--config", help="The cluster's file.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="key=value over the file, as often as needed.")]
DEFAULT = Path("cluster.yaml")


@app.callback()
def _several() -> None:  # with a single command typer would take its name for an argument
    pass


@contextmanager
def told() -> Iterator[None]:
    """What a user can do something about, as one message and an exit code, without a traceback."""
    from cluster.errors import Told
    from cluster.source import ConfigErrors

    try:
        yield
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        raise typer.Exit(BAD_CONFIG) from None
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, Told) as error:
        print(f"cluster: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
