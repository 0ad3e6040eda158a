"""How long workers wait for the driver between two reports, while every call to MLflow takes a second, and without it.

``python -m bench.overhead.stall GAPS ARGUMENTS…`` is the command line with workers that note their times in GAPS.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.ports import free_port

DELAY = 1.0
GAPS = "BENCH_GAPS"


def noted(path: Path) -> tuple[float, float]:
    """Seconds that workers trained, and that they waited between two steps of a trial."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return sum(row["trained"] for row in rows), sum(row["waited"] for row in rows)


@contextmanager
def slow_mlflow(place: Path, delay: float = DELAY) -> Iterator[str]:
    """A real server behind a proxy that holds every request for ``delay`` seconds; its address."""
    port = free_port()
    options = {"host": "127.0.0.1", "port": port, "workers": 1, "backend-store-uri": f"sqlite:///{place}/slow.db",
               "artifacts-destination": place / "slow"}  # fmt: skip
    command = [sys.executable, "-m", "mlflow", "server", *(f"--{name}={value}" for name, value in options.items())]
    with open(place / "mlflow.log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _proxy(port, delay))
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        _wait(port)
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
    finally:
        proxy.shutdown()
        os.killpg(server.pid, 15)
        server.wait()


def _proxy(port: int, delay: float) -> type[BaseHTTPRequestHandler]:
    class Proxy(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            time.sleep(delay)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            upstream = HTTPConnection("127.0.0.1", port, timeout=60)
            upstream.request(self.command, self.path, body, kept)
            answer = upstream.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    return Proxy


def _wait(port: int, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"no MLflow server on port {port} after {seconds:g} s")


def main() -> None:
    """The command line, with workers that note when they train and when they wait."""
    from sweeps import cli
    from sweeps.run import tune

    class Timed(tune.TrialActor):
        def setup(self, config: dict[str, Any]) -> None:
            super().setup(config)
            self._left = 0.0

        def step(self) -> dict[str, Any]:
            began = time.monotonic()
            result = super().step()
            ended = time.monotonic()
            row = {"trained": ended - began, "waited": began - self._left if self._left else 0.0}
            self._left = ended
            with open(os.environ[GAPS], "a") as file:
                file.write(json.dumps(row) + "\n")
            return result

    os.environ[GAPS] = sys.argv.pop(1)
    tune.TrialActor = Timed  # type: ignore[misc]
    cli.main()


if __name__ == "__main__":
    main()
