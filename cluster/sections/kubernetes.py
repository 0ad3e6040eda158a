"""``kubernetes``: what KubeRay's objects need beside the shared keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cluster.values import Image, Model, Name, Net, Size, matching

Label = Annotated[
    str,
    matching(
        r"[a-z0-9.-]{1,200}(/[A-Za-z0-9._-]{1,63})?=[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
        "a label such as nvidia.com/gpu.product=A100",
    ),
]
PlainPort = Annotated[int, Field(ge=1, le=65535)]


class Reachable(Model):
    """What pods may talk to outside the cluster; everything else is denied."""

    to: Net = Field(description="a network, as 10.1.2.3/32")
    port: PlainPort = Field(description="a port there")


class Kubernetes(Model):
    """Namespace, the Secret that holds what ``secrets`` names, the shared volume, and what pods may reach."""

    namespace: Name = Field(default="minmax", description="where everything is made")
    secret: Name = Field(default="minmax", description="the Secret with the values of `secrets`, each under its name")
    token_secret: Name = Field(default="minmax-ray-token", description="the Secret with Ray's token, key auth_token")
    redis_secret: Name = Field(default="minmax-redis", description="the Secret with Redis' password, key password")
    claim: Name | None = Field(default=None, description="a ReadWriteMany claim, mounted at the folder `storage`")
    pull_secret: Name | None = Field(default=None, description="the Secret to pull the image with")
    scratch: Size = Field(default=10**10, description="each pod's temporary disk, as in 10GB")
    reach: list[Reachable] = Field(default_factory=list, description="what pods may talk to: [{to: network, port: N}]")
    api: Reachable | None = Field(
        default=None, description="the API server, {to: network, port: N}, as `kubectl get endpoints kubernetes` says"
    )
    operator: Name = Field(default="kuberay-operator", description="the namespace that KubeRay's operator runs in")
    redis_image: Image = Field(default="redis:7.4.7", description="Redis, which keeps what the GCS knows")
    gpu_label: Label | None = Field(default=None, description="the node label that GPU workers ask for, as key=value")
