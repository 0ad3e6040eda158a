"""MLflow's own server over a storage, on a free port, while a test runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services import free_port
from sweeping import wait_for

from sweeps.track.connection import QUIET, local_tracking


@contextmanager
def served(storage: Path) -> Iterator[str]:
    """Runs MLflow's server over a storage."""
    port = free_port()
    database, artifacts = local_tracking(str(storage))
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "server", *where, "--backend-store-uri", database]
    with open(storage / "server.log", "w") as log:
        process = subprocess.Popen(
            [*command, "--default-artifact-root", artifacts], env={**os.environ, **QUIET}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        assert wait_for(lambda: _answers(f"http://127.0.0.1:{port}/health"), 180), (storage / "server.log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the group that was started here
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
