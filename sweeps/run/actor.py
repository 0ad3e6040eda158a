"""The worker: a process of Ray's that trains one trial after another and says to the driver what each step came to."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from sweeps.run import before_ray  # noqa: F401  # Ray reads it at import

# isort: split
import ray
from ray import tune

from sweeps.records.store import Store
from sweeps.run import memory, nodes
from sweeps.run.failure import failure_of
from sweeps.run.patience import Waiting
from sweeps.run.trial import Config, Progress, run, threads_for
from sweeps.run.wire import asked, say
from sweeps.run.worker import register
from sweeps.search.trials import Trial


class TrialActor(tune.Trainable):
    """A worker: one step is one report, or one try at a storage that is out. It is reused for the next trial, which
    saves seconds of imports."""

    def setup(self, config: dict[str, Any]) -> None:
        """Once a process, and again for each trial through ``reset_config``."""
        import torch

        told = asked(config)
        torch.set_num_threads(threads_for(told["cpu"]))
        for path in told["path"]:
            if path not in sys.path:
                sys.path.append(path)
        if told["memory"] is not None and not hasattr(self, "_trial"):
            memory.bound(told["memory"])
        if 0 < told["gpu"] < 1:
            memory.bound_gpu(told["gpu"])
        self._node = ray.get_runtime_context().get_node_id() if told["joined"] else None
        self._trial = Trial.from_json(told["trial"])
        self._store = Store(told["store"], told["floor"])
        register(self._store, self._trial)
        self._asked_to_leave = False
        signal.signal(signal.SIGTERM, self._leave)
        arguments = (Config.from_json(told["config"]), self._store, self._trial.attempt, self._trial.chunk)
        self._reports: Iterator[Progress | Waiting] = run(*arguments)

    def step(self) -> dict[str, Any]:
        """Trains to the next report and says what the driver needs; a failure is a result too."""
        if self._asked_to_leave:
            os._exit(0)  # the report before was the last one here, and the driver knows
        try:
            came = next(self._reports)
        except (Exception, SystemExit) as error:  # one line reaches the driver; the traceback lies in the record
            failure = failure_of(error, self._store, self._trial)
            del self._reports
            memory.release()
            return say(failure, done=True)
        if isinstance(came, Waiting):
            return say(came, done=False)
        self._asked_to_leave |= self._node is not None and self._node in nodes.draining()  # it was told to end
        return say(came, came.last, self._asked_to_leave)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial into this process."""
        self.setup(new_config)
        return True

    def _leave(self, *_: Any) -> None:
        """SIGTERM: the machine is wanted for something else. The next report is still committed."""
        self._asked_to_leave = True
