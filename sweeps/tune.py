"""Ray Tune places trials and gives them their CPUs and shares of GPUs. It holds no truth: two thin adapters and a loop.

The searcher hands Tune what the service says is next; the scheduler asks the service whether a trial goes on. Nothing
Tune stores is read again: resuming means asking the service. The only file that imports Ray.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no CSV, JSON or TensorBoard beside the records
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # nobody reads Tune's snapshots
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failed trial's result holds its reason and no value
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is the driver's
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # a user's relative paths mean the same in a worker
    "RAY_AUTH_MODE": "token",
}
os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # in memory only: Ray's own file is world-readable

import ray  # noqa: E402  # the environment above is read at import
from ray import tune  # noqa: E402
from ray.tune.schedulers import FIFOScheduler, TrialScheduler  # noqa: E402
from ray.tune.search import Searcher  # noqa: E402

from sweeps.decide import Done  # noqa: E402
from sweeps.guard import guarded  # noqa: E402
from sweeps.scratch import scratch  # noqa: E402
from sweeps.service import NoRoom, Service, Work  # noqa: E402
from sweeps.store import Store  # noqa: E402
from sweeps.trial import Config, Progress, explain, run, threads_for  # noqa: E402
from sweeps.trials import Trial  # noqa: E402

OBJECT_STORE_BYTES = 128 * 2**20  # nothing large goes through it


class TrialActor(tune.Trainable):
    """A worker: one step is one report. It is reused for the next trial, which saves seconds of imports."""

    def setup(self, config: dict[str, Any]) -> None:
        """Once a process, and again for each trial through ``reset_config``."""
        import torch

        torch.set_num_threads(threads_for(config["cpu"]))
        for path in config["path"]:
            if path not in sys.path:
                sys.path.append(path)
        self._config, self._trial = Config.from_json(config["config"]), Trial(**config["trial"])
        self._store = Store(config["store"])
        self._reports: Iterator[Progress] = run(self._config, self._store, self._trial.attempt)

    def step(self) -> dict[str, Any]:
        """Trains to the next report and says what the driver needs; a failure is a result too."""
        try:
            progress = next(self._reports)
        except Exception as error:  # it reaches the driver as one line; the traceback lies in the record
            reason = explain(error, self._store, self._trial.key, self._trial.attempt)
            return {"error": reason, "retry": not isinstance(error, (ValueError, TypeError)), "done": True}
        return {**progress._asdict(), "done": progress.last}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial into this process."""
        self.setup(new_config)
        return True


class StudySearcher(Searcher):
    """Tune's trials are attempts that the service hands out."""

    def __init__(self, service: Service, base: dict[str, Any], on_change: Callable[[], None]) -> None:
        super().__init__(metric="value", mode="min")
        self._service, self._base, self._on_change = service, base, on_change
        self.works: dict[str, Work] = {}

    def suggest(self, trial_id: str) -> Any:
        """The next attempt's config; None to be asked again; FINISHED at the end."""
        work = self._service.next()
        if not isinstance(work, Work):
            return Searcher.FINISHED if isinstance(work, Done) else None
        self.works[trial_id] = work
        return {**self._base, "config": work.config._asdict(), "trial": work.trial._asdict()}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Frees the slot. ``error``: the worker's process is gone."""
        work = self.works.pop(trial_id)
        if error:
            self._service.ended(work.trial, "its worker process died (killed, or out of memory)")
        else:
            said = result or {}
            self._service.ended(work.trial, said.get("error"), said.get("retry", True))
        self._on_change()

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its searcher now and then; there is nothing in it to keep."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the studies are the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the studies are the state."""


class StudyScheduler(FIFOScheduler):
    """Asks the service after every report whether the trial goes on."""

    def __init__(self, searcher: StudySearcher, service: Service, on_change: Callable[[], None]) -> None:
        super().__init__()
        self._searcher, self._service, self._on_change = searcher, service, on_change

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """STOP where the trial is pruned or finished."""
        return self._take(trial, result)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """The last report comes here, and not to ``on_trial_result``."""
        self._take(trial, result)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its scheduler too."""
        return {}

    def _take(self, trial: Any, result: dict[str, Any]) -> str:
        work = self._searcher.works.get(trial.trial_id)
        goes_on = True
        if work is not None and "value" in result:
            goes_on = self._service.reported(work.trial, Progress(*(result[field] for field in Progress._fields)))
            self._on_change()
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)


def drive(service: Service, cpu: float, gpu: float, ready: Callable[[], object], on_change: Callable[[], None]) -> None:
    """Runs the sweep to its end, or until the service is halted and every worker has come to its next report.

    It runs on a Ray instance of its own, which ends with it; ``ready`` returns once there is data.

    Raises:
        NoRoom: a trial asks for more than this machine has.
        KeyboardInterrupt: it was stopped; every finished report is recorded, and ``resume`` goes on from there.
        RuntimeError: Ray ended before the sweep did.
    """
    with _ray() as folder:
        ready()
        base = {"store": service.store.root, "cpu": cpu, "path": [os.getcwd()]}
        searcher = StudySearcher(service, base, on_change)
        tune.Tuner(
            tune.with_resources(TrialActor, {"cpu": cpu, "gpu": gpu}),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=StudyScheduler(searcher, service, on_change),
                num_samples=-1,
                reuse_actors=True,
                max_concurrent_trials=_slots(cpu, gpu),
            ),
            run_config=tune.RunConfig(
                storage_path=folder,
                name="sweep",
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # records hold the checkpoints
            ),
        ).fit()
    if not (service.is_done or service.halted):
        raise RuntimeError("Ray ended before the sweep did; what was reported is kept, and `sweeps resume` goes on")


@contextmanager
def _ray() -> Iterator[str]:
    """A Ray instance on the loopback, and a folder for Tune; both leave nothing behind, however this process ends."""
    with guarded(), scratch() as folder:
        try:
            with _own_signals():
                ray.init(
                    address="local",
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    object_store_memory=OBJECT_STORE_BYTES,
                    _node_ip_address="127.0.0.1",
                    _temp_dir=str(folder / "ray"),
                )
            yield str(folder / "tune")
        finally:
            ray.shutdown(wait_for_processes=True)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps the driver's signals its own: Ray takes SIGTERM over, and its processes would end as the terminal does."""
    ours = signal.getsignal(signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # which processes inherit
    try:
        yield
    except SystemExit as ended:
        raise KeyboardInterrupt from ended  # what Ray makes of a SIGTERM while it starts
    finally:
        signal.signal(signal.SIGTERM, ours)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def _slots(cpu: float, gpu: float) -> int:
    """How many trials fit the cluster at once."""
    have = ray.cluster_resources()
    fits = []
    for name, asked, there in (("cpu", cpu, have.get("CPU", 0)), ("gpu", gpu, have.get("GPU", 0))):
        if asked > there:
            raise NoRoom(f"resources.{name}: {asked:g} asked for one trial; this machine has {there:g}")
        fits += [int(there // asked)] if asked else []
    return min(fits)
