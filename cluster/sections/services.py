"""``services``: the MLflow server and the PostgreSQL that a team shares."""

from __future__ import annotations

from pydantic import Field

from cluster.values import Host, Image, Model, Path, Port


class Services(Model):
    """Where they listen, who may ask for them by which name, and where their data lies."""

    host: Host = Field(default="127.0.0.1", description="the address that they listen on")
    port: Port = Field(default=5000, description="MLflow's port")
    postgres_port: Port = Field(default=5432, description="PostgreSQL's port")
    names: list[Host] = Field(default_factory=list, description="further names that MLflow may be asked for by")
    data: Path = Field(default="/var/lib/minmax", description="where databases and artifacts lie")
    config: Path = Field(default="/etc/minmax", description="where secrets (0600 files) and certificates lie")
    python: Path = Field(default="/opt/sweeps/bin/python", description="the Python that systemd starts MLflow with")
    postgres_bin: Path = Field(default="/usr/lib/postgresql/15/bin", description="where PostgreSQL's programs lie")
    postgres_image: Image = Field(default="postgres:16.11", description="PostgreSQL's image, for docker compose")
