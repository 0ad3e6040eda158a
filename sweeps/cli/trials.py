"""One trial of a sweep: trained again, or asked for samples."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.base import Name, Storage, app, told
from sweeps.cli.codes import FAILED

Arm = Annotated[str, typer.Argument(help="An arm's name.", show_default=False)]
Trial = Annotated[str, typer.Argument(help="A trial's number, or confirm.", show_default=False)]


@app.command()
def rerun(
    name: Name,
    arm: Arm,
    trial: Trial,
    storage: Storage = "./runs",
    keep: Annotated[Path | None, typer.Option(help="A folder that keeps the new record.", show_default=False)] = None,
) -> None:
    """Train a trial again from its recorded config and say whether every number comes out the same."""
    with told():
        from sweeps.records.folder import Folder
        from sweeps.records.store import Store
        from sweeps.run.again import rerun as again
        from sweeps.run.pick import pick
        from sweeps.run.scratch import scratch
        from sweeps.show.wording import count

        folder = Folder(storage, name)
        record = pick(folder, arm, trial)
        cpu, reports = folder.read()["sweep"]["resources"]["cpu"], 0
        with nullcontext(keep) if keep else scratch() as place:
            for report, difference in again(record, Store(str(place)), cpu):
                if difference is not None:
                    print(f"{record.key}: {count(reports, 'report')} as recorded, then another: {difference}")
                    raise typer.Exit(FAILED)
                reports += 1
                print(f"step {report.step}: as recorded", flush=True)
        print(f"{record.key}: reproduced bit for bit, {count(reports, 'report')}")


@app.command()
def sample(
    name: Name,
    arm: Arm,
    trial: Trial,
    storage: Storage = "./runs",
    step: Annotated[int | None, typer.Option(help="Of the checkpoint; the last if left out.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Samples of each member.")] = 16,
    seed: Annotated[int, typer.Option(help="Of the latent vectors.")] = 0,
    out: Annotated[Path | None, typer.Option(help="A .png or a .safetensors.", show_default=False)] = None,
) -> None:
    """Generate from a trial's checkpoint: a picture with a row a member, or the samples themselves."""
    if out is not None and out.suffix not in (".png", ".safetensors"):
        raise typer.BadParameter(f"--out: {out} given; a .png or a .safetensors is allowed")
    with told():
        from sweeps.records.folder import Folder
        from sweeps.run.pick import pick
        from sweeps.show import draw

        record = pick(Folder(storage, name), arm, trial)
        made = draw.made(record, step, count, seed)
        place = out or Path(f"{name}-{record.key.replace('/', '-')}-{made.step}.png")
        raw = place.suffix == ".safetensors"
        about = {"sweep": name, "trial": record.key, "seed": str(seed)}
        data = draw.as_safetensors(made, about) if raw else draw.as_png(made)
        place.write_bytes(data)
        print(place)
