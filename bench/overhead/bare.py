"""Bare Ray Tune, as its own documentation has it: random search, reused actors, no tracking, nothing stored.

Run as a process of its own: ``python -m bench.overhead.bare TRIALS ENDED LENGTH``; the file ENDED gets a byte a trial.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from typing import Any

QUIET = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
}
os.environ.update(QUIET)
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray writes one where all can read it

import ray  # noqa: E402  # the environment above is read at import
from ray import tune  # noqa: E402

from bench.overhead import work  # noqa: E402


class Bare(tune.Trainable):
    """One step is one report."""

    def setup(self, config: dict[str, Any]) -> None:
        """Begins a trial; a reused actor comes here again."""
        import torch

        torch.set_num_threads(1)
        self._reports, self._ended = work.train(config["lr"], config["lr_ratio"], config["length"]), config["ended"]

    def step(self) -> dict[str, Any]:
        """Trains to the next report."""
        value, done = next(self._reports), self.iteration + 1 >= work.REPORTS
        if done:
            with open(self._ended, "ab") as file:
                file.write(b".")
        return {"value": value, "done": done}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial into this process."""
        self.setup(new_config)
        return True


def main(trials: int, ended: str, length: int) -> int:
    """Runs them; 1 if not all came to their end."""
    drawn = {"lr": tune.loguniform(*work.LR), "lr_ratio": tune.loguniform(*work.LR_RATIO)}
    with tempfile.TemporaryDirectory(prefix="bare-", dir="/tmp") as folder:
        ray.init(address="local", include_dashboard=False, log_to_driver=False, _temp_dir=f"{folder}/ray")
        tune.Tuner(
            tune.with_resources(Bare, {"cpu": 1}),
            param_space={**drawn, "ended": ended, "length": length},
            tune_config=tune.TuneConfig(num_samples=trials, metric="value", mode="max", reuse_actors=True),
            run_config=tune.RunConfig(
                storage_path=f"{folder}/tune",
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        ).fit()
        ray.shutdown()
    return 0 if os.path.getsize(ended) == trials else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
