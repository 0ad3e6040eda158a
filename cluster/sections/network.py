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

    gcs: Port = 6379
    dashboard: Port = 8265
    client: Port = 10001
    node_manager: Port = 6380
    object_manager: Port = 6381
    runtime_env_agent: Port = 6382
    agent: Port = 6383
    agent_http: Port = 52365
    metrics: Port = 6384
    dashboard_metrics: Port = 6385
    autoscaler_metrics: Port = 6386
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
