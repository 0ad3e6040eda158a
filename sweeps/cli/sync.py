"""Commands that bring MLflow in step with the records."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.cli.base import Name, Storage, app, told

TrackingUri = Annotated[str | None, typer.Option(help="Another MLflow's address; left out, the sweep's own.")]


@app.command()
def sync(name: Name, storage: Storage = "./runs", tracking_uri: TrackingUri = None) -> None:
    """Rebuild a sweep in MLflow, in its own or another one, from the records alone."""
    with told():
        from sweeps.records.folder import Folder
        from sweeps.spec.redact import redacted
        from sweeps.spec.sweep import Sweep
        from sweeps.track.following import sync as synced

        folder = Folder(storage, name)
        counts = synced(folder, Sweep.from_normalized(folder.read()["sweep"]), tracking_uri)
        said = ", ".join(f"{number} {what}" for what, number in counts._asdict().items() if number)
        print(f"{name}: {redacted(tracking_uri) if tracking_uri else 'MLflow'} is in step; {said or 'it was'}")
