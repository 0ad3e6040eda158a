"""What the two ways to run the shared services have in common: names, roles, secrets, MLflow's command line."""

from __future__ import annotations

import ipaddress
import shlex
from typing import Any

from cluster.config import Cluster
from cluster.services.place import asked_for, bracketed
from cluster.services.postgres import DATABASES
from cluster.services.tracking import LOCKED

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def context(cluster: Cluster) -> dict[str, Any]:
    """What both templates are given."""
    services = cluster.services
    remote = services.host not in LOOPBACK
    tls = ["tls-key", "certificate"] if remote else []
    mlflow = ["mlflow-passwords", "mlflow-users", "mlflow-key", *tls]
    postgres = ["postgres-admin", *(f"postgres-{role}" for role in DATABASES), *tls]
    return {
        "cluster": cluster,
        "services": services,
        "remote": remote,
        "host": bracketed(services.host),
        "names": names(cluster),
        "sans": ",".join(f"{'IP' if _is_address(name) else 'DNS'}:{name}" for name in names(cluster)),
        "roles": DATABASES,
        "secrets": {"mlflow": mlflow, "postgres": postgres, "all": list(dict.fromkeys(postgres + mlflow))},
        "locked": LOCKED,
    }


def names(cluster: Cluster) -> list[str]:
    """By which names MLflow may be asked for; a page that a browser is lured with has another."""
    return list(dict.fromkeys([cluster.services.host, *cluster.services.names]))


def server(cluster: Cluster, host: str, port: int, artifacts: str, tls: str | None) -> list[str]:
    """MLflow's options; ``tls`` is the folder of the certificate and its key."""
    options = ["--limit-concurrency", "200", "--timeout-graceful-shutdown", "5", "--no-access-log"]
    if tls is not None:
        options += ["--ssl-keyfile", f"{tls}/tls-key", "--ssl-certfile", f"{tls}/certificate"]
    allowed = asked_for(dict.fromkeys([*names(cluster), "127.0.0.1", "localhost"]), cluster.services.port)
    return [
        *("-m", "mlflow", "server", "--app-name", "basic-auth", "--workers", "1"),
        *("--host", host, "--port", str(port), "--uvicorn-opts", shlex.join(options)),
        *("--allowed-hosts", allowed, "--artifacts-destination", artifacts),
    ]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
