"""What goes between driver and worker through Tune, each as one text: of every number in a config or a result, however
deep, Tune keeps statistics for good, kilobytes a trial."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sweeps.run.failure import Failure
from sweeps.run.patience import Waiting
from sweeps.run.trial import Progress

Said = Progress | Waiting | Failure
KINDS: dict[str, type[Said]] = {kind.__name__: kind for kind in (Progress, Waiting, Failure)}


def ask(what: Mapping[str, Any]) -> dict[str, Any]:
    """A config for Tune."""
    return {"asked": json.dumps(what)}


def asked(config: Mapping[str, Any]) -> dict[str, Any]:
    """What ``ask`` was given, its tuples as lists."""
    told: dict[str, Any] = json.loads(config["asked"])
    return told


def say(what: Said, done: bool, leaving: bool = False) -> dict[str, Any]:
    """A step's result for Tune. ``leaving``: the worker is gone when it is next called."""
    return {"said": json.dumps([type(what).__name__, what._asdict(), leaving]), "done": done}


def said(result: Mapping[str, Any] | None) -> tuple[Said | None, bool]:
    """What ``say`` was given; None where Tune has no result of a worker's."""
    if result is None or "said" not in result:
        return None, False
    kind, fields, leaving = json.loads(result["said"])
    return KINDS[kind](**fields), leaving
