"""Asking a server over HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

SECONDS = 30


class Answer(NamedTuple):
    """``code`` is 0 where there was none."""

    code: int
    text: str


class Server(NamedTuple):
    """A server's address, and the certificate that it must show; None without TLS."""

    address: str
    trusted: Path | None

    def ask(
        self,
        path: str,
        login: tuple[str, str] | None = None,
        about: dict[str, Any] | None = None,
        method: str | None = None,
    ) -> Answer:
        """GET, or POST of what it is told about as JSON, as the user of ``login``. Proxies are not asked."""
        headers = {"Content-Type": "application/json"}
        if login is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        data = None if about is None else json.dumps(about).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        context = None if self.trusted is None else ssl.create_default_context(cafile=self.trusted)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                return Answer(answer.status, answer.read().decode(errors="replace"))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, str(error))
