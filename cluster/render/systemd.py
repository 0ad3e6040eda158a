"""The shared services as systemd units: MLflow with users on PostgreSQL, and a script that sets them up."""

from __future__ import annotations

from cluster.config import Cluster
from cluster.render import File
from cluster.render.services import context, server
from cluster.render.template import fill


def render(cluster: Cluster) -> list[File]:
    """Two units, and what ``setup.sh`` reads."""
    services, values = cluster.services, context(cluster)
    tls = f"/run/credentials/{cluster.name}-mlflow.service" if values["remote"] else None
    artifacts = f"{services.data}/artifacts"
    values |= {
        "mlflow": [services.python, *server(cluster, services.host, services.port, artifacts, tls)],
        "artifacts": artifacts,
        "database": f"{services.data}/postgres",
        "listen": ",".join(dict.fromkeys(["127.0.0.1", services.host])),
    }
    rules = {"mlflow_from": "127.0.0.1/32", "studies_from": "127.0.0.1/32", "remote": values["remote"]}
    users = f"postgresql+psycopg://mlflow@127.0.0.1:{services.postgres_port}/mlflow_users"
    made = {
        f"{cluster.name}-postgres.service": fill("services/postgres.service.j2", **values),
        f"{cluster.name}-mlflow.service": fill("services/mlflow.service.j2", **values),
        "roles.sql": fill("services/roles.sql.j2", **{**values, "folder": "secrets"}),
        "pg_hba.conf": fill("services/pg_hba.conf.j2", **rules),
        "make-secrets.sh": fill("services/make-secrets.sh.j2", folder=services.config, users=users, **values),
        "setup.sh": fill("services/setup.sh.j2", **values),
    }
    return [File(f"systemd/{name}", text, name.endswith(".sh")) for name, text in made.items()]
