"""What an editor needs to help with a spec."""

from __future__ import annotations

import json

from sweeps.cli.base import app, told


@app.command()
def schema() -> None:
    """Print the spec's JSON Schema, by which an editor completes and checks keys."""
    with told():
        from sweeps.spec.schema import schema as made

        print(json.dumps(made(), indent=1, ensure_ascii=False))
