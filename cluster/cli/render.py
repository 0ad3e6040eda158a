"""Files for a place to run at."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.base import BAD_CONFIG, DEFAULT, Config, Overrides, app, told

Kind = Annotated[
    str | None, typer.Argument(help="What to render; without it, the kinds are listed.", show_default=False)
]
Out = Annotated[Path, typer.Option(help="The folder to write into.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print, and write nothing.")]


@app.command()
def render(
    kind: Kind = None,
    config: Config = DEFAULT,
    overrides: Overrides = None,
    out: Out = Path("rendered"),
    dry_run: DryRun = False,
) -> None:
    """Write the files that a place to run at needs."""
    with told():
        from cluster import render as renderers
        from cluster.config import load

        if kind is None:
            for name in renderers.KINDS:
                print(f"{name:14} {renderers.summary(name)}")
            return
        if kind not in renderers.KINDS:
            print(f"cluster: {kind!r} is no kind; known: {', '.join(renderers.KINDS)}", file=sys.stderr)
            raise typer.Exit(BAD_CONFIG)
        files = renderers.render(kind, load(config, overrides or ()))
        for file in files:
            if dry_run:
                print(f"# ── {file.name}\n{file.text}")
            else:
                print(renderers.write(file, out))
