"""Tries every door of some ports, as a stranger would, and prints what each answered: run on the stranger's machine.

Standard input: ``{"targets": [[host, port], …], "token": text or null, "paths": […], "methods": […]}``. Per target:
whether it connects, whether it speaks TLS, the status of every HTTP path (GET, or another verb before it), and the code
of every gRPC method. A path or method that is not there answers 404 or UNIMPLEMENTED.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SECONDS = 10


def probe(host: str, port: int, token: str | None, paths: list[str], methods: list[str]) -> dict[str, Any]:
    try:
        socket.create_connection((host, port), SECONDS).close()
    except OSError as error:
        return {"connects": False, "why": type(error).__name__, "http": {}, "grpc": {}}
    answered = {"connects": True, "tls": False, "http": {}, "grpc": {}}
    for tls in (False, True):
        if _http(host, port, "/", token, tls) is not None:
            answered["tls"] = tls
            answered["http"] = {path: _http(host, port, path, token, tls) for path in paths}
            break
    else:
        answered["grpc"] = _grpc(host, port, token, methods)
    return answered


def _http(host: str, port: int, path: str, token: str | None, tls: bool) -> int | None:
    """The status; None where no HTTP is spoken."""
    verb, _, rest = path.rpartition(" ")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        if tls:
            context = ssl._create_unverified_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
        try:
            connection.request(verb or "GET", rest, b"{}" if verb == "POST" else None, headers)
            return connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return None


def _grpc(host: str, port: int, token: str | None, methods: list[str]) -> dict[str, str]:
    import grpc

    metadata = [("authorization", f"Bearer {token}")] if token else []
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        try:
            grpc.channel_ready_future(channel).result(SECONDS)
        except grpc.FutureTimeoutError:
            return {}

        def call(method: str) -> str:
            try:
                channel.unary_unary(method)(b"", timeout=SECONDS, metadata=metadata)
            except grpc.RpcError as error:
                return str(error.code().name)
            return "OK"

        with ThreadPoolExecutor(8) as pool:
            return dict(zip(methods, pool.map(call, methods), strict=True))


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    with ThreadPoolExecutor(6) as pool:
        about = [(host, port, asked["token"], asked["paths"], asked["methods"]) for host, port in asked["targets"]]
        answers = pool.map(lambda each: probe(*each), about)
    print(json.dumps([[host, port, answer] for (host, port), answer in zip(asked["targets"], answers, strict=True)]))
