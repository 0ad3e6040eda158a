"""What Ray reads of the environment as it is imported: every file that imports Ray imports this one before it."""

from __future__ import annotations

import os
import secrets

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
