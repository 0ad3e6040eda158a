"""What others published: their data sets, and their claims run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.base import app, told


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="mnist, mnist01 or cifar10.", show_default=False)]) -> None:
    """Download a data set into MINMAX_DATA (or the platform's cache), and check what it holds."""
    with told():
        from sweeps.fetch import fetch as fetched

        print(f"{name}: whole, in {fetched(name)}")


@app.command()
def reproduce(
    claims: Annotated[
        list[str] | None, typer.Argument(help="Names; left out, what fits half an hour on 2 cores.", show_default=False)
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the work, one thread each.")] = 2,
    device: Annotated[str, typer.Option(help="auto takes a GPU if there is one; cpu or cuda.")] = "auto",
    results: Annotated[
        str, typer.Option(help="Where what has been run is kept; a killed run goes on.")
    ] = "runs/claims",
    page: Annotated[Path, typer.Option(help="What the verdicts are appended to.")] = Path("docs/claims.md"),
    as_is: Annotated[bool, typer.Option("--as-is", help="Judge what has been run already; run nothing.")] = False,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="At most so many of each; later runs add the others.", show_default=False),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Say what there is and what it takes; run nothing.")] = False,
) -> None:
    """Re-run published claims: what was published, what came out with its 95% interval, consistent or not."""
    with told():
        from sweeps.claims import reproduce as claiming

        if listing:
            claiming.overview(results)
        else:
            claiming.reproduce(claims or [], workers, device, results, page, as_is, seeds)
