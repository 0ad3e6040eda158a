"""MLflow's own pages over a storage, on the loopback alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

from sweeps.track.connection import QUIET, experiments, local_tracking

LOCKED = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
TRIED = 20


def serve(storage: str, port: int) -> None:
    """Runs ``mlflow server`` on the first free port from ``port``, until it ends or Ctrl-C.

    Raises:
        OSError: none of twenty ports is free.
    """
    address, artifacts = local_tracking(storage)
    free = _free(port)
    print(f"MLflow: http://127.0.0.1:{free} (it takes a few seconds to start; Ctrl-C ends it)", flush=True)
    for name, page in experiments(address).items():
        print(f"  {name}: http://127.0.0.1:{free}/{page}", flush=True)
    options = ["--backend-store-uri", address, "--default-artifact-root", artifacts]
    server = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(free), "--workers", "1"]
    process = subprocess.Popen([*server, *options], env={**os.environ, **QUIET, **LOCKED}, start_new_session=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the server too, as Ctrl-C does
    try:
        process.wait()
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGTERM)  # the group that was started here, workers included
        process.wait()


def _free(port: int) -> int:
    for candidate in range(port, port + TRIED):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return candidate
    raise OSError(f"ports {port} to {port + TRIED - 1} on 127.0.0.1 are all taken; --port N tries others")
