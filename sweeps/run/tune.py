"""Ray Tune places trials and gives them their CPUs and shares of GPUs. It holds no truth: two thin adapters and a loop.

The searcher hands Tune what the service says is next; the scheduler asks the service whether a trial goes on. Nothing
Tune stores is read again: resuming means asking the service.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sweeps.run import before_ray  # noqa: F401  # Ray reads it at import

# isort: split
import ray
from ray import tune
from ray.tune.execution import class_cache

from sweeps.run import joining, nodes
from sweeps.run.actor import TrialActor
from sweeps.run.adapters import StudyScheduler, StudySearcher, Watch
from sweeps.run.failure import line_of
from sweeps.run.guard import guarded
from sweeps.run.scratch import scratch
from sweeps.run.service import RayFailed, Service
from sweeps.run.slots import Slots
from sweeps.spec.limits import Resources

OBJECT_STORE_BYTES = 128 * 2**20  # nothing large goes through it
class_cache.ENV_VARS_TO_PROPAGATE.difference_update(  # Ray logs what it passes on; a worker has its machine's own
    {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"}
)


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
