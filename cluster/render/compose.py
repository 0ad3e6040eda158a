"""The shared services for docker compose: MLflow with users on PostgreSQL, and a script that makes their secrets."""

from __future__ import annotations

from cluster.config import Cluster
from cluster.render import File
from cluster.render.services import context, server
from cluster.render.template import fill


def render(cluster: Cluster) -> list[File]:
    """A folder to run ``docker compose`` in."""
    values = context(cluster)
    tls = "/run/secrets" if values["remote"] else None
    mlflow = ["python", *server(cluster, "0.0.0.0", 5000, "/artifacts", tls)]
    rules = {"mlflow_from": "samenet", "studies_from": "all", "remote": values["remote"]}
    users = "postgresql+psycopg://mlflow@postgres/mlflow_users"
    return [
        File("services/compose.yaml", fill("services/compose.yaml.j2", mlflow=mlflow, **values)),
        File("services/roles.sql", fill("services/roles.sql.j2", folder="/run/secrets", **values)),
        File("services/pg_hba.conf", fill("services/pg_hba.conf.j2", **rules)),
        File(
            "services/make-secrets.sh",
            fill("services/make-secrets.sh.j2", folder=None, users=users, **values),
            executable=True,
        ),
    ]
