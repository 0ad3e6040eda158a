"""Ray Tune places trials and gives them their CPUs and shares of GPUs. It holds no truth: two thin adapters and a loop.

The searcher hands Tune what the service says is next; the scheduler asks the service whether a trial goes on. Nothing
Tune stores is read again: resuming means asking the service. Only this file and ``nodes.py`` import Ray.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sweeps.run import joining

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
    "RAY_DEDUP_LOGS_SKIP_REGEX": "A worker died or was killed"  # which the service tells in one line
    "|worker processes have been started",  # as many as trials, which is what was asked for
    "RAY_AUTH_MODE": "token",
    "RAY_gcs_server_port_wait_time_s": "120",  # seconds, not 30: a machine may be busy
}
os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
if joining.address_of() is None:  # a cluster has its own
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # in memory only: Ray's file is world-readable
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # else 127.0.0.1 is all addresses to it

import ray  # noqa: E402  # the environment above is read at import
from ray import tune  # noqa: E402
from ray.tune.execution import class_cache  # noqa: E402
from ray.tune.schedulers import FIFOScheduler, TrialScheduler  # noqa: E402
from ray.tune.search import Searcher  # noqa: E402

from sweeps.records.store import Store  # noqa: E402
from sweeps.run import memory, nodes  # noqa: E402
from sweeps.run.failure import Failure, failure_of, line_of, out_of_memory  # noqa: E402
from sweeps.run.guard import guarded  # noqa: E402
from sweeps.run.patience import Waiting  # noqa: E402
from sweeps.run.scratch import scratch  # noqa: E402
from sweeps.run.service import NoRoom, RayFailed, Service, Work  # noqa: E402
from sweeps.run.trial import Config, Progress, run, threads_for  # noqa: E402
from sweeps.run.worker import register, registered  # noqa: E402
from sweeps.search.decide import Done  # noqa: E402
from sweeps.search.trials import Trial  # noqa: E402
from sweeps.spec.limits import Resources, duration  # noqa: E402

DIED = Failure("its worker process died (killed, or out of memory)")
class_cache.ENV_VARS_TO_PROPAGATE.difference_update(  # Ray logs what it passes on; a worker has its machine's own
    {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"}
)
OBJECT_STORE_BYTES = 128 * 2**20  # nothing large goes through it
LOOK, JOINING = 1.0, 120.0  # seconds: between looks at a cluster's nodes, and for a first one with room for a trial
MOVES = 10  # of one trial, off machines that went: one that takes its machines down with it is a failure in the end


class TrialActor(tune.Trainable):
    """A worker: one step is one report, or one try at a storage that is out. It is reused for the next trial, which
    saves seconds of imports."""

    def setup(self, config: dict[str, Any]) -> None:
        """Once a process, and again for each trial through ``reset_config``."""
        import torch

        torch.set_num_threads(threads_for(config["cpu"]))
        for path in config["path"]:
            if path not in sys.path:
                sys.path.append(path)
        if config["memory"] is not None and not hasattr(self, "_trial"):
            memory.bound(config["memory"])
        if 0 < config["gpu"] < 1:
            memory.bound_gpu(config["gpu"])
        self._node = ray.get_runtime_context().get_node_id() if config["joined"] else None
        self._trial = Trial(**config["trial"])
        self._store = Store(config["store"], config["floor"])
        register(self._store, self._trial)
        self._asked_to_leave = False
        signal.signal(signal.SIGTERM, self._leave)
        arguments = (Config.from_json(config["config"]), self._store, self._trial.attempt, self._trial.chunk)
        self._reports: Iterator[Progress | Waiting] = run(*arguments)

    def step(self) -> dict[str, Any]:
        """Trains to the next report and says what the driver needs; a failure is a result too."""
        if self._asked_to_leave:
            os._exit(0)  # the report before was the last one here, and the driver knows
        try:
            said = next(self._reports)
        except (Exception, SystemExit) as error:  # one line reaches the driver; the traceback lies in the record
            failure = failure_of(error, self._store, self._trial)
            del self._reports
            memory.release()
            return {**failure._asdict(), "done": True}
        if isinstance(said, Waiting):
            return {**said._asdict(), "done": False}
        self._asked_to_leave |= self._node is not None and self._node in nodes.draining()  # it was told to end
        return {**said._asdict(), "leaving": self._asked_to_leave, "done": said.last}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial into this process."""
        self.setup(new_config)
        return True

    def _leave(self, *_: Any) -> None:
        """SIGTERM: the machine is wanted for something else. The next report is still committed."""
        self._asked_to_leave = True


class StudySearcher(Searcher):
    """Tune's trials are attempts that the service hands out."""

    def __init__(self, service: Service, base: dict[str, Any], slots: Slots, on_change: Callable[[], None]) -> None:
        super().__init__(metric="value", mode="min")
        self._service, self._base, self._slots, self._on_change = service, base, slots, on_change
        self.works: dict[str, Work] = {}
        self.reasons: dict[str, Failure | tuple[()]] = {}  # why a worker's process is gone, where that is known

    def suggest(self, trial_id: str) -> Any:
        """The next attempt's config; None to be asked again; FINISHED at the end."""
        if self.works and len(self.works) >= self._slots.now:
            return None
        work = self._service.next()
        if not isinstance(work, Work):
            return Searcher.FINISHED if isinstance(work, Done) else None
        self.works[trial_id] = work
        return {**self._base, "config": work.config._asdict(), "trial": work.trial._asdict()}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Frees the slot. ``error``: the worker's process is gone."""
        work, reason = self.works.pop(trial_id), self.reasons.pop(trial_id, DIED)
        if error:
            self._service.ended(work.trial, *reason)
        else:
            self._service.ended(work.trial, *(_said(Failure, result or {}) or ()))
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
        self._kills = memory.kills()
        self._moves: Counter[str] = Counter()

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """STOP where the trial is pruned or finished."""
        return self._take(trial, result)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """The last report comes here, and not to ``on_trial_result``."""
        self._take(trial, result)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its scheduler too."""
        return {}

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """A worker's process is gone, or its machine is, which is no failure of the trial; Ray may know that it was for
        want of memory, and so may the kernel."""
        work, kills = self._searcher.works.get(trial.trial_id), memory.kills()
        error = trial.get_error()
        if work is not None and nodes.is_gone(error) and self._moves[work.trial.key] < MOVES:
            self._moves[work.trial.key] += 1
            if trial.trial_id not in self._searcher.reasons:  # else it left in good time
                told = f"{work.trial.key} attempt {work.trial.attempt}: its machine is gone; it goes on elsewhere"
                self._service.events.append(told)
                self._searcher.reasons[trial.trial_id] = ()
        elif work is not None and (isinstance(error, ray.exceptions.OutOfMemoryError) or kills > self._kills):
            detail = "its worker process was ended for want of memory"
            reason = Failure(out_of_memory(work.trial, detail), out_of_memory=True)
            self._searcher.reasons.setdefault(trial.trial_id, reason)
        self._kills = kills

    def _take(self, trial: Any, result: dict[str, Any]) -> str:
        work, goes_on = self._searcher.works.get(trial.trial_id), True
        waiting, progress = _said(Waiting, result), _said(Progress, result)
        if work is None:
            return str(TrialScheduler.CONTINUE)
        if waiting is not None:
            goes_on = self._service.waits(work.trial, waiting)
        if progress is not None:
            goes_on = self._service.reported(work.trial, progress)
            if result["leaving"]:
                self._searcher.reasons[trial.trial_id] = ()  # it is gone when it is next called, and no failure
        self._on_change()
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)


Said = TypeVar("Said", Progress, Waiting, Failure)


def _said(kind: type[Said], result: Mapping[str, Any]) -> Said | None:
    """What a worker's step returned, if it is of this kind; Tune adds fields of its own."""
    names = kind._fields
    return kind(**{name: result[name] for name in names}) if result.keys() >= set(names) else None


class Watch(tune.Callback):
    """Ends workers that hang, at every turn of Tune's loop: their processes, by pid, or by Ray on another machine. Of a
    cluster it looks at nodes that join."""

    def __init__(self, searcher: StudySearcher, service: Service, newcomers: nodes.Newcomers | None) -> None:
        self._searcher, self._service, self._newcomers = searcher, service, newcomers
        self._looked = time.monotonic()

    def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:
        """Tune's word for a turn."""
        silent = self._service.watchdog.silent()
        actors = {trial.trial_id: trial.temporary_state.ray_actor for trial in trials} if silent else {}
        for trial_id, work in list(self._searcher.works.items()):
            if work.trial.key in silent:
                self._end(trial_id, work, silent[work.trial.key], actors.get(trial_id))
        if self._newcomers is not None and time.monotonic() - self._looked >= LOOK:
            self._looked = time.monotonic()
            self._newcomers.look()

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks too."""
        return {}

    def _end(self, trial_id: str, work: Work, seconds: float, actor: Any) -> None:
        worker = registered(self._service.store, work.trial)
        if worker is not None and (worker.kill() or self._killed(actor)):
            allowed = duration(round(seconds, 1))
            reason = Failure(f"no report for {allowed} (limits.silence): its worker process {worker.pid} was killed")
            self._searcher.reasons[trial_id] = reason
        self._service.watchdog.heard(work.trial.key, trained=False)  # a worker that has not begun gets as long again

    def _killed(self, actor: Any) -> bool:
        """Of another machine's process: its Ray sends the SIGKILL."""
        if self._newcomers is None or actor is None:
            return False
        ray.kill(actor)
        return True


def drive(service: Service, resources: Resources, ready: Callable[[], object], on_change: Callable[[], None]) -> None:
    """Runs the sweep to its end, or until the service is halted and every worker has come to its next report.

    It runs on a Ray instance of its own, which ends with it, or joins the cluster that ``RAY_ADDRESS`` names; ``ready``
    returns once there is data.

    Raises:
        NoCluster: the cluster can't be joined.
        NoRoom: a trial asks for more than this machine has.
        NodesDiffer: the cluster's nodes are not alike, or do not share the storage.
        KeyboardInterrupt: it was stopped; every finished report is recorded, and ``resume`` goes on from there.
        StorageOut: the storage was out for too long.
        RayFailed: Ray did not start, or ended before the sweep did.
    """
    with _ray() as folder:
        ready()
        asked = _asked(resources)
        joined = joining.address_of() is not None
        slots = Slots(asked, grows=joined)
        slots.refuse_none()
        store, limit = service.store, None if resources.gpu else resources.memory  # CUDA maps far more than it uses
        alike = nodes.refuse_different(store) if joined else ()
        newcomers = nodes.Newcomers(store, alike, service.events.append) if joined else None
        share = {"cpu": resources.cpu, "gpu": resources.gpu, "memory": limit}
        base = {"store": store.root, "floor": store.floor, **share, "path": [os.getcwd()], "joined": joined}
        searcher = StudySearcher(service, base, slots, on_change)
        tune.Tuner(
            tune.with_resources(TrialActor, asked),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=StudyScheduler(searcher, service, on_change),
                num_samples=-1,
                reuse_actors=True,
                max_concurrent_trials=resources.max_concurrent or sys.maxsize,
            ),
            run_config=tune.RunConfig(
                storage_path=folder,
                name="sweep",
                verbose=0,
                callbacks=[Watch(searcher, service, newcomers)],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # records hold the checkpoints
            ),
        ).fit()
    service.outage.check()
    if not (service.is_done or service.halted):
        raise RayFailed("Ray ended before the sweep did")


@contextmanager
def _ray() -> Iterator[str]:
    """Ray, and a folder for Tune; of what is ours nothing is left behind, however this process ends."""
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # of a worker's death the service tells, in one line
    address = joining.address_of()
    with guarded(), scratch() as folder:
        try:
            with _own_signals():
                if address is None:
                    _start(folder / "ray")
                else:
                    _join(address)
            yield str(folder / "tune")
        except ray.exceptions.RayError as error:
            raise RayFailed(f"Ray ended before the sweep did: {line_of(error)}") from error
        finally:
            ray.shutdown(wait_for_processes=True)


def _start(folder: Path) -> None:
    """A Ray instance of our own, on the loopback."""
    try:
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
            _temp_dir=str(folder),
        )
    except Exception as error:  # of many kinds, the plain one among them
        hint = "where the machine is too busy or short of memory, later or with --serial it may do"
        raise RayFailed(f"Ray did not start ({line_of(error)}); {hint}") from error


def _join(address: str) -> None:
    """A cluster that others started, and end."""
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError) as error:
        why = " ".join(str(error).split())
        raise joining.NoCluster(f"{joining.ADDRESS}: {address} let us not in: {why}; is it the token?") from error


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


def _asked(resources: Resources) -> dict[str, float]:
    """Of one trial, by Ray's names."""
    return {"cpu": resources.cpu, "gpu": resources.gpu, "memory": resources.memory or 0}


class Slots:
    """How many trials there is room for at once. A cluster that was joined grows and shrinks, so it is asked again."""

    def __init__(self, asked: Mapping[str, float], grows: bool) -> None:
        self._asked = {name: amount for name, amount in asked.items() if amount}
        self._grows, self._known, self._looked = grows, 0, -LOOK

    @property
    def now(self) -> int:
        """As of a moment ago."""
        if (self._grows or not self._known) and time.monotonic() - self._looked >= LOOK:
            self._known, self._looked = sum(map(self._on, _nodes())), time.monotonic()
        return self._known

    def refuse_none(self) -> None:
        """Waits for a first node of a cluster with room for a trial. Raises ``NoRoom`` where none has any."""
        end = time.monotonic() + (JOINING if self._grows else 0)
        while not self.now:
            if time.monotonic() >= end:
                raise NoRoom(self._none())
            time.sleep(LOOK)

    def _on(self, node: Mapping[str, float]) -> int:
        return min(int(node.get(name, 0) // amount) for name, amount in self._asked.items())

    def _none(self) -> str:
        most = {name: max((node.get(name, 0) for node in _nodes()), default=0) for name in self._asked}
        short = [name for name, amount in self._asked.items() if amount > most[name]]
        name = (short or list(self._asked))[0]
        unit, of = ("GB", 1e9) if name == "memory" else ("", 1)
        there = f"{most[name] / of:.4g}{unit}"
        where = f"the largest node of {joining.address_of()} has {there}" if self._grows else f"Ray has {there} to give"
        return f"resources.{name}: {self._asked[name] / of:.4g}{unit} asked for one trial; {where}"


def _nodes() -> list[dict[str, float]]:
    """What each living node has in all, by the names that a trial asks by."""
    there = nodes.living()
    living = [node["Resources"] for node in ray.nodes() if node["NodeID"] in there]
    return [{name.lower(): amount for name, amount in node.items()} for node in living]
