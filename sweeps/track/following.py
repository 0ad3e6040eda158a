"""What MLflow is told of a sweep and by whom: its tracker, over the trials of the studies or of the records."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from minmax.games.gan import Gan
from sweeps.records.record import TrialRecord
from sweeps.run.assemble import game_of
from sweeps.search import space
from sweeps.show import mapgather
from sweeps.show.palette import of_arm
from sweeps.spec.environment import expand
from sweeps.track.connection import local_tracking
from sweeps.track.describe import Dataset, Description
from sweeps.track.summarize import RunningPage, keys, summary_of
from sweeps.track.tracker import Tracker
from sweeps.track.views import views_of

if TYPE_CHECKING:
    from sweeps.records.folder import Folder
    from sweeps.search.trials import Trial
    from sweeps.spec.sweep import Arm, Sweep
    from sweeps.track.reconcile import Counts

DIRTY = "-dirty"
LOCAL = "http://127.0.0.1:5000"  # where `sweeps ui` opens MLflow, if nobody else is there


def sync(folder: Folder, sweep: Sweep, address: str | None = None) -> Counts:
    """Brings MLflow, at ``address`` or where the sweep's own is, in step with the records: they alone are read.

    Raises:
        MlflowException, OSError: MLflow or the records failed.
    """
    records = (TrialRecord(folder.store, key) for key in keys(folder.store))
    trials = [trial for trial in (record.trial() for record in records) if trial is not None]
    tracker = tracker_of(sweep, folder, lambda: trials, address)
    tracker.summary(summary_of(folder.store, sweep, created(folder.read())))
    return tracker.reconcile(full=True)


def tracker_of(sweep: Sweep, folder: Folder, trials: Callable[[], list[Trial]], address: str | None = None) -> Tracker:
    """The tracker of ``trials`` into MLflow at ``address``, or where the sweep's own is."""
    about = folder.read()
    descriptions = {arm.name: _description(sweep, arm, about) for arm in sweep.optimizers}
    uri, artifacts = tracking_of(sweep, folder, address)
    return Tracker(
        folder.store,
        sweep.name,
        uri,
        artifacts,
        trials,
        lambda trial: descriptions[trial.arm],
        note=_note(sweep),
        identity=about["identity"],
        views=views_of(sweep, created(about)),
        note_runs=None if address else folder.note_runs,
        fresh=None if address else RunningPage(folder.store, created(about)),
    )


def tracking_of(sweep: Sweep, folder: Folder, address: str | None = None) -> tuple[str, str | None]:
    """Where MLflow is, and where its artifacts go: beside an SQLite file; of a server (None) that is its business."""
    address = address or expand(sweep.tracking or "") or os.environ.get("MLFLOW_TRACKING_URI")
    if address and address.startswith("sqlite:///"):
        return address, str(Path(address.removeprefix("sqlite:///")).absolute().parent / "mlartifacts")
    return (address, None) if address else local_tracking(str(folder.path.parent))


def run_pages(folder: Folder, sweep: Sweep) -> dict[str, str]:
    """Trial -> its page in MLflow, as far as MLflow has it: on the tracking server, or where `sweeps ui` opens one."""
    experiment, runs = folder.runs()
    base = _pages(folder, sweep) or LOCAL
    return {key: f"{base}/#/experiments/{experiment}/runs/{run}" for key, run in runs.items()}


def where_to_look(folder: Folder, sweep: Sweep) -> str:
    """The sweep's page on the tracking server; without a server, the command that opens MLflow."""
    base, (experiment, _) = _pages(folder, sweep), folder.runs()
    if base is None:
        return f"sweeps ui{folder.option}    (or: make ui)"
    return f"{base}/#/experiments/{experiment}" if experiment else base


def _pages(folder: Folder, sweep: Sweep) -> str | None:
    """The tracking server's address, without what may be a password; None where there is no server."""
    address = urlsplit(tracking_of(sweep, folder)[0])
    if address.scheme not in ("http", "https"):
        return None
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path.rstrip('/')}"


def created(about: Mapping[str, Any]) -> int:
    """When the sweep was, in milliseconds since 1970."""
    return round(1000 * datetime.fromisoformat(about["created"]).timestamp())


def dataset_of(sweep: Sweep) -> dict[str, str] | None:
    """The data that the sweep trains on, as `Dataset` has it; None of a game without."""
    game = game_of(sweep)
    if not isinstance(game, Gan):
        return None
    points = game.data.points.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{points.dtype} {tuple(points.shape)}".encode())
    digest.update(points.numpy().tobytes())
    profile = {"points": len(points), "shape": list(game.data.shape), "low": game.data.low, "high": game.data.high}
    source = json.dumps(sweep.game.options.get("data"), sort_keys=True)
    return Dataset(game.data.name, digest.hexdigest()[:32], source, json.dumps(profile))._asdict()


def _description(sweep: Sweep, arm: Arm, about: Mapping[str, Any]) -> Description:
    """What the sweep knows of an arm's trials."""
    spec = json.dumps(about["sweep"], sort_keys=True, ensure_ascii=False)
    versions = about["versions"]
    tags = {
        **versions,
        "commit": versions["commit"].removesuffix(DIRTY),
        "dirty": str(versions["commit"].endswith(DIRTY)).lower(),
        "device": "cuda" if sweep.resources.gpu else "cpu",
        "spec": hashlib.sha256(spec.encode()).hexdigest(),
    }
    dataset = about.get("dataset")
    return Description(
        params=_settings(sweep, arm),
        tags=tags,
        colour=of_arm(sweep.optimizers.index(arm)),
        created=created(about),
        dataset=None if dataset is None else Dataset(**dataset),
    )


def _settings(sweep: Sweep, arm: Arm) -> dict[str, object]:
    """What an arm's trials have in common."""
    own = {"optimizer": arm.optimizer, **arm.options, "transform": arm.transform or sweep.transform}
    grid = {} if sweep.map is None else mapgather.spans(sweep, arm)
    game = {"game": sweep.game.name, **sweep.game.options, "length": sweep.length}
    return {**game, **own, **space.fixed(sweep, arm), **grid}


def _note(sweep: Sweep) -> str:
    arms = ", ".join(f"**{arm.name}**" for arm in sweep.optimizers)
    if sweep.map is not None:
        return (
            f"Map **{sweep.name}**: {arms} over {' and '.join(sweep.map.axes)}; "
            f"{sweep.length} field units a member.\n\n"
            f"- A run of the view **Map** (*Views*, above; `kind = map`) trained some of its points side by side.\n"
            f"- The run **summary · {sweep.name}** (`kind = summary`) has the spec, the report, all numbers "
            f"(`map.json`, `map.csv`) and a picture of each arm."
        )
    aims = ", ".join(f"{aim.direction} {aim.measure}" for aim in sweep.objectives)
    return (
        f"Sweep **{sweep.name}**: {arms}; {sweep.share} trials each × {sweep.seeds} seeds, "
        f"{sweep.length} field units a member; objective: {aims}.\n\n"
        f"- The view **Confirmed** (*Views*, above) has what ranks the arms: each one's best configuration on "
        f"{sweep.confirm.seeds} fresh seeds (`kind = confirm`). **Every trial** has the search, too "
        f"(`kind = search`): its best values are the luckiest of many, and rank nothing.\n"
        f"- The run **summary · {sweep.name}** (`kind = summary`) has the answer: the report, the ranking as a table, "
        f"the spec.\n"
        f"- A run is a configuration; its metrics aggregate over its seeds, at steps in field units. Select runs of "
        f"any arms and press *Compare*, or see their curves and pictures side by side in the chart view."
    )
