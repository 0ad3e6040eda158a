"""Ray's Jobs API, over HTTP: drivers are started, followed and stopped through a head's dashboard. Needs no Ray."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

TOKEN, TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
ADDRESS = "RAY_API_SERVER_ADDRESS"
ENDED = ("STOPPED", "SUCCEEDED", "FAILED")
TIMEOUT = 30.0  # seconds for an answer
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class NoCluster(RuntimeError):
    """The cluster cannot be reached, or does not let us in; the message says which, why, and what is allowed."""


class Away(NoCluster):
    """It does not answer now, and may in a moment."""


class Job(NamedTuple):
    """A driver that was submitted. ``metadata``: what we noted with it. ``message``: why it ended."""

    id: str
    status: str
    message: str
    started: float  # seconds since 1970; 0 before it did
    metadata: dict[str, str]
    package: str  # where its working directory came from

    @property
    def is_over(self) -> bool:
        """Whether it ended, one way or another."""
        return self.status in ENDED


class NodeSize(NamedTuple):
    """What a node has to give: by Ray's names, in cores, GPUs and bytes."""

    name: str
    has: dict[str, float]


class Jobs:
    """The jobs of the cluster whose dashboard is at ``address``.

    Raises:
        NoCluster: it is no address, there is no token, or others may read the token; of every method also: the
            cluster refuses, or (``Away``) does not answer.
    """

    def __init__(self, address: str, environment: Mapping[str, str] = os.environ) -> None:
        self.address = _checked(address)
        self._token, self._where = token_of(environment), _place(environment)
        self._opener = urllib.request.build_opener(_NoRedirect)  # which would carry the token elsewhere

    @property
    def is_private(self) -> bool:
        """Whether nobody between here and there can read the token."""
        parts = urlsplit(self.address)
        return parts.scheme == "https" or parts.hostname in LOOPBACK

    def upload(self, package: bytes) -> str:
        """Puts a zip where the nodes find it; its URI, which names its content."""
        name = f"_ray_pkg_{hashlib.sha256(package).hexdigest()[:32]}.zip"
        try:
            self._call("GET", f"/api/packages/gcs/{name}")
        except FileNotFoundError:
            self._call("PUT", f"/api/packages/gcs/{name}", package)
        return f"gcs://{name}"

    def submit(
        self, job: str, entrypoint: str, package: str, metadata: Mapping[str, str], variables: Mapping[str, str]
    ) -> None:
        """Starts ``entrypoint`` on the head, in the package's folder. Nothing in it may be a secret: all see it."""
        asked = {
            "submission_id": job,
            "entrypoint": entrypoint,
            "metadata": dict(metadata),
            "runtime_env": {"working_dir": package, "env_vars": dict(variables)},
        }
        self._call("POST", "/api/jobs/", json.dumps(asked).encode())

    def all(self) -> list[Job]:
        """Every job, the newest last."""
        found = [_job(each) for each in json.loads(self._call("GET", "/api/jobs/")) if each.get("submission_id")]
        return sorted(found, key=lambda job: job.started or float("inf"))

    def one(self, job: str) -> Job:
        """A job as it is now."""
        return _job(json.loads(self._call("GET", f"/api/jobs/{job}")))

    def log(self, job: str) -> str:
        """All that it said."""
        return str(json.loads(self._call("GET", f"/api/jobs/{job}/logs")).get("logs") or "")

    def stop(self, job: str) -> None:
        """Asks it to stop: SIGTERM, and SIGKILL if that does not help."""
        self._call("POST", f"/api/jobs/{job}/stop")

    def delete(self, job: str) -> None:
        """Forgets a job that is over."""
        self._call("DELETE", f"/api/jobs/{job}")

    def nodes(self) -> list[NodeSize]:
        """The nodes that live."""
        answer = json.loads(self._call("GET", "/api/v0/nodes?limit=10000&detail=1"))
        listed = answer["data"]["result"]["result"]
        return [
            NodeSize(node.get("node_name") or node["node_ip"], node.get("resources_total") or {})
            for node in listed
            if node["state"] == "ALIVE"
        ]

    def _call(self, method: str, path: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.address}{path}", data=data, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        if data is not None:
            request.add_header("Content-Type", "application/octet-stream" if method == "PUT" else "application/json")
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise self._refusal(error, path) from None
        except OSError as error:
            reason = getattr(error, "reason", None) or error
            raise Away(f"{self.address} does not answer: {reason}; a Ray head's dashboard is allowed") from None

    def _refusal(self, error: urllib.error.HTTPError, path: str) -> Exception:
        if error.code in (401, 403):
            return NoCluster(f"{self.address} refused the token ({TOKEN_PATH}={self._where}); the cluster's is allowed")
        if error.code == 404:
            return FileNotFoundError(f"{self.address}{path}: there is none")
        said = " ".join(error.read(2000).decode(errors="replace").split())[:300]
        return NoCluster(f"{self.address}{path} answered {error.code}: {said}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def token_of(environment: Mapping[str, str]) -> str:
    """The token: ``RAY_AUTH_TOKEN``, else what the file at ``RAY_AUTH_TOKEN_PATH`` holds, else Ray's own file.

    Raises:
        NoCluster: there is none, or others may read it.
    """
    if environment.get(TOKEN):
        return environment[TOKEN].strip()
    path = _place(environment)
    try:
        with open(path, encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise NoCluster(f"{TOKEN_PATH}: others can open {path} (mode {mode:04o}); mode 0600 is allowed")
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        allowed = "the file with the cluster's token is allowed, with mode 0600"
        raise NoCluster(f"{TOKEN_PATH}: no token in {path}: {why}; {allowed}") from error


def _place(environment: Mapping[str, str]) -> Path:
    return Path(environment.get(TOKEN_PATH) or Path.home() / ".ray" / "auth_token")


def _checked(address: str) -> str:
    whole = address if "://" in address else f"http://{address}"
    parts = urlsplit(whole.rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise NoCluster(f"--address: {address!r} is no dashboard; http://HOST:8265 or https://HOST is allowed")
    return whole.rstrip("/")


def _job(said: Mapping[str, Any]) -> Job:
    return Job(
        id=said["submission_id"],
        status=said["status"],
        message=" ".join((said.get("message") or "").split()),
        started=(said.get("start_time") or 0) / 1000,
        metadata=said.get("metadata") or {},
        package=(said.get("runtime_env") or {}).get("working_dir", ""),
    )
