"""``network`` and ``ports``: where Ray listens, and whom a firewall lets near it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from cluster.values import Model, Net, Port, Word, wrong


class Network(Model):
    """The cluster's own network, and the people's."""

    interface: Word | None = Field(
        default=None, description="the interface between the nodes; else that of a node's first address"
    )
    nodes: Annotated[list[Net], Field(min_length=1)] = Field(
        default_factory=lambda: ["10.0.0.0/8"], description="the networks that nodes have addresses in"
    )
    people: list[Net] = Field(default_factory=list, description="the networks that people and services come from")


class Ports(Model):
    """Every port that Ray listens on, fixed, so that a firewall can name them."""

    gcs: Port = Field(default=6379, description="the GCS, which nodes join by")
    dashboard: Port = Field(default=8265, description="the dashboard, where jobs are submitted")
    client: Port = Field(default=10001, description="Ray's client")
    node_manager: Port = Field(default=6380, description="raylets")
    object_manager: Port = Field(default=6381, description="object stores")
    runtime_env_agent: Port = Field(default=6382, description="the agent of runtime environments")
    agent: Port = Field(default=6383, description="each node's agent, gRPC")
    agent_http: Port = Field(default=52365, description="each node's agent, HTTP")
    metrics: Port = Field(default=6384, description="Prometheus's text of a node")
    dashboard_metrics: Port = Field(default=6385, description="the same of the dashboard")
    autoscaler_metrics: Port = Field(default=6386, description="the same of the autoscaler")
    workers: Port = Field(default=10002, description="the first of the workers' ports")
    workers_end: Port = Field(default=10999, description="the last of them")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        single = [port for name, port in self if not name.startswith("workers")]
        if len(set(single)) < len(single):
            raise wrong("two of the ports are the same", "each port once is allowed")
        if not self.workers + 10 <= self.workers_end:
            raise wrong(f"workers' ports go from {self.workers} to {self.workers_end}", "at least 10 are allowed")
        if any(self.workers <= port <= self.workers_end for port in single):
            raise wrong("a port lies among the workers'", "each port once is allowed")
        return self
